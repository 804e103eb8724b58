"""How a run begins, and how it goes on after it was left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from gankit.checkpoints.classes import with_classes_of
from gankit.checkpoints.store import Checkpoint
from gankit.config.experiment import Experiment
from gankit.core.errors import RunError, UserError
from gankit.core.failures import in_short, warn
from gankit.core.text import LONGEST_MESSAGE, listed, names_in_short, shortened
from gankit.discovery.manager import plugins
from gankit.discovery.sources import sha256_of
from gankit.kinds.callbacks import Row
from gankit.runs.attribution import attributing_errors
from gankit.runs.components import RunComponents
from gankit.runs.continuation import Continuation, continuation
from gankit.runs.folder import EXPERIMENT, PLUGINS, PROVENANCE, RunFolder
from gankit.runs.loop import TrainingLoop
from gankit.runs.provenance import differences, provenance, recorded_provenance
from gankit.runs.recorded import load_recorded, places_of, refuse_other_fingerprint
from gankit.runs.rehearsal import rehearse
from gankit.runs.status import failed_untrained
from gankit.runs.transfer import transfer, with_classes_of_start

if TYPE_CHECKING:
    from gankit.training.trainer import Trainer


def begin(
    experiment: Experiment,
    path: Path,
    source: Path | None = None,
    rehearsed: bool = False,
    loop: Callable[..., TrainingLoop] = TrainingLoop,
) -> TrainingLoop:
    """A new run in `path`, a new or empty folder.

    Args:
        experiment: What is to be run.
        path: The run's folder.
        source: The experiment's file, for the provenance.
        rehearsed: Hold every stage, loss, penalty and metric to its contract first, as the command does.
        loop: What trains.

    Raises:
        FolderTakenError: if the folder holds a run, be it one that another process has begun meanwhile.
        UserError: if it holds anything else, data or weights cannot be had, or the rehearsal finds a component wrong;
            then there is no folder.
    """
    parts = _from_start(experiment)
    with _closed_on_failure(parts):
        if rehearsed:
            rehearse(parts)
        return loop(parts, RunFolder.create(path, experiment, source))


def _from_start(experiment: Experiment, threads: int | None = None) -> RunComponents:
    """All parts of a run at the beginning of training; its classes are told on standard error."""
    with attributing_errors(experiment):
        experiment = with_classes_of_start(experiment)
        parts = RunComponents.of(experiment, threads)
    with _closed_on_failure(parts):
        transfer(experiment, parts.trainer)
    names = parts.reals.class_names
    if parts.reals.attribute_names:
        warn(f"attributes: {names_in_short(parts.reals.attribute_names)}")
    if any(name != str(number) for number, name in enumerate(names)):
        warn(f"classes: {listed(names)}")
    return parts


@contextmanager
def _closed_on_failure(parts: RunComponents) -> Iterator[None]:
    """Let the evaluators go, which may be a process, if the run comes to nothing."""
    try:
        yield
    except BaseException:
        parts.evaluators.close()
        raise


def resume(
    path: Path,
    settings: Sequence[str] = (),
    experiment: Experiment | None = None,
    extend: int = 0,
    strict: bool = False,
    measured: Sequence[Row] = (),
    rehearsed: bool = False,
    loop: Callable[..., TrainingLoop] = TrainingLoop,
) -> TrainingLoop | None:
    """The run in `path` as its newest checkpoint left it; from the beginning if it has none yet.

    Args:
        path: The run's folder.
        settings: Changes of the form a.b=value to what may change.
        experiment: What is to be run, if not what the folder says; then with its plugins, not the folder's copies. It
            may be any where the run failed before anything was trained, as when it was mended since.
        extend: Images to go on for in the last stage after the run was finished.
        strict: Refuse to go on with other code or on a machine that computes otherwise, instead of warning.
        measured: What was measured on its checkpoints meanwhile, to be recorded.
        rehearsed: Rehearse what is still to come first: its stages, and the metrics.
        loop: What trains.

    Where evaluations are to be done otherwise than before, those that are over are done again on the checkpoints that
    the run kept, and recorded first.

    Returns:
        None if the run is finished, is not extended and there is nothing to measure or to record.

    Raises:
        UserError: if `path` is no run, another process has it, its checkpoints are gone, or what is to be run or its
            data is not the same.
    """
    starts_anew = experiment is not None and failed_untrained(path)
    folder = RunFolder.open(path)
    try:
        if experiment is not None and starts_anew:
            warn(f"{path} failed before anything was trained, and begins anew")
            parts = _from_start(experiment)
            with _closed_on_failure(parts):
                folder.renew(experiment)
                return loop(parts, folder)
        with plugins.trusting_loaded() if experiment else nullcontext():
            before = load_recorded(folder.path / EXPERIMENT)
        wanted = (
            with_classes_of(experiment, folder.path)
            if experiment
            else load_recorded(folder.path / EXPERIMENT, settings)
        )
        rest = continuation(path, folder, before, wanted, extend, records=bool(measured))
        if rest is None:
            folder.close()
            return None
        if experiment is None:
            _refuse_lacking_data(path, rest.experiment)
            load_recorded(folder.path / EXPERIMENT, settings, check=True)
        return _taken_up(path, folder, rest, strict, measured, rehearsed, loop)
    except BaseException:
        folder.close()
        raise


def _taken_up(
    path: Path,
    folder: RunFolder,
    rest: Continuation,
    strict: bool,
    measured: Sequence[Row],
    rehearsed: bool,
    loop: Callable[..., TrainingLoop],
) -> TrainingLoop:
    """The run in `folder` where it goes on; what is measured late is recorded, and that it goes on noted."""
    past, checkpoint = _past(folder), rest.checkpoint
    threads = past[-1].get("threads")  # their number decides the last bits
    if checkpoint is None:
        warn(f"{path} has no checkpoint yet and starts over")
        parts = _from_start(rest.experiment, threads)
    else:
        with attributing_errors(rest.experiment):
            parts = RunComponents.of(rest.experiment, threads)
    with _closed_on_failure(parts):
        if checkpoint is None:
            folder.rewind(b"")
        else:
            refuse_other_fingerprint(checkpoint.manifest["data"], parts.reals.fingerprint)
            _refuse_other_state(folder.path / EXPERIMENT, checkpoint, parts.trainer)
        if rehearsed:
            rehearse(parts, checkpoint.manifest["images"] if checkpoint else 0)
        now = provenance(rest.experiment, Path.cwd())
        _say_what_is_other(folder, past, now, strict)
        if checkpoint is not None:
            rows = [*(rest.late.measured(parts) if rest.late else ()), *measured]
            if rows:
                checkpoint = folder.add_late(checkpoint, rows)
            elif not rest.trains:
                raise RunError(f"{path}: nothing was recorded, as no metric gave a number")
            if rest.trains:
                warn(f"{path} goes on at {checkpoint.manifest['images']:,} images")
        _note(folder, past, now, rest.experiment, rest.changes, checkpoint)
        return loop(parts, folder, checkpoint)


def _refuse_lacking_data(path: Path, experiment: Experiment) -> None:
    """Notice that the images are gone, which can be told where they are now.

    Raises:
        UserError: then.
    """
    with attributing_errors(experiment):
        lacking = experiment.data.missing(experiment)
    if lacking and (places := places_of(experiment.data)):
        elsewhere = f"gankit resume {quote(str(path))} --set {places[0]}=FOLDER"
        raise UserError(f"data: {lacking}; if the images were moved, go on with: {elsewhere}")


def _refuse_other_state(file: Path, checkpoint: Checkpoint, trainer: Trainer) -> None:
    """Notice that a checkpoint is not one of the experiment in the run's folder, before anything is noted there.

    Most that are not say so themselves; those of gankit 0.1 keep no options, and whoever sends a folder may seal any.

    Raises:
        UserError: then.
    """
    try:
        trainer.load_state_dict(checkpoint.state)
    except (RuntimeError, LookupError, TypeError, ValueError) as failure:
        reason = shortened(in_short(failure), LONGEST_MESSAGE)
        raise UserError(
            f"{file} does not fit {checkpoint.path}; put back what the run began with: {reason}"
        ) from failure


def _past(folder: RunFolder) -> list[dict[str, Any]]:
    """What is noted of the run's beginning and of each time that it went on; said if that is lost, at least one."""
    try:
        return recorded_provenance(folder.path)
    except UserError as damage:
        warn(f"{damage}; a new one is begun, and what the run was trained with so far is not known")
        return [{"lost": str(damage)}]


