"""The hinge loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Loss

if TYPE_CHECKING:
    from torch import Tensor


class Hinge(Loss):
    """Scores of reals above 1 and of fakes below -1 no longer move the discriminator.

    Lim and Ye 2017, "Geometric GAN"; Miyato et al. 2018, equations 16 and 17.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Mean of relu(1 - real) + relu(1 + fake)."""
        return (1 - real).relu().mean() + (1 + fake).relu().mean()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Mean of -fake."""
        return -fake.mean()
