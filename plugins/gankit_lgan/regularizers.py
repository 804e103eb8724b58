"""A penalty on an estimate of the discriminator's Lipschitz constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Scheduled
from gankit_wgan.regularizers import SampleGradientPenalty, gradient_norms, points_between

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import Step


class MaxGradientPenalty(SampleGradientPenalty):
    """Keeps the steepest gradient small, among random points between reals and fakes.

    weight * max(||grad D(x)||^2) over the batch, the norm over all of an image: the square of what the batch shows of
    the Lipschitz constant (Zhou et al. 2019). The maximum is that of this batch alone; of several scales at once, that
    over all of them.
    """

    mixes_samples: ClassVar[bool] = True

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 1.0
    """Lambda."""

    def discriminator(self, step: Step) -> Tensor:
        """The penalty on points drawn uniformly on the line from each real to its fake."""
        return self.weight * gradient_norms(step, points_between(step)).max().square()
