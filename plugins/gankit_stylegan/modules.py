"""Torch modules of StyleGAN."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from gankit import BuildContext
from gankit.networks.filters import blurred, fir
from gankit.networks.layers import Bias, Condition, Conditioned, LeakyReLU, dense
from gankit.networks.operations import conv2d, leaky_relu, normalized
from gankit.networks.precision import full_precision
from gankit_pggan.modules import pixel_norm


class StyleMixing(nn.Module, ABC):
    """Hands a style to every part that asks: mixes those of two latents, and keeps a mean to truncate towards."""

    mean: Tensor

    def __init__(self, width: int, mixing: float, decay: float) -> None:
        super().__init__()
        self.width, self.mixing, self.decay = width, mixing, decay
        self.register_buffer("mean", torch.zeros(width))

    @abstractmethod
    def style(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """One style [N, width] of each latent."""

    def forward(self, z: Tensor, labels: Tensor | None, styles: int) -> Tensor:
        """Styles [N, styles, width] of z [N, latent] and labels [N]; mixed, and the mean moved, in training only."""
        style = self.style(z, labels)
        broadcast = style[:, None].expand(-1, styles, -1)
        if not self.training:
            return broadcast
        with torch.no_grad():
            self.mean.copy_(torch.lerp(style.mean(0), self.mean, self.decay))
        return self._mixed(broadcast, z, labels) if self.mixing and styles > 1 else broadcast

    def truncated(self, styles: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """Styles [N, styles, width] with the first `cutoff` (default: all) pulled towards the mean.

        mean + psi * (style - mean) (Karras et al. 2019, appendix B); psi 1 leaves them as they are.
        """
        if psi == 1:
            return styles
        cutoff = styles.shape[1] if cutoff is None else cutoff
        return torch.cat([torch.lerp(self.mean, styles[:, :cutoff], psi), styles[:, cutoff:]], 1)

    def _mixed(self, styles: Tensor, z: Tensor, labels: Tensor | None) -> Tensor:
        """With a second latent's style from a random layer on (section 3.1); the mean does not see the second.

        Everything is drawn whether or not this batch is mixed, so that no choice moves later draws.
        """
        count = styles.shape[1]
        second = torch.randn_like(z)
        first_of_second = torch.randint(1, count, (), device=z.device)
        mixes = torch.rand((), device=z.device) < self.mixing
        late = (torch.arange(count, device=z.device) >= first_of_second) & mixes
        return torch.where(late[None, :, None], self.style(second, labels)[:, None], styles)


class MappingNetwork(StyleMixing):
    """Dense layers from latents to styles."""

    def __init__(
        self, context: BuildContext, layers: int, width: int, lr_multiplier: float, mixing: float, decay: float
    ) -> None:
        super().__init__(width, mixing, decay)
        latent, rows = context.latent, context.classes or context.attributes
        self.label_vectors = nn.Parameter(torch.randn(rows, latent)) if rows else None
        widths = [latent * (2 if rows else 1)] + [width] * layers
        self.layers = nn.ModuleList(
            dense(inputs, outputs, lr_multiplier=lr_multiplier) for inputs, outputs in pairwise(widths)
        )

    def style(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """One style [N, width] of each latent."""
        if self.label_vectors is not None and labels is not None:
            vectors = self.label_vectors
            z = torch.cat([z, labels @ vectors if labels.is_floating_point() else vectors[labels]], 1)
        x = pixel_norm(z)
        for layer in self.layers:
            x = leaky_relu(layer(x), 0.2)
        return x


class Constant(Conditioned):
    """A learned first feature map, the same for every sample; starts at one."""

    def __init__(self, channels: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.ones(1, channels, *size))

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """The constant for each of the N samples of x."""
        return self.constant.expand(len(x), -1, -1, -1)


class Noise(nn.Module):
    """Adds one noise map, the same for all channels, weighted by one learned number a channel; starts at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Add fresh noise to [N, C, H, W]."""
        return torch.addcmul(x, self.weight.to(x.dtype).view(1, -1, 1, 1), self.draw(x))

    def draw(self, x: Tensor) -> Tensor:
        """Standard normal noise [N, 1, H, W], the same numbers in mixed precision."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        return torch.randn(len(x), 1, *x.shape[2:], device=x.device, dtype=dtype).to(x.dtype)


class AdaIN(Conditioned):
    """Instance normalization, if wanted, then a scale and a shift that an affine map makes of the style."""

    styles = 1

    def __init__(self, channels: int, width: int, normalize: bool = True) -> None:
        super().__init__()
        self.affine = dense(width, 2 * channels, gain=1.0)
        self.normalize = normalize

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Normalize [N, C, H, W] and apply one style."""
        assert condition.styles is not None
        with full_precision(x):
            style = self.affine(condition.styles[:, 0])
        scale, shift = style.view(len(x), 2, -1, 1, 1).unbind(1)
        return torch.addcmul(shift.to(x.dtype), instance_norm(x) if self.normalize else x, (scale + 1).to(x.dtype))


class Blur(nn.Module):
    """A FIR filter in both directions, with zeros beyond the edges."""

    kernel: Tensor

    def __init__(self, taps: Sequence[float] = (1, 2, 1)) -> None:
        super().__init__()
        self.register_buffer("kernel", fir(taps), persistent=False)
        self.pads_evenly = len(taps) % 2 == 1 and tuple(taps) == tuple(reversed(taps))
        """The convolution then pads by itself, which saves a copy of the maps."""
        self.reach = len(taps) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Blur each map of [N, C, H, W]."""
        size = self.kernel.shape[0]
        if not self.pads_evenly:
            return blurred(x, self.kernel)
        kernel = self.kernel.to(x).expand(x.shape[1], 1, size, size)
        return conv2d(x, kernel, padding=size // 2, groups=x.shape[1])


def instance_norm(x: Tensor) -> Tensor:
    """Each map of [N, C, H, W] with mean 0 and variance 1; 1e-8 is added to the biased variance."""
    return normalized(x, (2, 3), centred=True)


def epilogue(context: BuildContext, channels: int, number: int, noise: bool) -> dict[str, nn.Module]:
    """What follows a generator's convolution: noise or none, bias, leaky ReLU, and only then the norm with a style."""
    return {
        **({f"noise{number}": Noise(channels)} if noise else {}),
        f"bias{number}": Bias(channels),
        f"act{number}": LeakyReLU(0.2),
        f"norm{number}": context.norm(channels),
    }
