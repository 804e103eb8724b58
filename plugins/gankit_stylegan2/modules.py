"""Torch modules of StyleGAN2.

Its layers have a gain of 1, and what leaky ReLU takes away is made up for after it, so that biases are scaled too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gankit import BuildContext
from gankit.networks.filters import Padding, fir, resample
from gankit.networks.layers import Bias, Chain, Condition, Conditioned, Conv2d, conv, dense, gained
from gankit.networks.operations import conv2d, conv_transpose2d, leaky_relu
from gankit.networks.precision import full_precision
from gankit_pggan.modules import pixel_norm
from gankit_sngan.modules import Sum
from gankit_stylegan.modules import Noise, StyleMixing


class GainedLeakyReLU(nn.Module):
    """Leaky ReLU of slope 0.2, times the root of 2."""

    def forward(self, x: Tensor) -> Tensor:
        """Of any shape."""
        return leaky_relu(x, 0.2, gain=math.sqrt(2))


class StyleNetwork(nn.Module):
    """Dense layers from a latent and a label to a style, both normalized apart; of a label alone if `latent` is 0.

    A label is a class, or the values of attributes (the `c` of StyleGAN2-ADA), of which a class is a one-hot vector.
    """

    def __init__(self, context: BuildContext, latent: int, layers: int, width: int, lr_multiplier: float) -> None:
        super().__init__()
        self.classes = context.classes
        length = context.classes or context.attributes
        self.embedding = dense(length, width, gain=1.0) if length else None
        widths = [latent + (width if length else 0)] + [width] * layers
        self.layers = nn.ModuleList(
            dense(inputs, outputs, gain=1.0, lr_multiplier=lr_multiplier) for inputs, outputs in pairwise(widths)
        )
        self.act = GainedLeakyReLU()

    def forward(self, z: Tensor | None, labels: Tensor | None) -> Tensor:
        """Styles [N, width] of z [N, latent] and labels, classes [N] or vectors [N, attributes]."""
        parts = [] if z is None else [z]
        if self.embedding is not None and labels is not None:
            vectors = F.one_hot(labels, self.classes) if self.classes else labels
            parts.append(self.embedding(vectors.to(self.embedding.weight.dtype)))
        x = torch.cat([pixel_norm(part) for part in parts], 1)
        for layer in self.layers:
            x = self.act(layer(x))
        return x


class LabelVector(nn.Module):
    """A vector for a label by a `StyleNetwork` of labels alone, over the root of its length."""

    def __init__(self, context: BuildContext, layers: int, width: int, lr_multiplier: float) -> None:
        super().__init__()
        self.network = StyleNetwork(context, 0, layers, width, lr_multiplier)
        self.scale = 1 / math.sqrt(width)

    def forward(self, labels: Tensor) -> Tensor:
        """Vectors [N, width] of labels."""
        return self.network(None, labels) * self.scale


class MixedStyles(StyleMixing):
    """The styles of a `StyleNetwork`, mixed in training."""

    def __init__(
        self, context: BuildContext, layers: int, width: int, lr_multiplier: float, mixing: float, decay: float
    ) -> None:
        super().__init__(width, mixing, decay)
        self.network = StyleNetwork(context, context.latent, layers, width, lr_multiplier)

    def style(self, z: Tensor, labels: Tensor | None) -> Tensor:
        """One style [N, width] of each latent."""
        return self.network(z, labels)


def up_conv(x: Tensor, weight: Tensor, kernel: Tensor) -> Tensor:
    """Zeros between the pixels, a convolution with `weight` turned round, then the filter: [N, I, H, W] to twice that.

    Args:
        x: Feature maps [N, I, H, W].
        weight: Of the convolution, [O, I, 3, 3].
        kernel: The filter [T, T].
    """
    size = kernel.shape[0]
    before, after = (size + 1) // 2 - 1, (size - 2) // 2
    x = conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return resample(x, kernel, Padding(before, after, before, after), gain=4.0)


def modulated_conv(
    x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool = True, kernel: Tensor | None = None
) -> Tensor:
    """A convolution whose weights are scaled by the style of each sample and then normalized (Karras et al. 2020, 2.2).

    Scaling what comes in and what goes out in place of weights gives the same without a convolution for each sample.

    Args:
        x: Feature maps [N, I, H, W].
        weight: [O, I, k, k].
        style: One factor for each map that comes in, [N, I]; these, and those that normalize, stay float32 in mixed
            precision.
        demodulate: Scale each sample's weights for a map that goes out to a norm of 1 (equation 3, 1e-8 added).
        kernel: Go up to twice the height and width through this filter [T, T].
    """
    x = x * style.to(x.dtype)[:, :, None, None]
    x = conv2d(x, weight, padding=weight.shape[2] // 2) if kernel is None else up_conv(x, weight, kernel)
    if not demodulate:
        return x
    with full_precision(x):
        squares = F.linear(style.square(), weight.square().sum((2, 3)))
    return x * (squares + 1e-8).rsqrt().to(x.dtype)[:, :, None, None]


class ModulatedConv(Conditioned):
    """`modulated_conv` by factors that an affine map makes of the style, at first about 1; given taps it goes up."""

    styles = 1
    kernel: Tensor | None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int,
        side: int = 3,
        *,
        demodulate: bool = True,
        taps: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.demodulate, self.reach = demodulate, 2 if taps else side // 2
        self.affine = dense(width, inputs, gain=1.0)
        nn.init.ones_(self.affine.bias)
        self.conv = conv(inputs, outputs, side, gain=1.0, bias=False)
        self.register_buffer("kernel", None if taps is None else fir(taps), persistent=False)

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """From [N, inputs, H, W] and one style to [N, outputs, H', W']."""
        assert condition.styles is not None
        with full_precision(x):
            style = self.affine(condition.styles[:, 0])
        return modulated_conv(x, self.conv.weight, style, demodulate=self.demodulate, kernel=self.kernel)


def styled_conv(context: BuildContext, inputs: int, noise: bool, taps: Sequence[float] | None = None) -> Chain:
    """A modulated 3x3 convolution to the place's channels, noise of one strength or none, bias, activation, norm."""
    outputs = context.out_channels
    return Chain(
        conv=ModulatedConv(inputs, outputs, context.width, taps=taps),
        **({"noise": Noise(1)} if noise else {}),
        bias=Bias(outputs),
        act=GainedLeakyReLU(),
        norm=context.norm(outputs),
    )


class Filter(nn.Module):
    """A FIR filter with so many zeros before and after each row and column."""

    kernel: Tensor

    def __init__(self, taps: Sequence[float], before: int, after: int) -> None:
        super().__init__()
        self.register_buffer("kernel", fir(taps), persistent=False)
        self.padding, self.reach = Padding(before, after, before, after), max(before, after)

    def forward(self, x: Tensor) -> Tensor:
        """Filter each map of [N, C, H, W]."""
        return resample(x, self.kernel, self.padding)


def down_conv(inputs: int, outputs: int, taps: Sequence[float]) -> Chain:
    """The filter, then a 3x3 convolution that leaves out every second place: from [N, inputs, H, W] to half of that."""
    size = len(taps)
    return Chain(
        filter=Filter(taps, (size + 1) // 2, size // 2),
        conv=gained(Conv2d(inputs, outputs, 3, stride=2), 1.0),
    )


class ScaledSum(Sum):
    """The sum of a path and a shortcut, whose variance it keeps: times the root of a half."""

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Run both on [N, C, H, W]."""
        return super().forward(x, condition) * math.sqrt(0.5)