def _say_what_is_other(folder: RunFolder, past: Sequence[dict[str, Any]], now: dict[str, Any], strict: bool) -> None:
    """Warn of what decides the bits of a run and is other than it was.

    Raises:
        UserError: if `strict` and there is something, or it is not known.
    """
    other = differences(past[-1], now)
    if strict and "lost" in past[-1]:
        raise UserError(f"--strict: what the run was trained with so far is not known: {past[-1]['lost']}")
    if other and strict:
        raise UserError(
            "--strict: the code or the machine is not that which the run was trained with so far:\n  "
            + "\n  ".join(other)
        )
    for file in _changed_since(past[0].get("plugins", {}), now["plugins"], folder.path / PLUGINS):
        warn(f"{file} has been changed; the run goes on with the copy that it began with, in {folder.path / PLUGINS}")
    for difference in other:
        warn(f"warning: {difference}; the run will not be to the bit what it would have been")


def _note(
    folder: RunFolder,
    past: Sequence[dict[str, Any]],
    now: dict[str, Any],
    experiment: Experiment,
    changes: Mapping[str, Any],
    checkpoint: Checkpoint | None,
) -> None:
    """Record that the run goes on here and now, and with what changes.

    Raises:
        RunError: if it cannot be recorded.
    """
    if past == [{"lost": past[0].get("lost")}] and (kept := folder.keep(PROVENANCE)) is not None:
        warn(f"what was left of {folder.path / PROVENANCE} is kept as {kept.name}")
    images = checkpoint.manifest["images"] if checkpoint else 0
    noted = {**past[0], "resumed": [*past[1:], {"images": images, "changed": changes, **now}]}
    folder.write(PROVENANCE, json.dumps(noted, indent=2) + "\n")
    folder.write_experiment(experiment)
    folder.time("resumed", images=images)


def _changed_since(then: Mapping[str, Any], now: Mapping[str, Any], copies: Path) -> list[str]:
    """The files of plugins that are not what they were when a run began, which goes on with copies of them."""
    files = {
        Path(about["path"]): about["sha256"]
        for name, about in then.items()
        if name in now and Path(now[name]["path"]).parent == copies.resolve()
    }
    return [str(file) for file, sha256 in files.items() if file.is_file() and sha256_of(file) != sha256]
