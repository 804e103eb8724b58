"""What is measured: work that goes on by iterations, of gankit or of another's code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Cycle: TypeAlias = tuple[tuple[int, int], ...]
"""Numbers of iterations that stand for all, each with how many of a cycle it stands for."""
ALIKE: Cycle = ((0, 1),)
"""Of work whose iterations are all alike."""


class Work(ABC):
    """Something that iterates in a process of its own."""

    @abstractmethod
    def iterate(self, number: int) -> None:
        """Do iteration `number`, which decides what is due in it."""

    def parameters(self) -> dict[str, int]:
        """How many parameters are trained, by network."""
        return {}

    def result(self) -> list[float]:
        """Numbers that it has found out, if it has."""
        return []


@dataclass(frozen=True)
class Job:
    """Work that a worker process is to make."""

    maker: str
    """MODULE:FUNCTION, which makes it."""
    arguments: Mapping[str, Any]
    """By name; plain values."""
    cycle: Cycle = ALIKE
    environment: Mapping[str, str] = field(default_factory=dict)
    """What is set for the process, over what all have."""

    @property
    def numbers(self) -> list[int]:
        """Of the iterations that stand for all."""
        return [number for number, _ in self.cycle]

    def mean(self, values: Sequence[float]) -> float:
        """The mean over a cycle of something known of each of `numbers`."""
        times = [times for _, times in self.cycle]
        return sum(value * count for value, count in zip(values, times, strict=True)) / sum(times)
