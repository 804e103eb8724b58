"""Losses on the probability of being real, the sigmoid of a score (Goodfellow et al. 2014, section 3).

And on that of being more real than another image, the sigmoid of the difference of their scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gankit import Loss

if TYPE_CHECKING:
    from torch import Tensor


class NonSaturating(Loss):
    """The generator maximizes log sigmoid(D(fake)): strong gradients while the discriminator wins."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Mean of softplus(-real) + softplus(fake), which is -log sigmoid(real) - log(1 - sigmoid(fake))."""
        import torch.nn.functional as F

        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Mean of softplus(-fake), which is -log sigmoid(fake)."""
        import torch.nn.functional as F

        return F.softplus(-fake).mean()


class Saturating(NonSaturating):
    """The minimax game itself (equation 1): the generator minimizes log(1 - sigmoid(D(fake)))."""

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Mean of -softplus(fake), which is log(1 - sigmoid(fake))."""
        import torch.nn.functional as F

        return -F.softplus(fake).mean()


class Relativistic(Loss):
    """Each real is to look more real than the fake that it is paired with (Jolicoeur-Martineau 2019, RpGAN).

    The i-th real stands with the i-th fake. The generator minimizes the discriminator's loss with the two exchanged
    (Huang et al. 2024, equation 2, with the f of non-saturating).
    """

    relativistic: ClassVar[bool] = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Mean of softplus(fake - real), which is -log sigmoid(real - fake)."""
        import torch.nn.functional as F

        return F.softplus(fake - real).mean()

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """Mean of softplus(real - fake).

        Raises:
            ValueError: if there are no scores of reals.
        """
        if real is None:
            raise ValueError("a relativistic loss was given no scores of reals")
        return self.discriminator(fake, real)
