"""The squared hinge loss as an installable plugin."""

from __future__ import annotations

from gankit import Loss, hookimpl
from pydantic import Field


class SquaredHinge(Loss):
    """Scores beyond the margin stop contributing to the discriminator, those short of it count squared."""

    margin: float = Field(default=1.0, gt=0)
    """Where scores stop contributing."""

    def discriminator(self, real, fake):
        return (self.margin - real).relu().square().mean() + (self.margin + fake).relu().square().mean()

    def generator(self, fake, real):
        return -fake.mean()


@hookimpl
def gankit_register(register):
    register("squared-hinge", SquaredHinge)
