"""How long an iteration takes: as its operations do alone, by a factor longer, and what calling them costs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gankit.costs.counting import Workload
from gankit.costs.machine import Took
from gankit.costs.operations import Load, Operation
from gankit.costs.replay import Replay

USUAL_CALL = 3e-5
"""Seconds that calling an operation costs in Python and autograd, where nothing tells it from the operation itself."""
FACTORS = 0.6, 2.0
"""Between which the time of operations among others is that of them alone."""
UNLIKE = 5.0
"""How much slower or faster than others of what they have to do some operations may be."""
FLOPS_A_SECOND, BYTES_A_SECOND = 1e11, 5e9
"""By which is guessed which operations take long, before any has been timed."""


class Point(NamedTuple):
    """Something that was measured and modelled."""

    alone: float
    """Seconds that its operations take alone."""
    calls: float
    """Operations, views included."""
    seconds: float
    """Seconds of work that it took."""


class TimeModel:
    """Learns how long things take from what was measured, to tell it of what was not."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self.points: list[Point] = []
        self._took: list[Took] = []

    def try_operations(self, workload: Workload, has_time: Callable[[], bool]) -> None:
        """Time the operations of a workload alone, those first that probably take longest, while there is time."""
        guesses = {operation: _guess(workload.loads[operation]) * n for operation, n in workload.counts.items()}
        for operation in sorted(guesses, key=lambda operation: -guesses[operation]):
            if not has_time():
                break
            self._replay.time(operation, workload.loads[operation])

    def learn(self, workload: Workload, took: Took) -> None:
        """Note how long a workload took."""
        self.points.append(Point(self.alone(workload), workload.calls, took.work))
        self._took.append(took)

    def seconds(self, workload: Workload) -> float:
        """How many seconds pass while a workload is done among all that surrounds it."""
        factor, call = self._fitted()
        return self.pace * (factor * self.alone(workload) + call * workload.calls)

    @property
    def pace(self) -> float:
        """Seconds that pass while CPUs work for one, by all that was measured whole, or else of single operations."""
        took = self._took or self._replay.took
        work = sum(each.work for each in took)
        return sum(each.wall for each in took) / work if work else 1.0

    def alone(self, workload: Workload) -> float:
        """How long its operations take one by one; of those that were not timed, as others of their like."""
        known, guessed = self._replay.seconds, _Guesses(self._replay)
        total = 0.0
        for operation, count in workload.counts.items():
            seconds = known.get(operation)
            total += count * (guessed.seconds(operation, workload.loads[operation]) if seconds is None else seconds)
        return total

    def _fitted(self) -> tuple[float, float]:
        """The factor, and the seconds of a call, that suit what was measured best, what was measured last most."""
        if not self.points:
            return 1.0, USUAL_CALL
        if len(self.points) == 1:
            [point] = self.points
            factor = (point.seconds - USUAL_CALL * point.calls) / point.alone
            if factor >= 1:
                return min(factor, FACTORS[1]), USUAL_CALL
            return self._with_factor(1.0)
        weights = [2.0**position / point.seconds for position, point in enumerate(self.points)]
        rows = np.array([[point.alone, point.calls] for point in self.points]) * np.array(weights)[:, None]
        goals = np.array([point.seconds for point in self.points]) * np.array(weights)
        factor, call = np.linalg.lstsq(rows, goals, rcond=None)[0].tolist()
        if call < 0 or not FACTORS[0] <= factor <= FACTORS[1]:
            return self._with_factor(float(np.clip(rows[:, 0] @ goals / (rows[:, 0] @ rows[:, 0]), 1.0, FACTORS[1])))
        return factor, call

    def _with_factor(self, factor: float) -> tuple[float, float]:
        """A factor, and what then is left for calls where that is least."""
        point = self.points[-1]
        call = (point.seconds - factor * point.alone) / point.calls
        return (factor, call) if call >= 0 else (max(FACTORS[0], point.seconds / point.alone), 0.0)


class _Guesses:
    """How long operations take that were not timed: as the one of the same function that has most nearly as much to do.

    How much more or less than by `_guess` that is goes by all operations, and by `UNLIKE` at most beyond.
    """

    def __init__(self, replay: Replay) -> None:
        timed = [
            (operation, replay.loads[operation], seconds) for operation, seconds in replay.seconds.items() if seconds
        ]
        whole = sum(_guess(load) for _, load, _ in timed)
        self._usual = sum(seconds for *_, seconds in timed) / whole if whole else 1.0
        self._timed: dict[Any, list[tuple[float, float]]] = defaultdict(list)
        for operation, load, seconds in timed:
            self._timed[operation.function].append((_guess(load), seconds))

    def seconds(self, operation: Operation, load: Load) -> float:
        """Of one."""
        mine, timed = _guess(load), self._timed[operation.function]
        if not timed or not mine:
            return mine * self._usual
        guess, seconds = min(timed, key=lambda pair: abs(math.log(pair[0] / mine)))
        return mine * min(UNLIKE * self._usual, max(self._usual / UNLIKE, seconds / guess))


def _guess(load: Load) -> float:
    return load.flops / FLOPS_A_SECOND + max(1, load.moved) / BYTES_A_SECOND
