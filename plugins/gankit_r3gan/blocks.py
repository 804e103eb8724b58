"""The blocks of R3GAN (Huang et al. 2024, section 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gankit import Block, BuildContext, at

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment

SLOPE = 0.2
"""Of the leaky ReLU below zero."""
TAPS = (1, 3, 3, 1)
"""The filter of the resampling."""
LAYERS = 3
"""Convolutions on the path of a residual block."""


class R3ganBlock(Block):
    """Residual blocks x + f(x), f a 1x1 convolution that widens, a grouped 3x3 and a 1x1 that narrows again.

    The first two have a bias, the norm, if there is one, and leaky ReLU; the last starts at zero. The more residual
    blocks a network has, `depth` at each of its resolutions, the smaller the others start: by depth^(-1/4), which makes
    up for the variance that normalization would hold (Zhang et al. 2019, "Fixup Initialization", section 3). Where
    channels change a 1x1 convolution without bias precedes going up, and follows going down, through the filter
    [1, 3, 3, 1].
    """

    depth: int = Field(default=2, ge=1, le=16)
    """Residual blocks at each resolution; give `base_blocks` as many."""
    expansion: int = Field(default=2, ge=1, le=1_000)
    """How many times wider the 3x3 convolution is than what comes in."""
    group_width: int = Field(default=16, ge=1, le=1_000_000)
    """Channels of each group of the 3x3 convolution; fewer channels than that are one group. The paper gives the
    number of groups, its cardinality, in place of their width."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """The groups must be alike."""
        final = experiment.growth.stages()[-1].resolution
        for network in experiment.networks():
            resolution = network.base
            while resolution <= final:
                blocks = network.base_blocks if resolution == network.base else at(network.block, resolution)
                width = at(network.channels, resolution) * self.expansion
                if any(block is self for block in blocks) and width % min(width, self.group_width):
                    yield (
                        f"is {width} channels wide at resolution {resolution}, which group_width {self.group_width} "
                        f"does not divide; {math.gcd(width, self.group_width)} would"
                    )
                resolution *= 2

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']."""
        from torch import nn

        from gankit.networks.filters import Resample
        from gankit.networks.layers import Chain, conv

        inputs, outputs, way = context.in_channels, context.out_channels, context.resample
        change = nn.Identity() if inputs == outputs else conv(inputs, outputs, 1, gain=1.0, bias=False)
        resample = nn.Identity() if way is None else Resample(TAPS, way)
        if context.network == "generator":
            return Chain(change=change, up=resample, **self._residuals(context, outputs))
        return Chain(**self._residuals(context, inputs), down=resample, change=change)

    def _residuals(self, context: BuildContext, channels: int) -> dict[str, nn.Module]:
        """Residual blocks that keep the channels, by their names."""
        from torch import nn

        from gankit.networks.layers import Chain, Conv2d, LeakyReLU, conv, gained
        from gankit_sngan.modules import Sum

        width = channels * self.expansion
        groups = width // min(width, self.group_width)
        blocks = self.depth * max(1, len(context.resolutions))
        gain = nn.init.calculate_gain("leaky_relu", SLOPE) * blocks ** (-1 / (2 * LAYERS - 2))

        def residual() -> nn.Module:
            path = Chain(
                conv0=conv(channels, width, 1, gain=gain),
                norm0=context.norm(width),
                act0=LeakyReLU(SLOPE),
                conv1=gained(Conv2d(width, width, 3, padding=1, groups=groups), gain),
                norm1=context.norm(width),
                act1=LeakyReLU(SLOPE),
                conv2=conv(width, channels, 1, gain=0.0, bias=False),
            )
            return Sum(path, nn.Identity())

        return {f"residual{number}": residual() for number in range(self.depth)}


class R3ganRgb(Block):
    """Between images and feature maps: a 1x1 convolution without bias or activation."""

    resamples: ClassVar[bool] = False

    def build(self, context: BuildContext) -> nn.Module:
        """A module from features to an image in a generator, from an image to features in a discriminator."""
        from gankit.networks.layers import conv

        return conv(context.in_channels, context.out_channels, 1, gain=1.0, bias=False)
