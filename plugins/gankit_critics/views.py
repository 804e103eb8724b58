"""What of an image a critic looks at."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Component

if TYPE_CHECKING:
    from torch import nn


class View(Component):
    """Makes of images of any height what a critic's network looks at, always of one height."""

    kind: ClassVar[str] = "view"

    height: int = Field(ge=1, le=16_384)
    """How high what is looked at is, in pixels; images are resized to it, bilinearly."""

    @abstractmethod
    def build(self, aspect: float) -> nn.Module:
        """A module from images [N, C, H, W] to [N, C, height, height * aspect], through which gradients pass."""


class Scaled(View):
    """The whole image, smaller or larger."""

    def build(self, aspect: float) -> nn.Module:
        """A module that resizes."""
        from gankit_critics.modules import Cropped

        return Cropped(self.height, aspect, 1.0)


class Crop(View):
    """A window of the image, at another place in each image and each pass."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Height of the window over that of the image; the width likewise."""

    def build(self, aspect: float) -> nn.Module:
        """A module that cuts out and resizes."""
        from gankit_critics.modules import Cropped

        return Cropped(self.height, aspect, self.share)
