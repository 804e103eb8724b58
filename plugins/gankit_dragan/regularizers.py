"""The gradient penalty around reals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from gankit import Scheduled
from gankit_wgan.regularizers import SampleGradientPenalty, distance_to_norm

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import Step

REACH = 0.5
"""How far the noise reaches, in standard deviations of all pixels of the batch, as in the authors' code."""


class Dragan(SampleGradientPenalty):
    """Holds the norm of the discriminator's gradient at 1 on random points around reals.

    weight * mean((||grad D(x)|| - 1)^2), the norm over all of an image (Kodali et al. 2017).
    """

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 10.0
    """Lambda."""
    noise: Literal["one-sided", "zero-mean"] = "one-sided"
    """Where the points lie, s being the standard deviation of all pixels of the batch. one-sided, the authors' code: on
    the line from a real to itself plus noise, uniform from 0 to s / 2 and so brighter only. zero-mean, the paper: at a
    real plus normal noise of standard deviation s / 2."""

    def discriminator(self, step: Step) -> Tensor:
        """The penalty on points around this step's reals."""
        return self.weight * distance_to_norm(step, self._points(step), 1.0)

    def _points(self, step: Step) -> Tensor:
        import torch

        real = step.real.detach()
        reach = REACH * real.std(correction=0)
        if self.noise == "zero-mean":
            return real + reach * step.per_sample(torch.randn, *real.shape[1:]).to(real.dtype)
        noise = step.per_sample(torch.rand, *real.shape[1:])
        share = step.per_sample(torch.rand, 1, 1, 1)
        return real + reach * (share * noise).to(real.dtype)
