from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Images, WeightAverage, hookimpl

if TYPE_CHECKING:
    from gankit import Progress
    from torch import Tensor, nn


class ExampleAverage(WeightAverage):
    """The plain mean of the weights over a stage, without those of its first images."""

    burn_in: Images = 1_000
    """Images of a stage after which the mean begins; until then the average is the generator itself."""

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """Move each weight by the share that this update's images have in all since the mean began."""
        since = progress.stage_images - self.burn_in
        share = batch / (since + batch) if since > 0 else 1.0
        for averaged, weight in zip(average.parameters(), current.parameters(), strict=True):
            averaged.lerp_(weight, share)


@hookimpl
def gankit_register(register):
    register("example", ExampleAverage)
