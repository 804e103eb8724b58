"""The experiment that a run's folder holds, which may be anyone's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

from gankit.checkpoints.classes import with_classes, with_classes_of
from gankit.checkpoints.integrity import newest_manifest
from gankit.config.experiment import Experiment
from gankit.config.loader import experiment_in, with_plugins
from gankit.config.old_records import former_options, run_in_new_words
from gankit.config.yaml.merge import read_experiment, with_settings
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.parser import mapping
from gankit.config.yaml.writer import dump_experiment, inline
from gankit.core.errors import UserError
from gankit.core.text import first_of
from gankit.discovery.manager import plugins
from gankit.kinds import Dataset
from gankit.runs.folder import EXPERIMENT
from gankit.runs.may_change import HOW_READ, MAY_CHANGE, listed_options

DECISIVE = "experiment"
"""What a checkpoint's manifest calls the options that decide what is trained, each by its path."""
MOST_CHANGED = 3
"""Options that are named."""


def load_recorded(file: Path, settings: Sequence[str] = (), check: bool = False) -> Experiment:
    """Read the experiment of a run, with the classes that it began with.

    A run's folder holds copies of plugins that are single files: to read its experiment is to execute their code, which
    is said before, each by its name and hash, or refused as the user asks (`gankit.discovery.manager.NO_RUN_PLUGINS`).

    Args:
        file: The experiment.yaml in the run's folder.
        settings: Changes of the form a.b=value, applied in order.
        check: Whether it must be possible to run it here.

    Raises:
        UserError: with every mistake found; without settings, also if it is not what the run has been trained by.
    """
    plugins.load_installed()
    root = with_settings(run_in_new_words(read_experiment(file)), settings)
    with_files, kept = with_plugins(root, (), str(file)), partial(with_classes_of, run=file.parent)
    experiment = experiment_in(with_files, str(file), check, begun=True, kept=kept)
    if not settings and (changed := changed_options(file.parent, _plain(experiment))) is not None:
        raise UserError(f"{changed}; put it back")
    return experiment


def allowed_changes(before: Experiment, wanted: Experiment, run: Path | None = None) -> dict[str, dict[str, Any]]:
    """What differs between two experiments, by the path of the option.

    Where the images lie and how they are read may differ too: whoever loads them sees by their fingerprint whether they
    are the same.

    Raises:
        UserError: naming every option that must not differ, and what to do instead with the run in `run`.
    """
    old, new = (dict(_flat(experiment.model_dump(mode="json"))) for experiment in (before, wanted))
    changes = {
        option: {"before": old.get(option), "now": new.get(option)}
        for option in old | new
        if old.get(option) != new.get(option) and option != "plugins"  # their code is compared by its hash
    }
    of_images = judged_by_images(wanted.data)
    free = (*MAY_CHANGE, *(option for option in judged_by_images(before.data) if option in of_images))
    refused = [option for option in changes if not _is_among(option, free)]
    if refused:
        listed = "\n".join(
            f"  {option}: {_said(before, old, option)} in the run, {_said(wanted, new, option)} now"
            for option in refused
        )
        raise UserError(
            f"a run goes on as it began; only {listed_options(free)} may be changed, but these were too:\n{listed}\n"
            f"{_instead(before, wanted, refused, 'RUN' if run is None else quote(str(run)))}"
        )
    return changes


def _instead(before: Experiment, wanted: Experiment, refused: Sequence[str], run: str) -> str:
    """What to do where options may not change: train further if the last stage alone is longer, or begin a new run."""
    old, new = before.stages(), wanted.stages()
    more = new[-1].images - old[-1].images
    is_longer = more > 0 and old[:-1] == new[:-1] and old[-1].resolution == new[-1].resolution
    if is_longer and all(option.startswith(("growth.", "training.extend")) for option in refused):
        return f"a run that is finished is trained further in its last stage by: gankit resume {run} --extend {more}"
    return f"a new run that begins with the weights of this one says training.start_from: {run}"


def _said(experiment: Experiment, written: Mapping[str, Any], option: str) -> str:
    """The value of an option; where it is not written, for it is as by default, that default."""
    if option in written:
        return f"{written[option]}"
    value: Any = experiment
    for name in option.split("."):
        value = getattr(value, name, None)
    return "none" if value is None else f"{value} (the default)"


def decisive_options(experiment: Experiment) -> dict[str, Any]:
    """The options that decide what is trained, plain values by their paths, for checkpoints to keep."""
    free = (*MAY_CHANGE, "training.extend", "plugins", *judged_by_images(experiment.data))
    return {option: value for option, value in _flat(_plain(experiment)) if not _is_among(option, free)}


def changed_options(run: Path, options: Mapping[str, Any]) -> str | None:
    """In what the options of a run's experiment.yaml are not those that it was trained by, in words.

    Returns:
        None if they are, or there is no checkpoint that tells: gankit 0.1 and a run that is just begun keep none.
    """
    now = dict(_flat(options))
    recorded: Mapping[str, Any] = newest_manifest(run).get(DECISIVE, {})
    former = {*former_options(recorded)}
    trained = {option: value for option, value in recorded.items() if option not in former}
    changed = [
        f"{option} was {inline(trained[option])} and is {inline(now[option]) if option in now else 'gone'}"
        for option in {**now, **trained}  # in the order of the file
        if option in trained and (option not in now or now[option] != trained[option])
    ]
    said = f"{run / EXPERIMENT} is not what the run was trained by: {first_of(changed, MOST_CHANGED)}"
    return said if changed else None


def places_of(data: Dataset) -> list[str]:
    """The options that say where the images of a data set lie, as data.path."""
    return [f"data.{name}" for name, value in data if isinstance(value, Path)]


def judged_by_images(data: Dataset) -> list[str]:
    """The options of a data set that may be other ones as long as the images come out the same."""
    return [*(f"data.{name}" for name in HOW_READ if name in type(data).model_fields), *places_of(data)]


def refuse_other_images(run: Path, experiment: Experiment) -> None:
    """Load the images of an experiment that `run` has finished and notice that they are not those that it began with.

    Raises:
        UserError: then, or if they cannot be read; not if the run has no checkpoint left that tells.
    """
    from gankit.data.images import RealImages

    if manifest := newest_manifest(run):
        data, resolutions = with_classes(experiment, manifest).data, experiment.resolutions()
        refuse_other_fingerprint(manifest["data"], RealImages(data, resolutions).fingerprint)


def refuse_other_fingerprint(then: str, now: str) -> None:
    """Notice that the images are not those that the run began with.

    Raises:
        UserError: then.
    """
    if then != now:
        raise UserError(
            f"data: the images are not those that the run began with (fingerprint {then} then, {now} now), so it "
            "cannot go on as it would have; restore them, or begin a new run with training.start_from"
        )


def _plain(experiment: Experiment) -> dict[str, Any]:
    """All options as they stand in a run's experiment.yaml."""
    return plain_value(mapping(dump_experiment(experiment), EXPERIMENT))


def _is_among(option: str, options: Sequence[str]) -> bool:
    """Whether an option is one of `options`, in which * may stand for a name, or an option of one."""
    return any(fnmatchcase(f"{option}.", f"{each}.*") for each in options)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every option that is no mapping of options, by its dotted path."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for position, item in enumerate(value):
            yield from _flat(item, f"{path}.{position}")
    else:
        yield path, value
