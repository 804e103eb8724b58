from gankit import Block, BuildContext, hookimpl
from pydantic import Field


class ExampleBlock(Block):
    """A 3x3 convolution of each channel by itself, then a 1x1 convolution of all (Howard et al. 2017)."""

    slope: float = Field(default=0.2, ge=0, le=1)
    """Of the leaky ReLU between the two."""

    def build(self, context: BuildContext):
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']; there is no norm beside the image."""
        from gankit.networks.layers import Chain, conv, gained, resampling
        from torch import nn

        up, down = (resampling(context.resample, way) for way in ("up", "down"))
        each = gained(nn.Conv2d(context.in_channels, context.in_channels, 3, padding=1, groups=context.in_channels))
        every = conv(context.in_channels, context.out_channels, 1, gain=1.0)
        norm = nn.Identity() if context.outermost else context.norm()
        return Chain(up=up, each=each, act=nn.LeakyReLU(self.slope), every=every, norm=norm, down=down)


@hookimpl
def gankit_register(register):
    register("example", ExampleBlock)
