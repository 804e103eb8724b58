"""Training from Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.config.notes import notes_on
from gankit.core.failures import warn
from gankit.core.progress import stages_in_short
from gankit.runs.folder import is_run, refuse_used
from gankit.runs.status import FolderTakenError, failed_untrained

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment
    from gankit.kinds.callbacks import Callback, RunContext
    from gankit.runs.loop import TrainingLoop


def train(
    experiment: Experiment,
    out: str | PathLike[str] | None = None,
    *,
    resume: bool = False,
    rehearsal: bool = True,
    profile: bool = False,
    source: Path | None = None,
    callback: Callable[[RunContext], Callback] | None = None,
) -> Path:
    """Train and evaluate an experiment, as `gankit run` does.

    Args:
        experiment: What is trained, by `gankit.Experiment.read`.
        out: The run's folder, new or empty; default: runs/NAME.
        resume: Go on with the run if it was begun before; one that is finished is left as it is.
        rehearsal: Try every stage, loss, penalty and metric on a few images first.
        profile: Tell where the time goes, by part of the experiment.
        source: The experiment's file, for the provenance.
        callback: Makes what is told of the run beside the observers that the experiment names, as theirs is made.

    A run that failed before anything was trained begins anew.

    Returns:
        The run's folder.

    Raises:
        UserError: if the folder holds anything else, or data or weights cannot be had.
        RunError: if the run cannot go on; its folder tells how far it came.
    """
    path = Path("runs") / experiment.name if out is None else Path(out)
    carry_out(_prepared(experiment, path, source, resume, rehearsal, partial(loop_of, profile, callback)))
    return path


def carry_out(training: TrainingLoop | None) -> None:
    """Train what is to be trained; if that is nothing, have those leave that were started to help."""
    from gankit.runs.others import dismiss_launched

    if training is None:
        dismiss_launched()
    else:
        training.train()


def _prepared(
    experiment: Experiment,
    path: Path,
    source: Path | None,
    may_resume: bool,
    rehearsed: bool,
    loop_asked: Callable[[], Callable[..., TrainingLoop]],
) -> TrainingLoop | None:
    """A run that is ready to train, or to go on; None if it is finished. Only what it is asked for imports torch."""
    goes_on = is_run(path) and (may_resume or failed_untrained(path))
    if not goes_on:
        refuse_used(path)
        warn(f"{path} is being prepared: {stages_in_short(experiment.stages())}")  # torch takes its time
        for note in notes_on([experiment]):
            warn(note)

    from gankit.runs.start import begin, resume

    loop = loop_asked()
    try:
        if goes_on:
            return resume(path, experiment=experiment, rehearsed=rehearsed, loop=loop)
        training = begin(experiment, path, source, rehearsed, loop)
        warn(f"{path} begins")
        return training
    except FolderTakenError:
        if goes_on or not may_resume:
            raise
        # begun by another process while this one was loading
        return resume(path, experiment=experiment, rehearsed=rehearsed, loop=loop)


def loop_of(profiled: bool, callback: Callable[[RunContext], Callback] | None = None) -> Callable[..., TrainingLoop]:
    """What trains, and tells a callback of it beside the experiment's observers."""
    if profiled:
        from gankit.costs.profiled_loop import ProfiledLoop as Loop
    else:
        from gankit.runs.loop import TrainingLoop as Loop
    return partial(Loop, callback=callback)
