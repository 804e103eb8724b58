"""From the file of an experiment to the experiment, with every mistake in it shown where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from gankit.config import Experiment
from gankit.errors import UserError
from gankit.plugins import plugins
from gankit.reading.checks import missing, problems
from gankit.reading.dumping import dump_experiment
from gankit.reading.locating import mistakes_of, place_of
from gankit.reading.marks import LONGEST_MESSAGE, Mistake, printable, report, shortened
from gankit.reading.merging import read_experiment
from gankit.reading.nodes import Entry, Items, Node, Scalar, Table, items, plain, table
from gankit.reading.parts import Problem, components

__all__ = ["Judged", "components", "dump_experiment", "judge", "load_experiment", "load_root", "the_experiment"]


class Judged(NamedTuple):
    """An experiment, or what is wrong with it."""

    experiment: Experiment | None
    """None if it cannot be read as one."""
    wrong: list[Mistake]
    """Everything that its user has to mend."""
    lacking: list[Mistake]
    """What a valid experiment needs and this machine lacks."""


def load_experiment(
    path: Path,
    settings: Sequence[str] = (),
    plugin_files: Sequence[Path] = (),
    check: bool = True,
    note: Callable[[str], None] | None = None,
    begun: bool = False,
) -> Experiment:
    """Read an experiment with everything it extends and every plugin it needs.

    Args:
        path: The YAML file.
        settings: Changes of the form a.b=value, applied in order.
        plugin_files: Plugins that are single files, beside those that the experiment itself lists.
        check: False leaves out whether it can be run, for an experiment that has been: its data may be gone.
        note: Told each thing that a valid experiment needs and this machine lacks; without it, that is an error too.
        begun: Its run goes on, so that what it started from is no longer needed.

    Raises:
        UserError: with every mistake found, each as `file:line:column: option: what is wrong` and its source line.
    """
    return the_experiment(load_root(path, settings, plugin_files), str(path), check, note, begun)


def the_experiment(
    root: Table, first: str, check: bool = True, note: Callable[[str], None] | None = None, begun: bool = False
) -> Experiment:
    """The experiment that `root` says; see `load_experiment`.

    Args:
        root: What stands in its file, with all that it extends.
        first: The file.
        check: False leaves out whether it can be run.
        note: Told each thing that is missing here; without it, that is an error too.
        begun: Its run goes on, so that what it started from is no longer needed.

    Raises:
        UserError: with every mistake found.
    """
    judged = judge(root, check, begun)
    if judged.experiment is None or judged.wrong or (judged.lacking and note is None):
        raise report([*judged.wrong, *judged.lacking], first)
    for mistake in judged.lacking:
        if note is not None:
            note(str(mistake))
    return judged.experiment


def load_root(path: Path, settings: Sequence[str] = (), plugin_files: Sequence[Path] = ()) -> Table:
    """What stands in a file of an experiment or a study and in all that it extends; loads every plugin it needs.

    Raises:
        UserError: if any of that cannot be read.
    """
    plugins.load_installed()
    for file in plugin_files:
        try:
            plugins.load_file(file)
        except UserError as failure:
            raise UserError(printable(shortened(str(failure), LONGEST_MESSAGE))) from None
    return _with_plugins(read_experiment(path, settings), plugin_files, first=str(path))


def judge(root: Table, check: bool = True, begun: bool = False) -> Judged:
    """The experiment that `root` says, with all that is wrong with it and all that is missing here.

    Args:
        root: What stands in its file, with all that it extends.
        check: False leaves out whether it can be run.
        begun: Its run goes on, so that what it started from is no longer needed.
    """
    try:
        experiment = Experiment.model_validate(plain(root))
    except ValidationError as failure:
        return Judged(None, mistakes_of(failure, root), [])

    def placed(found: Sequence[Problem]) -> list[Mistake]:
        return [Mistake(*place_of(experiment, root, part), message) for part, message in found]

    if not check:
        return Judged(experiment, [], [])
    return Judged(experiment, placed(problems(experiment)), placed(missing(experiment, begun)))


def _with_plugins(root: Table, plugin_files: Sequence[Path], first: str) -> Table:
    """Load the plugin files that `root` lists, and list all plugin files with their absolute paths.

    Raises:
        UserError: naming each that failed, where it is listed.
    """
    key, listed = root.entries.get("plugins", Entry(root.mark, items(root.mark, [])))
    if not isinstance(listed, Items) or not all(isinstance(plain(item), str) for item in listed.items):
        return root  # for the experiment's own type to refuse
    files: dict[Path, Node] = {path: Scalar(root.mark, str(path)) for path in (file.resolve() for file in plugin_files)}
    mistakes: list[Mistake] = []
    for position, item in enumerate(listed.items):
        in_file = item.mark.line is not None
        file = (Path(item.mark.source).parent if in_file else Path()) / str(plain(item))
        try:
            plugins.load_file(file)
        except UserError as failure:
            mistakes.append(Mistake(item.mark, ("plugins", position), str(failure)))
        else:
            files[file.resolve()] = Scalar(item.mark, str(file.resolve()))
    if mistakes:
        raise report(mistakes, first)
    return table(root.mark, {**root.entries, "plugins": Entry(key, items(listed.mark, list(files.values())))})
