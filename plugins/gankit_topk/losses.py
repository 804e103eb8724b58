"""A loss that leaves out what the discriminator takes for the worst fakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Loss, Scheduled

if TYPE_CHECKING:
    from torch import Tensor

NON_SATURATING: Loss = Field(default="gan/non-saturating", validate_default=True)


class TopK(Loss):
    """Another loss, in which the generator learns from the fakes of the highest scores alone (Sinha et al. 2020).

    The discriminator learns from all. Where scores are of patches, an image goes by their mean; where the other loss is
    relativistic, fakes keep the reals that they are paired with.
    """

    mixes_samples: ClassVar[bool] = True
    """Where a batch is computed in parts, the best are those of each part."""

    of: Loss = NON_SATURATING
    """The other loss."""
    share: Scheduled[Annotated[float, Field(gt=0, le=1)]] = 0.5
    """How much of a batch the generator learns from, one fake at least. The paper begins with all and takes 0.99 times
    as many each epoch down to half: on CIFAR-10 {use: linear, start: 1, end: 0.5, over: 3.4M} comes near."""

    @property
    def relativistic(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the other loss is."""
        return self.of.relativistic

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the other loss gives of all scores."""
        return self.of.discriminator(real, fake)

    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """What the other loss gives of the best fakes."""
        means = fake.flatten(1).mean(1) if fake.dim() > 1 else fake
        best = means.topk(max(1, round(self.share * len(fake)))).indices
        return self.of.generator(fake[best], None if real is None else real[best])
