"""What is left to do of a run that is taken up again, found out and said before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from gankit.checkpoints import store
from gankit.checkpoints.store import Checkpoint
from gankit.config.experiment import Experiment
from gankit.core.errors import UserError
from gankit.core.failures import warn
from gankit.runs.folder import RunFolder
from gankit.runs.late import LateEvaluation, late_evaluation, measured_as, unheeded
from gankit.runs.loop import Task
from gankit.runs.recorded import allowed_changes
from gankit.runs.rows import METRICS, read_rows
from gankit.runs.status import last_event


class Continuation(NamedTuple):
    """How a run goes on."""

    experiment: Experiment
    """What is run from here on."""
    changes: dict[str, dict[str, Any]]
    """What of it is other than it was, by the path of the option."""
    checkpoint: Checkpoint | None
    """Where it goes on; None: at the beginning."""
    late: LateEvaluation | None
    """What is measured first, on checkpoints that it kept."""
    trains: bool
    """Whether there is anything to train; else there is only something to measure or to record."""


def continuation(
    path: Path, folder: RunFolder, before: Experiment, wanted: Experiment, extend: int, records: bool
) -> Continuation | None:
    """How the run in `folder` goes on; None if nothing is left to do, which is said.

    Args:
        path: The folder as the user named it.
        folder: The same, held by this process.
        before: What has been run so far.
        wanted: What is to be run.
        extend: Images to go on for after the run was finished.
        records: Whether there are numbers to be recorded, be it finished or not.

    Raises:
        UserError: if what is to be run is not the same, the checkpoints are gone, or a run that is to be extended is
            not finished.
    """
    wanted = _extended(wanted, max(before.training.extend, wanted.training.extend))
    changes = allowed_changes(before, wanted, path)
    checkpoint = store.newest(folder.checkpoints, warn)
    late = late_evaluation(folder.path, before, wanted, None if checkpoint is None else _evaluated(checkpoint))
    if late and late.lacking:
        warn(f"{path}: {late.lacking}")
    measures = late if late and late.kept else None
    if checkpoint is None:
        rows = read_rows(folder.path / METRICS)
        if rows and (extend or last_event(folder.path) != "finished"):
            raise UserError(_without_checkpoints(path, rows[-1].images))
        if rows:
            _say_unheeded(path, changes, late)
            warn(f"{path} is finished; as its checkpoints are gone it cannot be trained further")
            return None
    elif _is_finished(checkpoint, before):
        if extend:
            return Continuation(
                _extended(wanted, before.training.extend + extend), changes, checkpoint, measures, trains=True
            )
        _say_unheeded(path, changes, late)
        if measures is None and not records:
            _put_back(folder, checkpoint)
            warn(f"{path} is finished; train it further with: gankit resume {quote(str(path))} --extend 100k")
            return None
        wanted = measured_as(before, wanted)
        return Continuation(wanted, allowed_changes(before, wanted), checkpoint, measures, trains=False)
    if extend:
        raise UserError(f"--extend: {path} is not finished yet; resume it without first")
    return Continuation(wanted, changes, checkpoint, measures, trains=True)


def _extended(experiment: Experiment, images: int) -> Experiment:
    """The experiment with so many images beyond its schedule."""
    training = experiment.training.model_copy(update={"extend": images})
    return experiment.model_copy(update={"training": training})


def _is_finished(checkpoint: Checkpoint, experiment: Experiment) -> bool:
    """Whether nothing was left to do."""
    total = sum(stage.images for stage in experiment.stages())
    return checkpoint.manifest["images"] >= total and not checkpoint.state["due"]  # its tasks, by the former word


def _evaluated(checkpoint: Checkpoint) -> int:
    """Images up to which a run had been measured: not where it is to be as it goes on."""
    return checkpoint.manifest["images"] - bool({Task.EVALUATION, Task.QUICK_EVALUATION} & {*checkpoint.state["due"]})


def _say_unheeded(path: Path, changes: Iterable[str], late: LateEvaluation | None) -> None:
    """Say which options were changed that mean nothing to a run that is finished."""
    if options := unheeded(changes, late):
        warn(f"{path} is finished, so these options change nothing of it: {', '.join(options)}")


def _without_checkpoints(path: Path, images: int) -> str:
    """Why a run cannot go on that has recorded rows and whose checkpoints somebody has deleted."""
    return (
        f"{path} was trained for {images:,} images, but its checkpoints are gone: put them back to go on; to train it "
        "again choose another folder, or move this one, as its record would be lost"
    )


def _put_back(folder: RunFolder, checkpoint: Checkpoint) -> None:
    """Let the record of a finished run hold all that its last checkpoint says; what is there instead is kept."""
    try:
        if folder.metrics.startswith(checkpoint.metrics):
            return
    except OSError:  # it is lost
        pass
    kept = folder.keep(METRICS)
    folder.rewind(checkpoint.metrics)
    where = f"; it is kept as {kept.name}" if kept else ""
    warn(f"{folder.path / METRICS} was not what the run had recorded and is put back{where}")
