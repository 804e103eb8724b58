"""Averaged generators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Images, PerResolution, Progress, Scheduled, WeightAverage, at
from gankit.core.progress import crossed
from gankit.training.profiles import LONGEST, SHORTEST, exponent_of

if TYPE_CHECKING:
    from torch import Tensor, nn


class Exponential(WeightAverage):
    """An exponential moving average of the weights (Karras et al. 2018, section 6.1; Yazici et al. 2019)."""

    later_options: ClassVar[tuple[str, ...]] = ("decay",)

    half_life: PerResolution[Scheduled[Images]] = {0: 10_000}
    """Images after which a weight's share in the average has halved; 0 follows the generator at once."""
    warmup: Scheduled[Annotated[float, Field(ge=0, le=1)]] = 0.1
    """The half-life is never more than this share of the images shown since the stage began; 0: no warm-up."""
    decay: PerResolution[Scheduled[Annotated[float, Field(ge=0, lt=1)]]] | None = None
    """The share of the average that each update of the generator keeps, as in 0.999, whatever the batch; stands in
    place of half-life and warm-up."""

    def moves_once_an_iteration(self) -> bool:
        """True with a decay, which counts updates of the generator."""
        return self.decay is not None

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """Move each weight by its decay, or by what follows from the images of this update."""
        import torch

        beta = self._share_kept(progress, batch) if self.decay is None else at(self.decay, progress.resolution)
        averaged: list[Tensor] = [*average.parameters()]
        torch._foreach_lerp_(averaged, [*current.parameters()], 1 - beta)  # pyright: ignore[reportPrivateImportUsage]

    def _share_kept(self, progress: Progress, batch: int) -> float:
        """The share of the average that `batch` images leave of it by the half-life in force."""
        half_life = float(at(self.half_life, progress.resolution))
        if self.warmup:
            half_life = min(half_life, self.warmup * progress.stage_images)
        return 0.5 ** (batch / half_life) if half_life > 0 else 0.0


class Power(WeightAverage):
    """An average that grows longer as the run does, by a power of the images shown (Karras et al. 2024, section 3.1).

    Out of the snapshots of two, see `checkpoints.snapshots`, `gankit average` makes those of other lengths. When layers
    of a new resolution come to take part it begins again, as they have no past.
    """

    length: float = Field(default=0.1, ge=SHORTEST, le=LONGEST)
    """The standard deviation of its weights over time, as a share of the images shown since the resolution began, which
    without growth are those of the run."""

    def relative_length(self) -> float:
        """Its length."""
        return self.length

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """Move each weight by the share of the profile that the images of this update have, however many they are."""
        import torch

        begins = "resolution" not in memory or int(memory["resolution"]) != progress.resolution
        memory["resolution"] = torch.tensor(progress.resolution)  # on the CPU: to ask a GPU is to wait for it
        shown = progress.resolution_images
        beta = 0.0 if begins else (shown / (shown + batch)) ** (exponent_of(self.length) + 1)
        averaged: list[Tensor] = [*average.parameters()]
        torch._foreach_lerp_(averaged, [*current.parameters()], 1 - beta)  # pyright: ignore[reportPrivateImportUsage]


class Snapshots(WeightAverage):
    """The plain mean of the weights at the last few checkpoints, taken at equal distances (Izmailov et al. 2018).

    They are taken within a stage and held in memory; until there is one, the average is the generator itself.
    """

    every: Annotated[Images, Field(ge=1)] = 1_000
    """Take one each time so many images were shown since the stage began."""
    last: int = Field(default=8, ge=1)
    """How many of the newest are averaged."""

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """Take a snapshot if one is due, and bring the mean up to date."""
        import torch

        start = progress.images - progress.stage_images
        count = sum(weight.numel() for weight in current.parameters())
        of_others = "snapshots" in memory and memory["snapshots"].shape[1] != count  # as earlier versions kept them
        if "stage_start" not in memory or int(memory["stage_start"]) != start or of_others:
            memory.clear()
        memory["stage_start"] = torch.tensor(start)  # on the CPU: to ask a GPU is to wait for it
        due = crossed(progress.stage_images, progress.stage_images + batch, self.every)
        if "snapshots" in memory and not due:
            return
        weights = torch.cat([weight.reshape(-1) for weight in current.parameters()])[None]
        if due:
            earlier = [memory["snapshots"]] if "snapshots" in memory else []
            weights = memory["snapshots"] = torch.cat([*earlier, weights])[-self.last :]
        parts = weights.mean(0).split([weight.numel() for weight in current.parameters()])
        for averaged, part in zip(average.parameters(), parts, strict=True):
            averaged.copy_(part.view(averaged.shape))
