"""The augmentation pipe by a probability that is given, and by one that adapts itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from gankit import Augmentation, Many, Scheduled
from gankit_ada.adapting import AdaptingAugmentation

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.training.step import AugmentedBatch

Transform = Literal[
    "blit", "flip", "rotate-90", "translate-int",
    "geom", "scale", "rotate", "stretch", "translate",
    "color", "brightness", "contrast", "luma-flip", "hue", "saturation",
    "filter", "noise", "cutout",
]  # fmt: skip
"""What `transforms` may name."""

GROUPS: dict[str, tuple[str, ...]] = {
    "blit": ("flip", "rotate-90", "translate-int"),
    "geom": ("scale", "rotate", "stretch", "translate"),
    "color": ("brightness", "contrast", "luma-flip", "hue", "saturation"),
    "filter": ("filter",),
    "noise": ("noise",),
    "cutout": ("cutout",),
}
"""The single transforms of each group; the four bands of `filter` each befall an image by themselves."""


class RandomTransforms(Augmentation):
    """Each of some transforms befalls an image or not, by a probability of its own, and by a strength drawn anew."""

    transforms: Annotated[Many[Transform], Field(min_length=1)] = ["blit", "geom", "color"]
    """Groups or single ones, made in this order whatever the order here. blit: flip, rotate-90, translate-int (up to
    1/8 of the image, whole pixels). geom: scale, rotate, stretch (one axis against the other), translate; what comes in
    from beyond the edges is the mirror image. color: brightness, contrast, luma-flip, hue, saturation; of grey images
    the last two leave all as it is. filter: four bands of frequencies amplified. noise. cutout: half of height and
    width set to 0."""
    multipliers: dict[Transform, Annotated[float, Field(ge=0)]] = {}
    """Factors on the probability p, as in {color: 0.5, hue: 1}: of a group, or of a single one, which goes first. 1
    where none is given."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Colours are those of grey or RGB, and a multiplier is one of a transform."""
        singles = set(_singles(self.transforms))
        for name in self.multipliers:
            if singles.isdisjoint(_singles([name])):
                yield f"multipliers has {name}, which is not among transforms"
        channels = experiment.data.image_channels()
        of_colors = [name for name in ("color", *GROUPS["color"]) if name in self.transforms]
        if of_colors and channels not in (1, 3):
            yield (
                f"color transforms change grey or RGB images, but the data have {channels} channels: "
                f"leave out {', '.join(of_colors)}"
            )

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Images [N, C, H, W], each by draws of its own; those that nothing befalls stay as they are, to the bit."""
        from gankit_ada.pipe import augmented
        from gankit_ada.pipe.draws import Draws

        p = self._probability(batch)
        return augmented(images, Draws(images, {name: self._multiplier(name) * p for name in self._names()}))

    @abstractmethod
    def _probability(self, batch: AugmentedBatch) -> Tensor | float:
        """The probability p in force; what is above 1 is as good as 1."""

    def _names(self) -> list[str]:
        return list(dict.fromkeys(_singles(self.transforms)))

    def _multiplier(self, single: str) -> float:
        (group,) = (name for name, singles in GROUPS.items() if single in singles)
        factors = {str(name): factor for name, factor in self.multipliers.items()}
        return factors.get(single, factors.get(group, 1.0))


class StochasticAugmentation(RandomTransforms):
    """Transforms reals and fakes at random before the discriminator, by a given probability (Karras et al. 2020, 2.2).

    Below about 0.8 the generator does not learn to make transformed images: what is made at random can be told from
    what is there.
    """

    p: Scheduled[Annotated[float, Field(ge=0, le=1)]] = 0.2
    """The probability that a transform befalls an image, before its multiplier."""

    def _probability(self, batch: AugmentedBatch) -> float:
        return self.p


class AdaptiveAugmentation(AdaptingAugmentation, RandomTransforms):
    """ADA: the more the discriminator overfits, the more is augmented (Karras et al. 2020, section 3).

    Overfitting shows in r, the mean sign of the scores of augmented reals: 0 if the discriminator cannot tell reals
    from fakes, 1 if it is sure of each real that it trains on. p rises while r is above the target and falls while it
    is below. Records p and r of every update as ada.p and ada.r.
    """

    recorded_as: ClassVar[str] = "ada"


def _singles(transforms: Iterable[str]) -> Iterator[str]:
    """The single transforms that groups and names stand for."""
    for name in transforms:
        yield from GROUPS.get(name, (name,))
