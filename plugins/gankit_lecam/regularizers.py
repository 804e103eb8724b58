"""A penalty on scores that run away from what those of the other side have been."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Regularizer, Scheduled

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import Step


class LeCam(Regularizer):
    """Keeps scores of reals near the mean score that fakes have had, and those of fakes near that of reals.

    weight * (mean(relu(D(real) - f)^2) + mean(relu(r - D(fake))^2)), where r and f are running means of the scores of
    reals and fakes (Tseng et al. 2021). As in the authors' code, scores that are on the other's side already are left
    alone, by relu; the paper's formula has none. The means are those of the updates before, so that the first has no
    penalty; the authors' have moved by this one's scores. Records them as lecam.real and lecam.fake.
    """

    derives_twice: ClassVar[bool] = False

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 0.3
    """Lambda. It is measured in squared scores, so what is right depends on the loss: 0.3 is the authors' for the hinge
    loss on CIFAR, 3e-7 with StyleGAN2. The means run while it is 0, as before a schedule starts."""
    decay: Scheduled[Annotated[float, Field(ge=0, lt=1)]] = 0.99
    """What is kept of a mean at each update that it acts in."""

    def discriminator(self, step: Step) -> Tensor | None:
        """The penalty by the means so far, which this step's scores then move; None at first, without means."""
        memory, scores = step.memory(self), {"real": step.on_real.score, "fake": step.on_fake.score}
        before = dict(memory)
        for name, score in scores.items():
            mean = score.detach().mean()
            memory[name] = mean.lerp(memory[name], self.decay) if name in memory else mean
            step.log(f"lecam.{name}", memory[name])
        if not before:
            return None
        above, below = scores["real"] - before["fake"], before["real"] - scores["fake"]
        return self.weight * (above.relu().square().mean() + below.relu().square().mean())
