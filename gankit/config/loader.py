"""From the file of an experiment to the experiment, with every mistake in it shown where it stands."""

from __future__ import annotations

import json
import os.path
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from gankit.config.checks import missing, problems
from gankit.config.experiment import Experiment
from gankit.config.mistakes import mistakes_of, naming_other_places, place_of
from gankit.config.old_records import study_in_new_words
from gankit.config.precision import missing_gpu
from gankit.config.walk import Problem
from gankit.config.yaml.marks import Mark, Mistake, mistakes_error
from gankit.config.yaml.merge import extended, read_experiment, with_settings
from gankit.config.yaml.nodes import Item, Items, Node, Scalar, Table, plain_value
from gankit.config.yaml.parser import mapping, parse
from gankit.core.errors import UserError
from gankit.core.options import Options, did_you_mean
from gankit.core.text import LONGEST_MESSAGE, printable, shortened
from gankit.discovery.manager import plugins


def bundled_experiment(name: str) -> Path:
    """The file of the bundled experiment called `name`, such as "quickstart".

    Raises:
        UserError: if there is none.
    """
    package = Path(__file__).parents[1]
    folders = [package / "experiments", package.parent / "experiments"]  # in a wheel, in a checkout
    for folder in folders:
        if (folder / f"{name}.yaml").is_file():
            return folder / f"{name}.yaml"
    names = sorted(file.stem for folder in folders for file in folder.glob("*.yaml"))
    hint = did_you_mean(name, names) or f" There are: {', '.join(names) or 'none'}."
    raise UserError(f"no experiment called {name!r} comes with gankit.{hint}", hint)


class ValidationResult(NamedTuple):
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
    note: Callable[[Mistake], None] | None = None,
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
    return experiment_in(load_root(path, settings, plugin_files), str(path), check, note)


def experiment_of_text(text: str, name: str, settings: Sequence[str] = ()) -> Experiment:
    """The experiment of a text that stands in no file; what it extends and its plugins lie in the current folder.

    Args:
        text: YAML.
        name: What errors call it.
        settings: Changes of the form a.b=value, applied in order.

    Raises:
        UserError: with every mistake found, and what is missing to run it here.
    """
    plugins.load_installed()
    root = with_settings(extended(mapping(text, name), Path(name)), settings)
    return experiment_in(with_plugins(root, (), first=name), name)


def experiment_in(
    root: Table,
    first: str,
    check: bool = True,
    note: Callable[[Mistake], None] | None = None,
    begun: bool = False,
    kept: Callable[[Experiment], Experiment] | None = None,
) -> Experiment:
    """The experiment that `root` says, which the file `first` begins; `begun` is for `missing`, the rest as above.

    What a run has kept of it is added by `kept`, before it is checked.
    """
    validated = validate(root, check, begun, kept)
    if validated.experiment is None or validated.wrong or (validated.lacking and note is None):
        raise mistakes_error([*validated.wrong, *validated.lacking], first)
    for mistake in validated.lacking:
        if note is not None:
            note(mistake)
    return validated.experiment


def load_root(
    path: Path, settings: Sequence[str] = (), plugin_files: Sequence[Path] = (), recorded: bool = False, room: int = 1
) -> Table:
    """What stands in a file of an experiment or a study and in all that it extends; loads every plugin it needs.

    Old words are read in the study that gankit has `recorded` itself; `room` is as for `read_experiment`.

    Raises:
        UserError: if any of that cannot be read.
    """
    plugins.load_installed()
    for file in plugin_files:
        try:
            plugins.load_file(file)
        except UserError as failure:
            raise UserError(printable(shortened(str(failure), LONGEST_MESSAGE))) from None
    root = read_experiment(path, room=room)
    root = study_in_new_words(root) if recorded else root
    return with_plugins(with_settings(root, settings), plugin_files, first=str(path))


def validate(
    root: Table,
    check: bool = True,
    begun: bool = False,
    kept: Callable[[Experiment], Experiment] | None = None,
    trains_here: bool = True,
) -> ValidationResult:
    """The experiment that `root` says, with all that is wrong with it and all that is missing here.

    `check` as for `load_experiment`, `begun` as for `missing`, `kept` as for `experiment_in`. A GPU is not missed where
    it is open whether this machine trains.
    """
    try:
        experiment = Experiment.model_validate(plain_value(root))
    except ValidationError as failure:
        return ValidationResult(None, mistakes_of(failure, root, of_experiment=True), [])
    if kept is not None:
        experiment = kept(experiment)

    def placed(found: Sequence[Problem]) -> list[Mistake]:
        told = (Mistake(*place_of(experiment, root, part), message) for part, message in found)
        return [*dict.fromkeys(naming_other_places(mistake, root) for mistake in told)]

    if not check:
        return ValidationResult(experiment, [], [])
    lacking = [*missing(experiment, begun), *(missing_gpu(experiment) if trains_here else ())]
    return ValidationResult(experiment, placed(problems(experiment)), placed(lacking))


def with_plugins(root: Table, plugin_files: Sequence[Path], first: str) -> Table:
    """Load the plugin files that `root` lists, and list all plugin files with their absolute paths.

    Raises:
        UserError: naming each that failed, where it is listed.
    """
    key, listed = root.entries.get("plugins", Item(root.mark, Items(root.mark, [])))
    if not isinstance(listed, Items) or not all(isinstance(plain_value(item), str) for item in listed.items):
        return root  # for the experiment's own type to refuse
    files: dict[Path, Node] = {path: Scalar(root.mark, str(path)) for path in (file.resolve() for file in plugin_files)}
    mistakes: list[Mistake] = []
    for position, item in enumerate(listed.items):
        in_file = item.mark.line is not None
        file = (Path(item.mark.source).parent if in_file else Path()) / str(plain_value(item))
        try:
            plugins.load_file(file, listed_in=item.mark.source if in_file else None)
        except UserError as failure:
            mistakes.append(Mistake(item.mark, ("plugins", position), str(failure)))
        else:
            files[file.resolve()] = Scalar(item.mark, str(file.resolve()))
    if mistakes:
        raise mistakes_error(mistakes, first)
    return Table(root.mark, {**root.entries, "plugins": Item(key, Items(listed.mark, list(files.values())))})


T = TypeVar("T", bound=Options)


def read_arguments(model: type[T], given: Mapping[str, str | None], in_python: bool = False) -> T:
    """The options that arguments give, each the YAML of one; those that are None are left out.

    They are those of a command line, or `in_python` the keywords of a function.

    Raises:
        UserError: with every mistake found, each naming its argument.
    """
    entries = {}
    for option, text in given.items():
        if text is not None:
            mark = Mark(f"{option}={text}" if in_python else f"--{option} {text}")
            entries[option] = Item(mark, parse(text, mark.source, has_lines=False) or Scalar(mark, None))
    root = Table(Mark(""), entries)
    try:
        return model.model_validate(plain_value(root))
    except ValidationError as failure:
        raise mistakes_error(mistakes_of(failure, root), first="") from None


def data_argument(text: str, **options: object) -> str:
    """A data set as YAML: `text` itself, or the folder or zip archive of images that it names.

    Args:
        text: A name, a mapping with its options, or an existing folder or archive.
        options: Of the folder's data set.
    """
    if not os.path.isdir(text) and not (text.lower().endswith(".zip") and os.path.isfile(text)):
        return text
    return json.dumps({"use": "folder", "path": os.path.abspath(text), **options})
