"""The least-squares loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Loss, Scheduled

if TYPE_CHECKING:
    from torch import Tensor


class LeastSquares(Loss):
    """Half the squared distance of each score to the one aimed at (Mao et al. 2017, equation 2).

    The defaults are equation 9 of the paper, which it trains with; fake -1, real 1 and target 0 are equation 8, whose
    minimum is that of the Pearson chi-squared divergence.
    """

    fake: Scheduled[float] = 0.0
    """The score that the discriminator aims at for fakes, the paper's a."""
    real: Scheduled[float] = 1.0
    """The score that the discriminator aims at for reals, the paper's b."""
    target: Scheduled[float] = 1.0
    """The score that the generator aims at for its fakes, the paper's c."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Mean of (real - b)^2 / 2 + (fake - a)^2 / 2."""
        return ((real - self.real).square().mean() + (fake - self.fake).square().mean()) / 2

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Mean of (fake - c)^2 / 2."""
        return (fake - self.target).square().mean() / 2
