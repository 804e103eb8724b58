"""The Wasserstein objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Loss

if TYPE_CHECKING:
    from torch import Tensor


class Wasserstein(Loss):
    """The difference of mean scores (Arjovsky et al. 2017, equation 2).

    It measures a distance only if the discriminator is held Lipschitz, by a gradient penalty or by clipping.
    """

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Mean of fake less mean of real."""
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Mean of -fake."""
        return -fake.mean()
