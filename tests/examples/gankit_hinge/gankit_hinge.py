"""The hinge loss (Lim and Ye 2017) as an installable plugin."""

from __future__ import annotations

from gankit import Loss, hookimpl


class Hinge(Loss):
    """Scores beyond the margin stop contributing to the discriminator."""

    margin: float = 1.0
    """Where scores stop contributing."""

    def discriminator(self, real, fake):
        return (self.margin - real).relu().mean() + (self.margin + fake).relu().mean()

    def generator(self, fake, real):
        return -fake.mean()


@hookimpl
def gankit_register(register):
    register("hinge", Hinge)
