"""Statistics of a batch as extra feature maps before the discriminator's head."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Place, Regularizer, at

if TYPE_CHECKING:
    from torch import nn

    from gankit.config import Experiment


class MinibatchStddev(Regularizer):
    """Appends the mean standard deviation over groups of the batch as a feature map (Karras et al. 2018, section 3)."""

    group: int = Field(default=4, ge=1)
    """Samples a group; a batch no larger than this is one group."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Every batch must split into whole groups."""
        sizes = {
            stage.resolution: at(experiment.training.batch, stage.resolution) for stage in experiment.growth.stages()
        }
        for resolution, batch in sizes.items():
            if batch % min(self.group, batch):
                yield f"a batch of {batch} (at {resolution}x{resolution}) does not split into groups of {self.group}"

    def layer(self, place: Place) -> nn.Module:
        """A module from [N, C, H, W] to [N, C + 1, H, W]."""
        from gankit_diversity.modules import MinibatchStddev

        return MinibatchStddev(place.in_channels, self.group)
