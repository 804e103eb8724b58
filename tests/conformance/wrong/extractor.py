"""Extractors that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from gankit import Component, Extractor, hookimpl

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gankit.evaluation.images import Features


class Right(Extractor):
    """The mean colour of images, on which the others go wrong."""

    classifies: ClassVar[bool] = False

    @property
    def resize(self) -> str:
        """Images are seen as they are."""
        return "none"

    def identity(self) -> str:
        """There are no weights."""
        return "colour-1"

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """What extracts."""
        return self.extract

    def extract(self, images: Tensor) -> Features:
        """Three features."""
        from gankit.evaluation.images import Features

        colours = images.float().mean((2, 3))
        return Features(colours, colours[:, :0])


class Maps(Right):
    """Does not pool."""

    def extract(self, images: Tensor) -> Features:
        """Features of every pixel."""
        return super().extract(images)._replace(pooled=images.float())


class Logarithms(Right):
    """Takes the logarithm of black."""

    def extract(self, images: Tensor) -> Features:
        """Infinite where a channel is black."""
        seen = super().extract(images)
        return seen._replace(pooled=(seen.pooled / 400).floor().log())


class Classless(Right):
    """Says that it knows classes."""

    classifies = True


class WholeNumbers(Right):
    """Leaves features whole numbers."""

    def extract(self, images: Tensor) -> Features:
        """Three features."""
        seen = super().extract(images)
        return seen._replace(pooled=seen.pooled.long())


class BatchNormalized(Right):
    """Left in training mode, normalizes by the batch."""

    def extract(self, images: Tensor) -> Features:
        """Three features without their mean over the batch."""
        seen = super().extract(images)
        return seen._replace(pooled=seen.pooled - seen.pooled.mean(0))


class Sorted(Right):
    """Sees images in an order of its own."""

    def extract(self, images: Tensor) -> Features:
        """Three features, the brightest image first."""
        seen = super().extract(images)
        return seen._replace(pooled=seen.pooled[seen.pooled.sum(1).argsort(descending=True)])


class Inverts(Right):
    """Works on the images themselves."""

    def extract(self, images: Tensor) -> Features:
        """Three features of the negative."""
        return super().extract(images.bitwise_not_())


class Drawn(Right):
    """Has weights that are drawn anew."""

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """A random network."""
        import torch

        weights = torch.randn(3, 5, device=device)

        def extract(images: Tensor) -> Features:
            seen = self.extract(images)
            return seen._replace(pooled=seen.pooled @ weights)

        return extract


class Nameless(Right):
    """Is called by where it lies in memory."""

    def identity(self) -> str:
        """The object's number."""
        return f"colour-{id(self)}"


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("gives-features", Maps)
    register("gives-features.2", Logarithms)
    register("gives-features.3", Classless)
    register("gives-features.4", WholeNumbers)
    register("sees-each-image-alone", BatchNormalized)
    register("sees-each-image-alone.2", Sorted)
    register("only-looks", Inverts)
    register("is-what-it-says", Drawn)
    register("is-what-it-says.2", Nameless)
