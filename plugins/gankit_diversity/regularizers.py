"""Statistics of a batch as extra feature maps before the discriminator's head."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gankit import BuildContext, Regularizer, UserError
from gankit.core.progress import at_stages

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment
    from gankit.core.progress import Stage


class BatchLayer(Regularizer):
    """A layer over the batch, which is part of the discriminator in every pass."""

    mixes_samples: ClassVar[bool] = True

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """It is no penalty that could be lazy."""
        if self.every != 1:
            yield "is a layer of the discriminator in every update, so every must be 1"


class MinibatchStddev(BatchLayer):
    """Appends the mean standard deviation over groups of the batch as a feature map (Karras et al. 2018, section 3)."""

    later_options: ClassVar[tuple[str, ...]] = ("features",)

    group: int = Field(default=4, ge=1)
    """Samples a group; a batch no larger than this is one group."""
    features: int = Field(default=1, ge=1)
    """Feature maps appended, each of a share of the channels; it has to divide their number."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Every batch must split into whole groups, the generator's larger ones too."""
        yield from super().problems(experiment)
        training, stages = experiment.training, experiment.stages()
        wrong: dict[tuple[str, int], list[Stage]] = {}
        for stage in stages:
            for times in sorted({1, training.generator_batches}):
                part = training.part_in(stage) * times
                group = min(self.group, part)
                if part % group:
                    whole = training.part_in(stage) == training.batch_in(stage)
                    wrong.setdefault((f"a {'batch' if whole else 'part'} of {part}", group), []).append(stage)
        for (what, group), where in wrong.items():
            yield f"{what}{at_stages(where, stages)} does not split into groups of {group}"

    def layer(self, context: BuildContext) -> nn.Module:
        """A module from [N, C, H, W] to [N, C + features, H, W].

        Raises:
            UserError: if the channels cannot be shared out.
        """
        from gankit_diversity.modules import MinibatchStddev

        if context.in_channels % self.features:
            nearest = math.gcd(context.in_channels, self.features)
            raise UserError(
                f"minibatch-stddev cannot share {context.in_channels} channels out among {self.features} features; "
                f"{nearest} would do"
            )
        return MinibatchStddev(context.in_channels, self.group, self.features)


class MinibatchDiscrimination(BatchLayer):
    """Appends how near each sample is to the rest of its batch (Salimans et al. 2016, section 3.2).

    o_b(x_i) is the sum over samples j of exp(-||M_ib - M_jb||_1), where M_i is the feature map of x_i, flattened, times
    a learned tensor. Each o_b becomes one constant feature map. Reals and fakes are batches of their own.
    """

    kernels: int = Field(default=100, ge=1)
    """Feature maps appended, the paper's B."""
    dimensions: int = Field(default=5, ge=1)
    """Length of the vectors that are compared for each, the paper's C."""
    include_self: bool = False
    """Count a sample among those it is near to, which adds 1: the paper's sum does, the authors' code does not."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Sums over batches of two sizes are not alike."""
        yield from super().problems(experiment)
        if experiment.training.generator_batches > 1:
            yield (
                "sums over the batch, and training.generator_batches makes the generator's batches larger than those "
                "the discriminator has learned from; set it to 1, or use minibatch-stddev"
            )

    def layer(self, context: BuildContext) -> nn.Module:
        """A module from [N, C, H, W] to [N, C + kernels, H, W]."""
        from gankit_diversity.modules import MinibatchDiscrimination

        return MinibatchDiscrimination(
            context.in_channels, context.size, self.kernels, self.dimensions, self.include_self
        )
