"""Losses that break no rule though they are no mean over samples: each must pass all of them."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from gankit import Loss, hookimpl


class RelativisticAverage(Loss):
    """Compares each score with the mean of the other kind (Jolicoeur-Martineau 2019)."""

    relativistic: ClassVar[bool] = True

    def discriminator(self, real, fake):
        import torch.nn.functional as F

        return F.softplus(-(real - fake.mean())).mean() + F.softplus(fake - real.mean()).mean()

    def generator(self, fake, real):
        assert real is not None
        return self.discriminator(fake, real)


class RelativisticPairs(Loss):
    """Compares each fake with the real of its position."""

    relativistic: ClassVar[bool] = True

    def discriminator(self, real, fake):
        import torch.nn.functional as F

        return F.softplus(fake - real).mean()

    def generator(self, fake, real):
        assert real is not None
        return self.discriminator(fake, real)


class MeanDiscrepancy(Loss):
    """The maximum mean discrepancy of the scores, which means all pairs of them (Li et al. 2017)."""

    relativistic: ClassVar[bool] = True

    def discriminator(self, real, fake):
        return -self.generator(fake, real)

    def generator(self, fake, real):
        assert real is not None
        return _alike(real, real) + _alike(fake, fake) - 2 * _alike(fake, real)


def _alike(some, others):
    """How alike scores are, on average over all pairs."""
    difference = some.flatten()[:, None] - others.flatten()[None, :]
    return (1 / (1 + difference.square())).mean()


class Softmax(Loss):
    """One softmax over all scores of a batch (Lin 2017)."""

    def discriminator(self, real, fake):
        import torch

        return real.mean() + torch.cat([-real, -fake]).flatten().logsumexp(0)

    def generator(self, fake, real):
        return -fake.mean()


class TopHalf(Loss):
    """The generator learns from the better half of its fakes (Sinha et al. 2020)."""

    def discriminator(self, real, fake):
        return (1 - real).relu().mean() + (1 + fake).relu().mean()

    def generator(self, fake, real):
        return -fake.flatten().topk(math.ceil(fake.numel() / 2)).values.mean()


class Exponential(Loss):
    """The Kullback-Leibler divergence as an f-GAN (Nowozin et al. 2016)."""

    def discriminator(self, real, fake):
        return -real.mean() + (fake - 1).exp().mean()

    def generator(self, fake, real):
        return -(fake - 1).exp().mean()


class Targets(Loss):
    """Binary cross-entropy with smoothed targets made to measure."""

    def discriminator(self, real, fake):
        import torch
        import torch.nn.functional as F

        goal = torch.full_like(real, 0.9)
        return F.binary_cross_entropy_with_logits(real, goal) + F.binary_cross_entropy_with_logits(
            fake, torch.zeros_like(fake)
        )

    def generator(self, fake, real):
        import torch
        import torch.nn.functional as F

        return F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))


class Margin(Loss):
    """The hinge loss around any margin: there is none to be had where all scores are beyond it."""

    margin: float = Field(default=1.0, ge=-10, le=10)
    """Where it bends."""

    def discriminator(self, real, fake):
        return (self.margin - real).relu().mean() + (self.margin + fake).relu().mean()

    def generator(self, fake, real):
        return -fake.mean()


@hookimpl
def gankit_register(register) -> None:
    register("relativistic-average", RelativisticAverage)
    register("relativistic-pairs", RelativisticPairs)
    register("mean-discrepancy", MeanDiscrepancy)
    register("softmax", Softmax)
    register("top-half", TopHalf)
    register("exponential", Exponential)
    register("targets", Targets)
    register("margin", Margin)
