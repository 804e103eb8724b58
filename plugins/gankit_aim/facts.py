"""What results need of a run and Aim has no place for, kept in one param of its Aim run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from gankit.core.progress import Stage
from gankit.kinds.callbacks import Row
from gankit.results.plugin_code import Code
from gankit.results.protocols import of_reals

PARAM = "gankit"
"""The param; it holds JSON as text, for of an object every value would be a column of Aim's table of runs."""


class Measured(NamedTuple):
    """How a metric was measured from some number of images on."""

    name: str
    resolution: int
    """Height of the images in pixels."""
    stage: int
    """Number of the stage, the first is 1."""
    since: int
    """Real images shown when it was first measured so."""
    protocol: dict[str, Any]
    """All that metrics.jsonl says of how."""

    @property
    def series(self) -> str:
        """What it is tracked as."""
        return series_of(Row(self.since, self.stage, self.resolution, self.name, 0.0, self.protocol))


class Reached(NamedTuple):
    """How far a stage came."""

    resolution: int
    """Height of the images in pixels."""
    last: int
    """Real images shown when something was last recorded in it; of the stage under way a number that is outdated."""


@dataclass
class Facts:
    """All of them."""

    stages: list[Stage]
    """The stages that the run is to go through."""
    options: dict[str, Any]
    """The experiment with every default, in its order, which a param's value loses."""
    begun: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    """When the Aim run was begun."""
    whole: bool = False
    """Whether it shows all that there was to show when it was begun."""
    measured: list[Measured] = field(default_factory=list)
    """How metrics were measured, in the order in which they were first measured so."""
    reached: dict[int, Reached] = field(default_factory=dict)
    """By the numbers of the stages that have begun."""
    events: list[Row] = field(default_factory=list)
    """With their notes."""
    seconds: float | None = None
    """What the stages that are complete took; None if that is not known."""
    parameters: dict[str, int] = field(default_factory=dict)
    """Of the networks."""
    code: list[Code] = field(default_factory=list)
    """The source of each plugin that was used."""

    def add(self, rows: Iterable[Row]) -> bool:
        """Take in what `rows`, recorded last, tell; whether any of it is to be written down."""
        before = len(self.measured), len(self.reached), len(self.events)
        for row in rows:
            if row.note is not None:
                self.events.append(row._replace(value=float(row.value)))
                continue  # they stay when a run goes back, so they do not tell how far it is
            if row.protocol is not None:
                known = self.history(series_of(row), row.resolution)
                if not known or (known[-1].stage, known[-1].protocol) != (row.stage, row.protocol):
                    self.measured.append(Measured(row.name, row.resolution, row.stage, row.images, row.protocol))
            last = self.reached[row.stage].last if row.stage in self.reached else 0
            self.reached[row.stage] = Reached(row.resolution, max(last, row.images))
        return before != (len(self.measured), len(self.reached), len(self.events))

    def history(self, series: str, resolution: int) -> list[Measured]:
        """How the metric that is tracked as `series` was measured at a resolution, first to last."""
        return [how for how in self.measured if how.resolution == resolution and how.series == series]

    def at(self, images: int) -> tuple[int, int]:
        """The number and the resolution of the stage in which so many images had been shown."""
        for number, stage in sorted(self.reached.items()):
            if images <= stage.last or number == max(self.reached):
                return number, stage.resolution
        return 1, self.stages[0].resolution

    def as_text(self) -> str:
        """The param's value."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The facts in a param's value.

        Raises:
            ValueError: if it is none.
        """
        try:
            fields = json.loads(text)
            stages = [Stage(*stage) for stage in fields.pop("stages")]
            measured = [Measured(*how) for how in fields.pop("measured")]
            reached = {int(number): Reached(*stage) for number, stage in fields.pop("reached").items()}
            events = [Row(*event) for event in fields.pop("events")]
            code = [Code(*source) for source in fields.pop("code", [])]
            options = fields.pop("options")
            return cls(stages, options, measured=measured, reached=reached, events=events, code=code, **fields)
        except (TypeError, KeyError, AttributeError) as failure:
            raise ValueError(f"not what gankit writes: {failure}") from failure


def series_of(row: Row) -> str:
    """What a row is tracked as: what measures reals, the same for every run, stands behind in Aim's table of runs."""
    return f"reals.{row.name}" if of_reals(row) else row.name
