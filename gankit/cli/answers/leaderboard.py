"""What gankit leaderboard answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from gankit.cli.answers.base import Answer, DamagedAnswer, Number
from gankit.cli.answers.results import SeedAnswer
from gankit.results.run_results import ENERGY

if TYPE_CHECKING:
    from gankit.results.leaderboard import Leaderboard, RankedEntry, Ranking


class EntryAnswer(Answer):
    """Runs that one sender has of one experiment, by one way of measuring."""

    entry: str
    """What it is called."""
    sender: str
    """The folder that it was sent as."""
    experiment: str
    """Its experiment.yaml."""
    rank: tuple[int, int] | None
    """The best and the worst place that it may have; null if unknown."""
    n: int
    """Seeds that gave a finite number."""
    mean: Number | None
    std: Number | None
    interval: tuple[Number, Number] | None
    """The mean's, 95% of confidence."""
    seeds: list[SeedAnswer]
    seconds: float | None
    cpu_seconds: float | None
    cpu_joules: float | None = None
    """Energy, where the machine counted it."""
    gpu_joules: float | None = None
    """Energy, where the GPU counted it."""
    began: str | None
    machine: str | None
    remarks: list[str]
    """What could not be checked, or is not as it should be."""

    @classmethod
    def of(cls, one: RankedEntry, metric: str) -> Self:
        """An entry of a leaderboard by `metric`; folders are as they were found."""
        seeds = [
            SeedAnswer(seed=run.seed, value=stage.metrics[metric].value, images=stage.images, folder=str(run.path))
            for run, stage in ((each.run, each.stage) for each in one.runs)
        ]
        return cls(
            entry=one.label,
            sender=one.runs[0].sender,
            experiment=str(one.experiment),
            rank=one.rank,
            n=one.summary.n,
            mean=one.summary.mean,
            std=one.summary.std,
            interval=one.summary.interval,
            seeds=seeds,
            seconds=one.cost("seconds"),
            cpu_seconds=one.cost("cpu_seconds"),
            **{name: one.joules(name) for name in ENERGY},
            began=one.began,
            machine=one.machine,
            remarks=one.remarks,
        )


class RankingAnswer(Answer):
    """Entries that were measured in one way, the best mean first."""

    resolution: int
    better: Literal["lower", "higher"]
    protocol: dict[str, Any]
    first_place: list[str]
    """Entries that may be the best."""
    entries: list[EntryAnswer]

    @classmethod
    def of(cls, ranking: Ranking, metric: str) -> Self:
        """A table of a leaderboard by `metric`."""
        return cls(
            resolution=ranking.resolution,
            better=ranking.better,
            protocol=ranking.protocol,
            first_place=[one.label for one in ranking.first],
            entries=[EntryAnswer.of(one, metric) for one in ranking.entries],
        )


class LeaderboardAnswer(Answer):
    """What others have sent, checked and ranked; exit code 1 if something was refused."""

    metric: str
    tables: list[RankingAnswer]
    refused: list[DamagedAnswer]

    @classmethod
    def of(cls, found: Leaderboard) -> Self:
        """All that was sent."""
        return cls(
            metric=found.metric,
            tables=[RankingAnswer.of(ranking, found.metric) for ranking in found.rankings],
            refused=[DamagedAnswer(folder=str(one.path), reason=one.reason) for one in found.refused],
        )
