"""The block of SAGAN."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from gankit import Block, BuildContext, at

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment, NetworkOptions

NARROWING = 8
"""How many times fewer channels queries and keys have (Zhang et al. 2019, section 3)."""


class Attention(Block):
    """Adds to each position what it gathers from all, weighted by one learned number that starts at zero.

    Keeps channels and resolution, so under `block` it follows another block in a generator and precedes another in a
    discriminator; it may stand alone in `base_blocks` (Zhang et al. 2019, section 3).
    """

    resamples: ClassVar[bool] = False

    variant: Literal["official", "paper"] = "official"
    """official, the authors' code: keys and values from 2x2 maxima, values of half the channels brought back by a last
    convolution, no biases. paper, as in most tutorials: neither pooling nor last convolution, values of all channels,
    biases."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """It stands where channels change, or the feature maps there do not suit it."""
        for network in experiment.networks():
            turn = 0 if network is experiment.generator else -1
            if network.rgb is self:
                yield "keeps the channels, so it cannot turn feature maps into images or back; name it under block"
            lists, resolution = {network.base: network.base_blocks}, 2 * network.base
            while resolution <= experiment.growth.stages()[-1].resolution:
                lists[resolution] = at(network.block, resolution)
                resolution *= 2
            for resolution, blocks in lists.items():
                is_misplaced = resolution > network.base and blocks[turn] is self  # which the core says
                if any(block is self for block in blocks) and not is_misplaced:
                    yield from self._misfits(experiment, network, resolution)

    def _misfits(self, experiment: Experiment, network: NetworkOptions, resolution: int) -> Iterator[str]:
        """Why it cannot work on the feature maps at `resolution`."""
        final = experiment.growth.stages()[-1].resolution
        is_image = network.rgb is None and resolution == final
        channels = experiment.data.image_channels() if is_image else at(network.channels, resolution)
        if channels < NARROWING:
            yield f"needs at least {NARROWING} channels, and there are {channels} at resolution {resolution}"
        height, width = BuildContext("generator", resolution, 0, 0, aspect=experiment.data.aspect()).size
        if self.variant == "official" and (height % 2 or width % 2):
            yield (
                f"takes 2x2 maxima, and the maps at resolution {resolution} are {height} high and {width} wide; "
                "put it at another resolution, or give it variant: paper"
            )

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to the same.

        The convolutions' gain is 1, which keeps the variance: nothing is rectified after them. It is `gamma` that
        starts the block as the identity, not a gain of 0, so that spectral normalization has a weight to divide.
        """
        from torch import nn

        from gankit.networks.layers import conv
        from gankit_sagan.modules import SelfAttention

        channels, official = context.in_channels, self.variant == "official"
        values = channels // 2 if official else channels
        return SelfAttention(
            query=conv(channels, channels // NARROWING, 1, gain=1.0, bias=not official),
            key=conv(channels, channels // NARROWING, 1, gain=1.0, bias=not official),
            value=conv(channels, values, 1, gain=1.0, bias=not official),
            pool=nn.MaxPool2d(2) if official else nn.Identity(),
            output=conv(values, channels, 1, gain=1.0, bias=False) if official else nn.Identity(),
        )
