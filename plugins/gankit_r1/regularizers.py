"""Zero-centered penalties on the gradient of the discriminator's scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from gankit_wgan.regularizers import SampleGradientPenalty

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import Step


class ZeroCentered(SampleGradientPenalty):
    """gamma / 2 times the batch mean of ||grad D(x)||^2, the square summed over all of an image.

    The gradient is that with respect to the image before augmentation. If a head judges patches, D(x) is the sum of
    their scores.
    """

    gamma: float = Field(default=10.0, ge=0)
    """Strength; half of it weighs the mean of the squared norms."""

    def _penalty(self, step: Step, score: Tensor, images: Tensor) -> Tensor:
        """The penalty on the gradients that `score` [N] or [N, patches] has at `images` [N, C, H, W]."""
        return self.gamma / 2 * step.gradient(score, images).square().sum((1, 2, 3)).mean()


class R1(ZeroCentered):
    """Penalizes the gradient at reals: gamma / 2 * mean(||grad D(real)||^2) (Mescheder et al. 2018, equation 9)."""

    def discriminator(self, step: Step) -> Tensor:
        """The penalty on this step's reals."""
        return self._penalty(step, step.on_real.score, step.real)


class R2(ZeroCentered):
    """Penalizes the gradient at fakes: gamma / 2 * mean(||grad D(fake)||^2) (Mescheder et al. 2018, equation 10)."""

    def discriminator(self, step: Step) -> Tensor:
        """The penalty on this step's fakes."""
        return self._penalty(step, step.on_fake.score, step.fake)
