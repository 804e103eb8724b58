"""Runs that are shown elsewhere after they were recorded, by what would have shown them meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from gankit.core.errors import UserError
from gankit.core.failures import in_short, warn
from gankit.core.progress import Progress, progress_at
from gankit.core.registry import registries
from gankit.kinds import Observer
from gankit.kinds.callbacks import Picture, Row, RunContext
from gankit.results.run_results import read_run
from gankit.runs.folder import EXPERIMENT
from gankit.runs.moments import recorded_pictures, root_of
from gankit.runs.recorded import load_recorded
from gankit.runs.status import RunState, state_of

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment


class RecordedRun(NamedTuple):
    """What an observer that tracks asks of a run, as far as that has come."""

    experiment: Experiment
    folder: Path
    runs_root: Path
    progress: Progress
    rows: list[Row]
    pictures: list[Picture]


@dataclass(frozen=True)
class Tracked:
    """What has become of a run that was to be shown elsewhere."""

    run: Path
    state: str
    """Of the run, as `gankit runs` tells it."""
    images: int = 0
    """Real images shown at the last of what it has recorded."""
    numbers: int = 0
    """Losses and metrics that it has recorded; all were told, or were known already."""
    events: int = 0
    pictures: int = 0
    failed: str | None = None
    """Why not all of it is shown; None if it is."""
    itself: str | None = None
    """Why it was left alone: the run is under way and tracks itself there; None if it was not."""


def tracking_observers() -> list[str]:
    """What the observers are called by which runs can be shown that are over."""
    return [entry.name for entry in registries["observer"].entries() if getattr(entry.component, "tracks", False)]


def refuse_untracking(observer: Observer, option: str) -> None:
    """Refuse an observer that shows nothing of runs that are over.

    Raises:
        UserError: then, with those that do.
    """
    if not observer.tracks:
        name = registries["observer"].entry_of(type(observer)).name
        others = ", ".join(tracking_observers())
        raise UserError(f"{option}: {name} shows nothing of runs that are over; these do: {others}")


def track(folder: Path, observer: Observer) -> Tracked:
    """Show elsewhere what a run has recorded; what fails is part of what is returned."""
    state = state_of(folder)
    try:
        experiment = load_recorded(folder / EXPERIMENT)
        if state is RunState.RUNNING:
            watched = experiment.model_copy(update={"observers": [*experiment.observers, observer]})
            if reasons := [*observer.problems(watched)]:
                return Tracked(folder, state, itself="; ".join(reasons))
        run = _recorded(folder.absolute(), experiment)
        rows, events = run.rows, sum(row.note is not None for row in run.rows)
        told = Tracked(folder, state, run.progress.images, len(rows) - events, events, len(run.pictures))
    except UserError as reason:
        return Tracked(folder, state, failed=str(reason))
    try:
        observer.callback(cast("RunContext", run)).on_close()
    except Exception as failure:  # whatever a tracker raises, other runs are to be shown
        return Tracked(**{**vars(told), "failed": in_short(failure)})
    return told


def _recorded(folder: Path, experiment: Experiment) -> RecordedRun:
    """What the folder of a run has."""
    results, stages = read_run(folder, check=True), experiment.stages()
    for why in results.damage:
        warn(why)
    at = progress_at(stages, results.cost.images)
    root, pictures = root_of(folder, experiment), recorded_pictures(folder, stages)
    return RecordedRun(experiment, folder, root, at, results.rows, pictures)


def track_line(told: Tracked) -> str:
    """What has become of a run, on a line."""
    if told.failed is not None:
        return f"{told.run}: {told.failed}"
    if told.itself is not None:
        return f"{told.run} is under way and shows itself there: {told.itself}"
    counts = {"number": told.numbers, "event": told.events, "picture": told.pictures}
    what = ", ".join(f"{count:,} {name}{'s' * (count != 1)}" for name, count in counts.items() if count)
    so_far = f" up to {told.images:,} images, where it is" if told.state == RunState.RUNNING else ""
    return f"{told.run}: {what or 'nothing recorded yet'}{so_far}"
