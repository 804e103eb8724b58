"""Where in a network a part will stand: all that a part may want to know to build itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from gankit.core.networks import NetworkName
from gankit.core.tables import at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from gankit.kinds import Norm


@dataclass(frozen=True)
class BuildContext:
    """The position of one part in a generator or discriminator.

    New fields may be added later; parts that ignore them go on working.
    """

    network: NetworkName
    """Which network the part belongs to: "generator" or "discriminator"."""
    resolution: int
    """Height of the feature maps, in pixels, that the part works at."""
    in_channels: int
    """Channels that come in."""
    out_channels: int
    """Channels that should go out.

    A module that gives another number says so in an attribute `out_channels`. That counts in two cases: for a block
    that another follows in one list of blocks, which is then given that number, and for a regularizer's layer, after
    which the next one and the head are. What the last block of a list gives has to be this number.
    """
    resample: Literal["up", "down"] | None = None
    """"up": the part goes from half the resolution up into it; "down": from it down to half; None: neither."""
    resolutions: tuple[int, ...] = ()
    """All resolutions of the network, lowest first."""
    aspect: float = 1.0
    """Width of images and feature maps over their height."""
    outermost: bool = False
    """True if the part itself reads or writes the image."""
    image_channels: int = 3
    """Channels of the images: 1 grey, 3 RGB, 4 RGB with opacity; of any other number each is a band of its own."""
    latent: int = 0
    """Length of the latent vector z."""
    width: int = 0
    """Length of a style vector, as the generator's mapping gives it."""
    classes: int = 0
    """Number of classes of the data set, 0 without labels."""
    attributes: int = 0
    """Length of the vectors that the data set gives in place of classes, 0 if it gives none."""
    norms: Mapping[int, Sequence[Norm]] | None = None
    """The experiment's norms of this network, from each resolution up."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the feature maps, in pixels, that the part works at."""
        return self.resolution, round(self.resolution * self.aspect)

    def norm(self, channels: int | None = None) -> nn.Module:
        """The experiment's activation norms for `channels` maps here (default: `out_channels`); identity if none."""
        from gankit.networks.layers import Chain, built

        channels = channels or self.out_channels
        here = replace(self, in_channels=channels, out_channels=channels)
        norms = at(self.norms, self.resolution) if self.norms else ()
        return Chain.of([module for norm in norms if (module := built(norm, here)) is not None])
