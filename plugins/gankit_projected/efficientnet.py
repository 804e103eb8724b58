"""EfficientNet-Lite0, an ImageNet classifier, with frozen weights that others have trained.

The architecture is that of Tan's EfficientNet-Lite: EfficientNet-B0 (Tan & Le 2019, table 1) without squeeze and
excitation, with ReLU6 in place of swish, and padded as TensorFlow's SAME. Batch norms, whose statistics are frozen, are
folded into the convolutions before them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gankit import UserError
from gankit.evaluation.images import Features

EPSILON = 1e-3
"""Of its batch norms."""
SIDE = 224
"""Height and width of the images that it was trained on, in pixels."""
AT_A_TIME = 16
"""Images that pass through it at a time where it extracts."""
LEVELS = (2, 4, 10, 15)
"""The blocks after which maps are 1/4, 1/8, 1/16 and 1/32 as high as the image: of 24, 40, 112 and 320 channels."""
UNFIT = (OSError, RuntimeError, EOFError, LookupError, ValueError, AttributeError, TypeError)
"""What torch raises for a file that holds something else."""


class Stage(NamedTuple):
    """Blocks that are alike, but that the first one changes resolution and channels."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    """How many times as many channels a block has inside."""
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class Convolution(nn.Module):
    """A convolution with the batch norm after it, padded as TensorFlow does, perhaps with ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs // groups, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.kernel, self.stride, self.groups, self.act = kernel, stride, groups, act

    def fold(self, state: Mapping[str, Tensor], conv: str, norm: str) -> None:
        """Take over weights of a convolution and of the batch norm after it."""
        scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + EPSILON).sqrt()
        weight = state[f"{conv}.weight"] * scale.view(-1, 1, 1, 1)
        if weight.shape != self.weight.shape:
            raise ValueError(f"{conv}.weight is {[*weight.shape]}, not {[*self.weight.shape]}")
        self.weight.data = weight
        self.bias.data = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale

    def forward(self, x: Tensor) -> Tensor:
        """From [N, inputs, H, W] to [N, outputs, H / stride, W / stride], rounded up."""
        rows, columns = (self._padding(size) for size in x.shape[2:])
        even = rows[0] == rows[1] and columns[0] == columns[1]
        if not even:
            x = F.pad(x, (*columns, *rows))
        padding = (rows[0], columns[0]) if even else 0
        x = F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)
        return F.relu6(x) if self.act else x

    def _padding(self, size: int) -> tuple[int, int]:
        """Zeros before and after a side, such that it gives size / stride, rounded up; the odd one comes after."""
        total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
        return total // 2, total - total // 2


class Block(nn.Module):
    """An inverted residual block (Sandler et al. 2018): wider inside, where each channel is convolved by itself."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inner = inputs * stage.expand
        self.expand = Convolution(inputs, inner, 1) if stage.expand > 1 else None
        self.depthwise = Convolution(inner, inner, stage.kernel, stride, groups=inner)
        self.project = Convolution(inner, stage.channels, 1, act=False)
        self.adds = stride == 1 and inputs == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """From [N, inputs, H, W] to [N, channels, H / stride, W / stride]."""
        inner = x if self.expand is None else self.expand(x)
        made = self.project(self.depthwise(inner))
        return made + x if self.adds else made


class EfficientNetLite0(nn.Module):
    """From images in [-1, 1] to feature maps of four levels, or to features and logits of 1,000 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, 32, 3, 2)
        self.blocks = nn.ModuleList()
        inputs = 32
        for stage in STAGES:
            for number in range(stage.repeats):
                self.blocks.append(Block(inputs, stage, 1 if number else stage.stride))
                inputs = stage.channels
        self.head = Convolution(inputs, 1280, 1)
        self.classes = nn.Linear(1280, 1000)

    @classmethod
    def of(cls, file: Path) -> EfficientNetLite0:
        """The network with the weights of a file, which nothing trains.

        Raises:
            UserError: if the file holds something else.
        """
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            network = cls()
            network._take(state)
        except UNFIT as problem:
            reason = " ".join(str(problem).split())
            raise UserError(f"{file}: these are no weights of EfficientNet-Lite0: {reason:.300}") from None
        return network.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Of RGB images [N, 3, H, W] in [-1, 1] the feature maps of `LEVELS`, finest first."""
        x, maps = self.stem(_as_trained(images)), list[Tensor]()
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in LEVELS:
                maps.append(x)
        return maps

    def classified(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Of the same images features [N, 1280], means over all positions, and logits [N, 1000]."""
        features = self.head(self(images)[-1]).mean((2, 3))
        return features, self.classes(features)

    def _take(self, state: Mapping[str, Tensor]) -> None:
        """Take over weights by the names that the published file has."""
        for conv, name, norm in self._names():
            conv.fold(state, name, norm)
        self.classes.load_state_dict({"weight": state["_fc.weight"], "bias": state["_fc.bias"]})

    def _names(self) -> Iterator[tuple[Convolution, str, str]]:
        """Each convolution, with the names of its weights and of those of the batch norm after it."""
        yield self.stem, "_conv_stem", "_bn0"
        for number, block in enumerate(cast(Iterable[Block], self.blocks)):
            begin = f"_blocks.{number}"
            if block.expand is not None:
                yield block.expand, f"{begin}._expand_conv", f"{begin}._bn0"
            yield block.depthwise, f"{begin}._depthwise_conv", f"{begin}._bn1"
            yield block.project, f"{begin}._project_conv", f"{begin}._bn2"
        yield self.head, "_conv_head", "_bn1"


def _as_trained(images: Tensor) -> Tensor:
    """Images in [-1, 1] as it was trained on: bytes less 127, over 128."""
    return (images * 127.5 + 0.5) / 128


def resized(images: Tensor, height: int, width: int) -> Tensor:
    """Images [N, C, height, width] by bilinear interpolation, which averages what it makes smaller; differentiable."""
    if images.shape[2:] == (height, width):
        return images
    shrinks = images.shape[2] > height or images.shape[3] > width
    return F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False, antialias=shrinks)


def extracting(network: EfficientNetLite0, device: torch.device) -> Callable[[Tensor], Features]:
    """A function from uint8 [N, 3, H, W] to what the network sees of them."""
    network = network.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @torch.no_grad()
    def extract(images: Tensor) -> Features:
        scaled = images.to(device).float() / 127.5 - 1
        parts = [network.classified(resized(some, SIDE, SIDE)) for some in scaled.split(AT_A_TIME)]
        features, logits = (torch.cat(each) for each in zip(*parts, strict=True))
        return Features(features, logits)

    return extract
