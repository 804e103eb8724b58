"""What ties the scales of a generator."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Regularizer, Scheduled

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.training.step import Step


class ScaleConsistency(Regularizer):
    """Draws each smaller image of a sample to the next larger one, halved by means of 2x2 pixels, and that to it.

    weight * mean over pairs of scales of mean((x_s - halved(x_2s))^2), over all pixels. With MSG-GAN alone they come to
    agree by themselves, as reals do; Zhang et al. 2019 (StackGAN-v2, section 4.3) tie their mean colours and
    covariances, here it is each pixel.
    """

    derives_twice: ClassVar[bool] = False

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 1.0
    """Factor on the mean squared difference; images are in [-1, 1]."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """It needs scales."""
        if not experiment.growth.scales():
            yield "ties the scales of a generator, of which this growth has none; growth: {use: all-scales, ...} has"

    def generator(self, step: Step) -> Tensor:
        """The penalty on this step's fakes."""
        import torch

        from gankit.networks.layers import halve

        scales = step.by_scale(step.fake)
        apart = [(smaller - halve(larger)).square().mean() for larger, smaller in pairwise(scales)]
        return self.weight * torch.stack(apart).mean()
