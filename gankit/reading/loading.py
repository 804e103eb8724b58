"""From the file of an experiment to the experiment, with every mistake in it shown where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from gankit.config import Experiment
from gankit.errors import UserError
from gankit.plugins import plugins
from gankit.reading.checks import Problem, missing, problems
from gankit.reading.dumping import dump_experiment
from gankit.reading.locating import mistakes_of, place_of
from gankit.reading.marks import LONGEST_MESSAGE, Mistake, printable, report, shortened
from gankit.reading.merging import read_experiment
from gankit.reading.nodes import Entry, Items, Node, Scalar, Table, items, plain, table
from gankit.reading.parts import components

__all__ = ["components", "dump_experiment", "load_experiment"]


def load_experiment(
    path: Path,
    settings: Sequence[str] = (),
    plugin_files: Sequence[Path] = (),
    check: bool = True,
    note: Callable[[str], None] | None = None,
) -> Experiment:
    """Read an experiment with everything it extends and every plugin it needs.

    Args:
        path: The YAML file.
        settings: Changes of the form a.b=value, applied in order.
        plugin_files: Plugins that are single files, beside those that the experiment itself lists.
        check: False leaves out whether it can be run, for an experiment that has been: its data may be gone.
        note: Told each thing that a valid experiment needs and this machine lacks; without it, that is an error too.

    Raises:
        UserError: with every mistake found, each as `file:line:column: option: what is wrong` and its source line.
    """
    plugins.load_installed()
    for file in plugin_files:
        try:
            plugins.load_file(file)
        except UserError as failure:
            raise UserError(printable(shortened(str(failure), LONGEST_MESSAGE))) from None
    root = _with_plugins(read_experiment(path, settings), plugin_files, first=str(path))
    try:
        experiment = Experiment.model_validate(plain(root))
    except ValidationError as failure:
        raise report(mistakes_of(failure, root), first=str(path)) from None
    if check:
        _check(experiment, root, str(path), note)
    return experiment


def _check(experiment: Experiment, root: Table, first: str, note: Callable[[str], None] | None) -> None:
    """Raise for what keeps the experiment from working; tell `note` what is missing here, or raise for that too."""

    def placed(found: Sequence[Problem]) -> list[Mistake]:
        return [Mistake(*place_of(experiment, root, part), message) for part, message in found]

    wrong, lacking = placed(problems(experiment)), placed(missing(experiment))
    if wrong or (lacking and note is None):
        raise report([*wrong, *lacking], first)
    for mistake in lacking:
        if note is not None:
            note(str(mistake))


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
