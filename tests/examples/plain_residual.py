from gankit import Block, BuildContext, hookimpl


class PlainResidual(Block):
    """Adds to its input what the norm, ReLU and a 3x3 convolution make of it; then a 1x1 convolution to its outputs."""

    def build(self, context: BuildContext):
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W']; there is no norm of the image."""
        from torch import Tensor, nn

        from gankit.networks.layers import Chain, Condition, Conditioned, conv, resampling, run, styles_of

        class Residual(Conditioned):
            def __init__(self, path: nn.Module) -> None:
                super().__init__()
                self.path, self.styles = path, styles_of(path)

            def forward(self, x: Tensor, condition: Condition) -> Tensor:
                return x + run(self.path, x, condition)

        channels, is_image = context.in_channels, context.outermost and context.network == "discriminator"
        path = Chain(
            norm=nn.Identity() if is_image else context.norm(channels),
            act=nn.Identity() if is_image else nn.ReLU(),
            conv=conv(channels, channels, gain=1.0),
        )
        return Chain(
            up=resampling(context.resample, "up"),
            residual=Residual(path),
            leave=conv(channels, context.out_channels, 1, gain=1.0),
            down=resampling(context.resample, "down"),
        )


@hookimpl
def gankit_register(register):
    register("plain-residual", PlainResidual)
