"""What the generator minimizes of the distance between features."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Regularizer, Scheduled

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.training.step import Step


class FeatureMatching(Regularizer):
    """Draws the mean features of fakes to those of reals: weight * ||mean f(x) - mean f(G(z))||^2.

    f are the discriminator's last feature maps, those of the lowest resolution in force, and means are over the batch
    (Salimans et al. 2016, section 3.1, who have it in place of the generator's loss; here it comes beside it). What the
    square sums up are channels and pixels.
    """

    mixes_samples: ClassVar[bool] = True
    derives_twice: ClassVar[bool] = False

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 1.0
    """Factor on the squared distance."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Only `discriminator` gives feature maps."""
        if experiment.discriminator is None or self.critics not in (None, ["discriminator"]):
            yield "compares feature maps of discriminator, which critics have none of; leave it out, or name one there"

    def generator(self, step: Step) -> Tensor:
        """The penalty on this step's fakes; the reals are to be matched, and learn nothing."""
        features = (output.features[min(output.features)] for output in (step.on_real, step.on_fake))
        real, fake = (each.to(step.real.dtype).mean(0) for each in features)  # of 16 bits in mixed precision
        return self.weight * (real.detach() - fake).square().sum()
