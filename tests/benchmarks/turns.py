"""Worker processes that iterate in turn, so that what else the machine does slows all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.effort import Effort
from benchmarks.sides import AS_STARTED, Side, working
from benchmarks.spreads import Spread
from benchmarks.work import Job

PEAK_SECONDS = 0.3
"""Of each round that go to the machine's peak, where it is asked for."""
BLOCK = 10
"""Rounds of which the quickest counts, where a small difference is asked for."""


@dataclass
class Turns:
    """What was measured of some jobs; sides are numbered as these."""

    seconds: list[list[list[float]]] = field(default_factory=list)
    """An iteration of each side in each round of each run."""
    peaks: list[list[float]] = field(default_factory=list)
    """Floating point operations a second of the fastest convolution, in each round of each run."""
    flops: list[float] = field(default_factory=list)
    """Of an iteration of each side, where peaks were asked for."""
    memory: list[int] = field(default_factory=list)
    """Bytes of each side at the highest, over its base, in the last run."""
    parameters: list[dict[str, int]] = field(default_factory=list)
    """Of each side, by network."""

    def median(self, side: int) -> float:
        """Seconds an iteration of a side."""
        return statistics.median(taken for run in self.seconds for taken in run[side])

    def ratio(self, over: int, under: int) -> Spread:
        """How many times as long one side takes as another, round by round."""
        return Spread.of([[a / b for a, b in zip(run[over], run[under], strict=True)] for run in self.seconds])

    def difference(self, of: int, to: int) -> Spread:
        """How many seconds longer an iteration of one side takes than one of another.

        By the quickest of each in every ten rounds: what else a machine does only ever makes iterations longer, and
        would hide a difference that is small beside them.
        """
        return Spread.of(
            [[a - b for a, b in zip(_quickest(run[of]), _quickest(run[to]), strict=True)] for run in self.seconds]
        )

    def of_peak(self, side: int) -> Spread:
        """The share of the peak that a side reaches, round by round."""
        flops = self.flops[side]
        return Spread.of(
            [
                [flops / taken / peak for taken, peak in zip(run[side], peaks, strict=True)]
                for run, peaks in zip(self.seconds, self.peaks, strict=True)
            ]
        )


def _quickest(taken: Sequence[float]) -> list[float]:
    """Of every `BLOCK` seconds the least, the rest left out; of fewer the least of all."""
    whole = len(taken) // BLOCK * BLOCK or len(taken)
    return [min(taken[first : min(whole, first + BLOCK)]) for first in range(0, whole, BLOCK)]


def in_turn(
    jobs: Sequence[Job],
    effort: Effort,
    allocator: Mapping[str, str] = AS_STARTED,
    clock: Literal["cpu", "wall"] = "cpu",
    peaks: bool = False,
) -> Turns:
    """Let jobs iterate in turn, after one iteration each that does not count.

    Args:
        jobs: Each round begins with another.
        effort: For how long and in how many runs.
        allocator: Environment of all of them.
        clock: Whose seconds: the processor's, for the process, or the wall's.
        peaks: Also measure the machine's peak in each round, and count operations.
    """
    turns = Turns()
    for _ in range(effort.runs):
        with working(*jobs, allocator=allocator) as sides:
            for side in sides:
                side.once()
            _rounds(turns, sides, effort, clock, peaks)
            turns.memory = [side.ask("memory") for side in sides]
            turns.parameters = [side.ask("parameters") for side in sides]
            if peaks and not turns.flops:
                turns.flops = [side.flops() for side in sides]
    return turns


def _rounds(turns: Turns, sides: list[Side], effort: Effort, clock: str, peaks: bool) -> None:
    taken: list[list[float]] = [[] for _ in sides]
    found: list[float] = []
    until = time.monotonic() + effort.seconds
    while time.monotonic() < until or len(taken[0]) < effort.rounds:
        shift = len(taken[0]) % len(sides)
        for position in [*range(shift, len(sides)), *range(shift)]:
            taken[position].append(sides[position].once(clock))
        if peaks:
            found.append(sides[0].ask("peak", min(PEAK_SECONDS, effort.seconds)))
    turns.seconds.append(taken)
    turns.peaks.append(found)
