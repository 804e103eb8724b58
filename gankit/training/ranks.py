"""The processes that compute one update together, as any of them sees it; usually it is alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


class Ranks:
    """A process that is alone."""

    number: int = 0
    """Which one this is, counted from 0."""
    count: int = 1
    """How many there are."""

    def add_up(self, tensor: Tensor) -> None:
        """Let a contiguous tensor hold the sum of those of all processes, the same bits in each."""
        return

    def gathered(self, rows: Tensor) -> Tensor:
        """The rows [n, ...] of all processes, [count * n, ...], in the order of their numbers."""
        return rows

    def exchanged(self, value: T) -> Sequence[T]:
        """What each process gives, in the order of their numbers; anything that can be pickled, its tensors on CPUs."""
        return [value]

    def share(self, images: int) -> slice:
        """Which images of a batch are this process's."""
        each = images // self.count
        return slice(self.number * each, (self.number + 1) * each)


ALONE = Ranks()
"""The `Ranks` of a single-process run."""
