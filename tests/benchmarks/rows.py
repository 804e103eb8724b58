"""The tables that are printed: what was measured, beside what is to be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.spreads import Spread


@dataclass(frozen=True)
class Row:
    """One thing that is to be reached, or only to be known."""

    what: str
    measured: Spread
    goal: float | None = None
    """None: there is none."""
    better: Literal["higher", "lower"] = "higher"
    unit: str = ""
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the median reaches the goal, if there is one."""
        if self.goal is None:
            return None
        return self.measured.median >= self.goal if self.better == "higher" else self.measured.median <= self.goal

    def cells(self) -> list[str]:
        """As a table has them."""
        spread, unit = self.measured, f" {self.unit}" if self.unit else ""
        goal = met = ""
        if self.goal is not None:
            goal = f"{'≥' if self.better == 'higher' else '≤'} {number(self.goal)}{unit}"
            short = f"{abs(spread.median / self.goal - 1):.0%} {'below' if self.better == 'higher' else 'above'}"
            met = "yes" if self.is_met else f"no: {short}"
        each = ", ".join(map(number, spread.runs))
        return [self.what, f"{number(spread.median)}{unit}", _range(spread), each, goal, met, self.note]


HEADINGS = ("what", "median", "quartiles", "each run", "goal", "met", "")


@dataclass(frozen=True)
class Iteration:
    """What an iteration of a system takes."""

    system: str
    code: str
    """Whose."""
    resolution: int
    width: int
    milliseconds: float
    images: int
    gigaflops: float
    of_peak: Spread
    megabytes: float
    """At the highest, over the base, as it is started."""
    parameters: dict[str, int]

    def cells(self) -> list[str]:
        """As a table has them."""
        return [
            f"{self.system}, {self.resolution}x{self.resolution}, {self.width} channels",
            self.code,
            number(self.milliseconds),
            number(self.images / self.milliseconds * 1e3),
            number(self.gigaflops),
            number(self.of_peak.median),
            f"{self.megabytes:.0f}",
            " + ".join(f"{count:,}" for count in self.parameters.values()),
        ]


ITERATION_HEADINGS = ("system", "code", "ms", "images/s", "GFLOP", "of peak", "MB", "parameters")


def _range(spread: Spread) -> str:
    lower, upper = spread.quartiles
    return f"{number(lower)} to {number(upper)}"


def number(value: float) -> str:
    """Three digits, or all before the point; as a power of ten what would have none."""
    if 0 < abs(value) < 1e-3:
        return f"{value:.1e}"
    digits = 3 - len(f"{abs(value):.0f}".lstrip("0"))
    return f"{value:,.{max(0, digits)}f}"


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose columns are as wide as what is in them."""
    lines = [list(headings), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]

    def line(cells: Sequence[str], pad: Callable[[str, int], str]) -> str:
        return f"| {' | '.join(pad(cell, width) for cell, width in zip(cells, widths, strict=True))} |"

    body = [line(each, str.ljust) for each in lines]
    return "\n".join([body[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *body[1:]])
