from gankit import Regularizer, hookimpl
from pydantic import Field


class ExampleRegularizer(Regularizer):
    """Keeps scores centred on zero, where a loss that only sees their differences lets them wander."""

    weight: float = Field(default=0.1, ge=0, le=1000)
    """Strength."""

    def discriminator(self, step):
        """The weight times the square of the mean score, reals and fakes counting alike."""
        center = (step.on_real.score.mean() + step.on_fake.score.mean()) / 2
        return self.weight * center.square()


@hookimpl
def gankit_register(register):
    register("example", ExampleRegularizer)
