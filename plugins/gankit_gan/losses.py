"""Losses on the probability of being real, the sigmoid of a score (Goodfellow et al. 2014, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
