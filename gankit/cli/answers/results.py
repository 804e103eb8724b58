"""What commands answer that read or measure what runs have come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from gankit.cli.answers.base import Answer, DamagedAnswer, Number, RowAnswer, Wrote
from gankit.results.run_results import RunResults
from gankit.results.significance import Method, Verdict
from gankit.runs.status import RunState, state_of

if TYPE_CHECKING:
    from gankit.results.afterwards import Tracked
    from gankit.results.parting import Parting


def metric_rows(run: RunResults) -> list[RowAnswer]:
    """The last numbers of each stage of a run."""
    return [RowAnswer.of(row) for stage in run.stages for row in stage.metrics.values()]


class LastValue(Answer):
    """The last value of a metric."""

    metric: str
    """Ends in _quick if it is by the cheaper protocol."""
    value: Number
    images: int
    """Real images shown when it was measured."""
    resolution: int


class RunAnswer(Answer):
    """Where a run stands."""

    folder: str
    name: str
    """Of its experiment, or of its study."""
    variant: str | None
    seed: int
    state: RunState
    """failed: an error or an observer ended it; cut short: interrupted or killed, gankit resume goes on with it."""
    stage: int | None
    """Number of the stage, the first is 1; null before anything was recorded."""
    stages: int | None
    """How many it is to go through, if that is known."""
    images: int
    """Real images shown."""
    total: int | None
    """Real images that it is to show, if that is known."""
    last: LastValue | None
    damage: list[str]
    """What is wrong with its folder though it can be read."""

    @classmethod
    def of(cls, run: RunResults, metric: str) -> Self:
        """Where a run stands, with its last value of a metric."""
        newest = max(run.rows, key=lambda row: row.images, default=None)
        row = run.last_value(metric)
        last = row and LastValue(metric=row.name, value=row.value, images=row.images, resolution=row.resolution)
        return cls(
            folder=str(run.path),
            name=run.name,
            variant=run.variant,
            seed=run.seed,
            state=state_of(run.path),
            stage=None if newest is None else newest.stage,
            stages=len(run.plan) or None,
            images=run.cost.images,
            total=run.total,
            last=last,
            damage=run.damage,
        )


class RunsAnswer(Answer):
    """What has become of every run."""

    runs: list[RunAnswer]
    damaged: list[DamagedAnswer]
    """Runs that cannot be read."""


class MeasuredAnswer(Answer):
    """What was measured of one run, checkpoint, export or folder of images."""

    path: str
    rows: list[RowAnswer]
    """Every number with its protocol."""

    @classmethod
    def of(cls, run: RunResults) -> Self:
        """All numbers of what was measured."""
        return cls(path=str(run.path), rows=metric_rows(run))


class EvaluateAnswer(Answer):
    """Measurements by one ruler."""

    measurements: list[MeasuredAnswer]


class AverageAnswer(Answer):
    """Averages of a run, chosen after training."""

    wrote: str | None
    """With --length."""
    images: int | None
    """Real images shown to the generator that was written."""
    snapshots: int | None
    """Of how many it was made."""
    apart: float | None
    """How far its profile is from the one asked for, as a share."""
    measurements: list[MeasuredAnswer]
    """With --sweep, each length by itself."""


class ReportAnswer(Wrote):
    """A page that was written."""

    damaged: list[DamagedAnswer]
    """Runs that are missing on it."""


class UnlikeNumberAnswer(Answer):
    """A number of which two runs do not have the same; null where it was not recorded."""

    name: str
    here: Number | None
    there: Number | None


class DiffAnswer(Answer):
    """Where two runs part; exit code 1 if they do."""

    runs: list[str]
    same: int
    """How many numbers are the same before that."""
    until: int
    """Images shown at the last of these."""
    at: int | None
    """Images shown at the first that is not; null if all are the same."""
    numbers: list[UnlikeNumberAnswer]
    """All that differ there."""
    options: dict[str, dict[str, str]]
    """Options that differ, by path, of the runs here and there."""
    origin: dict[str, dict[str, str]]
    """Differences of code, versions and machine, by path, of the runs here and there."""

    @classmethod
    def of(cls, found: Parting) -> Self:
        """Where two runs part; each is named by its folder."""
        numbers = [UnlikeNumberAnswer(**each._asdict()) for each in found.numbers]
        return cls(**{**vars(found), "runs": [str(run.path) for run in found.runs], "numbers": numbers})


class ComparedRun(Answer):
    """A run of a variant, and its cost."""

    seed: int
    folder: str
    images: int
    total: int | None
    seconds: float | None
    cpu_seconds: float | None
    cpu_joules: float | None = None
    """Energy, where the machine counts it."""
    gpu_joules: float | None = None
    """Energy, where the GPU counts it."""
    parameters: dict[str, int]


class VariantAnswer(Answer):
    """Runs that differ in nothing but their seeds."""

    variant: str
    study: str | None
    runs: list[ComparedRun]
    differing: dict[str, str]
    """Options in which variants differ, by dotted path."""


class SeedAnswer(Answer):
    """One seed's number at the end of a stage."""

    seed: int
    value: Number
    images: int
    folder: str


