"""Losses that break the rules, each registered under the name of the rule that it breaks."""

from __future__ import annotations

import random
from typing import ClassVar

from pydantic import Field

from gankit import Loss, hookimpl


class Right(Loss):
    """A loss that breaks no rule, to be made wrong."""

    def discriminator(self, real, fake):
        return (1 - real).relu().mean() + (1 + fake).relu().mean()

    def generator(self, fake, real):
        return -fake.mean()


class NoMean(Right):
    """Forgets to take the mean."""

    def generator(self, fake, real):
        return -fake


class MeanOfSamples(Right):
    """Takes the mean over the samples, and so leaves one number a patch."""

    def discriminator(self, real, fake):
        return (1 - real).relu().mean(0) + (1 + fake).relu().mean(0)


class LogOfSigmoid(Right):
    """The equation as it stands in the paper."""

    def discriminator(self, real, fake):
        return -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()


class InfiniteSlope(Right):
    """A root, whose slope is infinite where a score is met exactly."""

    def discriminator(self, real, fake):
        return ((real - 80).square().sqrt() + (fake + 80).square().sqrt()).mean()


class Accuracy(Right):
    """Counts what is right, which has no gradient."""

    def discriminator(self, real, fake):
        return (real < 0).float().mean() + (fake > 0).float().mean()


class DetachedReals(Right):
    """Compares fakes with reals that have lost their graph."""

    def discriminator(self, real, fake):
        return (1 - real.detach() + fake).relu().mean()


class AllWithAll(Right):
    """Meant to compare each fake with its real, compares it with all of them."""

    relativistic: ClassVar[bool] = True

    def discriminator(self, real, fake):
        import torch.nn.functional as F

        return F.softplus(fake - real[:, None]).mean()

    def generator(self, fake, real):
        import torch.nn.functional as F

        return F.softplus(real - fake[:, None]).mean()


class SumOfPatches(Right):
    """Divides by the samples alone, so that patches add up."""

    def discriminator(self, real, fake):
        return (1 - real).relu().sum() / len(real) + (1 + fake).relu().sum() / len(fake)


class Unannounced(Right):
    """Is relativistic and does not say so."""

    def generator(self, fake, real):
        return (real - fake).mean()


class PromisesTooMuch(Right):
    """Is right by default and far around it, and overflows at the sharpest that it allows."""

    sharpness: float = Field(default=1.0, ge=0.5, le=100)
    """Tenths by which scores are multiplied."""

    def discriminator(self, real, fake):
        return -real.mean() + (self.sharpness / 10 * fake).exp().mean()


class Shaken(Right):
    """Weighs by Python's own random numbers, of which the seed knows nothing."""

    def discriminator(self, real, fake):
        return random.random() * super().discriminator(real, fake)


@hookimpl
def gankit_register(register) -> None:
    register("scalar", NoMean)
    register("scalar.2", MeanOfSamples)
    register("finite", LogOfSigmoid)
    register("finite.2", InfiniteSlope)
    register("finite.3", PromisesTooMuch)
    register("differentiable", Accuracy)
    register("differentiable.2", DetachedReals)
    register("no-broadcasting", AllWithAll)
    register("patches-count-alike", SumOfPatches)
    register("needs-no-reals", Unannounced)
    register("goes-on-to-the-bit", Shaken)
