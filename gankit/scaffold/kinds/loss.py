from gankit import Loss, hookimpl
from pydantic import Field


class ExampleLoss(Loss):
    """The discriminator gradually loses interest in scores beyond 1 of reals and beyond -1 of fakes."""

    sharpness: float = Field(default=2.0, gt=0, le=100)
    """How suddenly, s: the higher it is, the nearer is the loss to relu(1 - real) + relu(1 + fake)."""

    def discriminator(self, real, fake):
        """Mean of softplus(s (1 - real)) / s + softplus(s (1 + fake)) / s."""
        from torch.nn.functional import softplus

        return softplus(1 - real, beta=self.sharpness).mean() + softplus(1 + fake, beta=self.sharpness).mean()

    def generator(self, fake, real):
        """Mean of -fake."""
        return -fake.mean()


@hookimpl
def gankit_register(register):
    register("example", ExampleLoss)