class DifferenceAnswer(Answer):
    """A variant's mean less the baseline's."""

    value: Number
    interval: tuple[Number, Number] | None
    """95% of confidence."""
    method: Method | None
    p: float | None
    p_holm: float | None = None
    """With --holm: corrected for the number of variants."""
    detectable: Number | None
    """The difference that so many seeds would find."""


class VariantResultAnswer(Answer):
    """How one variant fares at one stage."""

    variant: str
    n: int
    """Seeds that gave a finite number."""
    mean: Number | None
    std: Number | None
    interval: tuple[Number, Number] | None
    """The mean's, 95% of confidence."""
    best: Number | None
    rank: tuple[int, int] | None
    """The best and the worst place that it may have; null if unknown."""
    seeds: list[SeedAnswer]
    difference: DifferenceAnswer | None
    """Null of the baseline."""
    verdict: Verdict | None
    """Null of the baseline."""


class StageComparisonAnswer(Answer):
    """All variants by one metric at the end of one stage, the best first."""

    metric: str
    resolution: int
    stage: str | None = None
    """The stage's name, if it has one."""
    better: Literal["lower", "higher"]
    floor: Number | None
    """What reals score."""
    protocol: dict[str, Any]
    floor_protocol: dict[str, Any]
    first_place: list[str]
    """Variants that may be the best; empty where ranks are unknown."""
    variants: list[VariantResultAnswer]


class UnfinishedAnswer(Answer):
    """A run that has not come to its end."""

    variant: str
    seed: int
    folder: str
    state: RunState
    images: int
    total: int | None
    last: list[RowAnswer]
    """The newest value of each metric."""


class UnmeasuredAnswer(Answer):
    """A run without numbers that others have."""

    variant: str
    seed: int
    folder: str
    lacks: list[str]


class CompareAnswer(Answer):
    """Variants side by side, as `--format json` has it too."""

    metrics: list[str]
    baseline: str
    holm: bool
    variants: list[VariantAnswer]
    stages: list[StageComparisonAnswer]
    unfinished: list[UnfinishedAnswer]
    unmeasured: list[UnmeasuredAnswer]
    damaged: list[DamagedAnswer]
    """Runs that cannot be read."""
    restored: list[DamagedAnswer]
    """Runs whose numbers are those of their newest checkpoint."""
    changed: list[DamagedAnswer]
    """Runs whose experiment.yaml is not what they were trained by."""


class TrackedAnswer(Answer):
    """What has become of one run in a tracker."""

    run: str
    """Its folder."""
    state: Literal["running", "finished", "failed", "cut short"]
    images: int
    """Real images shown at the last of what it has recorded."""
    numbers: int
    """Losses and metrics that it has recorded; all were told, or were known already."""
    events: int
    pictures: int
    failed: str | None
    """Why not all of it is shown; null if it is."""
    itself: str | None
    """Why it was left alone: the run is under way and tracks itself there; null if it was not."""

    @classmethod
    def of(cls, told: Tracked) -> Self:
        """What has become of a run."""
        return cls(**{**vars(told), "run": str(told.run)})


class TrackAnswer(Answer):
    """Runs that were shown in a tracker; exit code 1 if not all of them were."""

    to: dict[str, Any]
    """The observer, with all its options."""
    runs: list[TrackedAnswer]
