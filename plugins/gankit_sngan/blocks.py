"""The residual blocks of SNGAN and the way between them and images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from gankit import Block, BuildContext, at

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class Residual(Block):
    """Two 3x3 convolutions, each after the norm and ReLU, added to a shortcut (Miyato et al. 2018; the authors' code).

    Goes up before the first convolution, down by averaging pixels after the second; a shortcut that
    changes channels or resolution has a 1x1 convolution. A discriminator's block that reads the image itself rectifies
    nothing before its first convolution. What comes out is linear: `residual-rgb` makes an image of it.
    """

    later_options: ClassVar[tuple[str, ...]] = ("upsampling",)

    wide: bool = False
    """Between its convolutions a generator's block is as wide as what comes out. False: a discriminator's as wide as
    what comes in (SNGAN); true: also as wide as what comes out (SAGAN)."""
    upsampling: Literal["nearest", "bilinear"] = "nearest"
    """How it goes up, on either way. nearest: pixels are repeated (SNGAN); bilinear: interpolated between."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """It cannot write the image itself."""
        generator, final = experiment.generator, experiment.growth.stages()[-1].resolution
        last = generator.base_blocks if final == generator.base else at(generator.block, final)
        if generator.rgb is None and last and last[-1] is self:
            yield (
                "would be as narrow inside as the image that it writes; "
                "set generator.rgb to residual-rgb, which makes an image of its feature maps"
            )

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']; its input stays as it is."""
        from torch import nn

        from gankit.networks.layers import Chain, conv, resampling
        from gankit_sngan.modules import Sum

        up, down = ("up", None) if context.resample == "up" else (None, context.resample)
        repeats = self.upsampling == "nearest"
        inputs, outputs = context.in_channels, context.out_channels
        image_comes_in = context.network == "discriminator" and context.outermost
        between = outputs if self.wide or image_comes_in or context.network == "generator" else inputs
        path = Chain(
            norm0=nn.Identity() if image_comes_in else context.norm(inputs),
            act0=nn.Identity() if image_comes_in else nn.ReLU(),
            up=nn.Identity() if repeats else resampling(up, "up", self.upsampling),
            conv0=conv(inputs, between, resample=up if repeats else None),
            norm1=context.norm(between),
            act1=nn.ReLU(),
            conv1=conv(between, outputs, resample=down),
        )
        return Sum(path, _shortcut(context, resampling(context.resample, "up", self.upsampling)))


class ResidualRgb(Block):
    """Between images and residual blocks: norm, ReLU and a 3x3 convolution into an image (Miyato et al. 2018).

    Out of an image, a 1x1 convolution without activation: the residual block that follows begins with one.
    """

    resamples: ClassVar[bool] = False

    def build(self, context: BuildContext) -> nn.Module:
        """A module from features to an image in a generator, from an image to features in a discriminator."""
        from torch import nn

        from gankit.networks.layers import Chain, conv

        inputs, outputs = context.in_channels, context.out_channels
        if context.network == "discriminator":
            return conv(inputs, outputs, 1, gain=1.0)
        return Chain(norm=context.norm(inputs), act=nn.ReLU(), conv=conv(inputs, outputs, gain=1.0))


def _shortcut(context: BuildContext, up: nn.Module) -> nn.Module:
    """The way past the convolutions, which goes up as they do.

    The authors convolve feature maps at the higher resolution. A 1x1 convolution gives the same at the lower one, with
    a quarter of the work, as it commutes with repeating, interpolating and averaging pixels.
    """
    from torch import nn

    from gankit.networks.layers import Chain, conv, resampling

    inputs, outputs = context.in_channels, context.out_channels
    if inputs == outputs and context.resample is None:
        return nn.Identity()
    return Chain(
        down=resampling(context.resample, "down"),
        conv=conv(inputs, outputs, 1, gain=1.0),
        up=up,
    )
