"""How a discriminator takes images of smaller scales."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from gankit import BuildContext, Join, UserError

if TYPE_CHECKING:
    from torch import nn


class Concatenated(Join):
    """The image of a scale beside the features that come down to it (Karnewar & Wang 2020, section 3).

    For a growth that has several scales, as `all-scales`.
    """

    where: ClassVar[Literal["never", "fade", "stages", "resolutions", "scales"]] = "scales"

    combine: Literal["simple", "lin-cat", "cat-lin"] = "simple"
    """simple: the channels of the image itself are further feature maps, with which the paper's PGGAN does best.
    lin-cat: as many further feature maps as there are, which the `rgb` block makes of the image. cat-lin: a 1x1
    convolution makes of image and features as many feature maps as there were, the best for its StyleGAN."""

    def joins_images(self) -> bool:
        """Unless the `rgb` block comes first."""
        return self.combine != "lin-cat"

    def build(self, context: BuildContext) -> nn.Module:
        """A module from an image, or what is made of it, and feature maps to more feature maps, or as many.

        Raises:
            UserError: in a generator, whose images are not joined.
        """
        from gankit_msggan.modules import ConcatModule

        if context.network == "generator":
            raise UserError("concatenate joins images with a discriminator's features, and stands in no generator")
        return ConcatModule(context, self.combine)
