"""Averages that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from gankit import Component, WeightAverage, hookimpl

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gankit import Progress


def pairs(average: nn.Module, current: nn.Module) -> list[tuple[Any, Any]]:
    """The parameters of both."""
    return list(zip(average.parameters(), current.parameters(), strict=True))


class Ahead(WeightAverage):
    """Looks ahead of the generator."""

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """Go half as far again as the generator went."""
        for averaged, weight in pairs(average, current):
            averaged.lerp_(weight, 1.5)


class Unweighted(WeightAverage):
    """Adds up weights that do not come to one."""

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """Shares of 0.9 and 0.2."""
        for averaged, weight in pairs(average, current):
            averaged.mul_(0.9).add_(weight, alpha=0.2)


class Still(WeightAverage):
    """Has taken the decay for the share of what is new."""

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """Move by nothing."""
        beta = min(1.0, progress.images * 1.0)
        for averaged, weight in pairs(average, current):
            averaged.lerp_(weight, 1 - max(beta, 1.0))


class Swapped(WeightAverage):
    """Has the networks the wrong way round."""

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """Move the generator to its average."""
        for averaged, weight in pairs(average, current):
            weight.lerp_(averaged, 0.1)


class Assigned(WeightAverage):
    """Puts new parameters in the place of the old."""

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """An exponential average."""
        from torch import nn

        trained = dict(current.named_parameters())
        for name, averaged in list(average.named_parameters()):
            owner, _, last = name.rpartition(".")
            setattr(average.get_submodule(owner), last, nn.Parameter(averaged.lerp(trained[name], 0.1)))


class Counted(WeightAverage):
    """Counts updates in a plain number."""

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """The mean of all weights so far."""
        counts: dict[str, Any] = memory
        counts["updates"] = counts.get("updates", 0) + 1
        for averaged, weight in pairs(average, current):
            averaged.lerp_(weight, 1 / counts["updates"])


class Hidden(WeightAverage):
    """Counts updates where no checkpoint looks."""

    updates: ClassVar[list[int]] = []

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """The mean of all weights so far."""
        self.updates.append(batch)
        for averaged, weight in pairs(average, current):
            averaged.lerp_(weight, 1 / len(self.updates))


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("stays-among-the-weights", Ahead)
    register("stays-among-the-weights.2", Unweighted)
    register("comes-nearer", Still)
    register("comes-nearer.2", Swapped)
    register("averages-in-place", Assigned)
    register("remembers-in-tensors", Counted)
    register("goes-on-to-the-bit", Hidden)
