"""What gankit run and resume answer: a line as each thing happens, the last when the run or the study has ended."""

from __future__ import annotations

from typing import Literal

from gankit.cli.answers.base import Line, RowAnswer


class StartedLine(Line):
    """A run begins or goes on."""

    event: Literal["started"] = "started"
    folder: str
    """The run's, an absolute path."""
    name: str
    """Of the experiment, or of the study."""
    variant: str | None
    """Of a study."""
    seed: int
    images: int
    """Real images shown before."""
    total: int
    """Real images that the whole run shows."""
    stages: int


class ProgressLine(Line):
    """Where a run stands; every few seconds."""

    event: Literal["progress"] = "progress"
    images: int
    """Real images shown so far."""
    total: int
    stage: int
    """Number of the stage, the first is 1."""
    stages: int
    resolution: int
    """Height of the images in pixels."""
    name: str
    """The stage's; mostly empty."""
    alpha: float
    """Weight of the newest layers, from 0 to 1 while they fade in."""
    images_per_second: float | None
    """Over the last seconds of training; null until it can be told."""
    seconds_left: float | None
    """Of training, evaluations left out."""


class RowsLine(Line):
    """Metrics were recorded, or events, such as the guard's, whose rows have a note; losses are in metrics.jsonl."""

    event: Literal["rows"] = "rows"
    rows: list[RowAnswer]


class RolledBackLine(Line):
    """A run stands at an earlier point again; all rows beyond that are void, but for those with a note."""

    event: Literal["rolled back"] = "rolled back"
    images: int
    """Real images shown there."""


class RunEndedLine(Line):
    """A run of a study has ended."""

    event: Literal["run ended"] = "run ended"
    run: str
    """VARIANT/seed-N."""
    folder: str
    """The run's, an absolute path."""
    failure: str | None
    """Why it failed; null if it is finished."""


class EndedLine(Line):
    """All is over; the last line, in whose place an error stands if nothing came of it."""

    event: Literal["ended"] = "ended"
    folder: str
    """Of the run, or of the study; an absolute path."""
    status: Literal["finished", "failed"]
    """failed: runs of a study did, or a run has measured nothing of what it was to measure."""
    metrics: list[RowAnswer]
    """Of a run: the last of each stage, with protocols; of a study none, which gankit compare tells."""
    failures: dict[str, str]
    """Of a study: its runs that failed, and why."""


TrainingLine = StartedLine | ProgressLine | RowsLine | RolledBackLine | RunEndedLine | EndedLine
