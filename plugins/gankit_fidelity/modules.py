"""Torch modules of the small classifiers, and what every extractor refuses."""

from __future__ import annotations

from itertools import pairwise
from typing import Self

import torch
import torch.nn.functional as F
from safetensors.torch import load
from torch import Tensor, nn

from gankit.evaluation.images import Features
from gankit_fidelity.classifier_file import Shape


class Classifier(nn.Module):
    """A small convolutional network: the last of its widths are its features, and one logit a class."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.size, self.channels, self.given = shape.size, shape.channels, shape.given
        layers: list[nn.Module] = []
        for channels, width in pairwise((shape.channels, *shape.widths)):
            layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
        self.convolutions = nn.Sequential(*layers[:-1])  # means are taken after the last, of all that is left
        self.classifier = nn.Linear(shape.widths[-1], shape.classes)

    @classmethod
    def of(cls, weights: bytes, shape: Shape) -> Self:
        """The network with the weights of a safetensors file, computing in float32, ready to evaluate."""
        with torch.device("meta"):  # draws no random weights
            network = cls(shape)
        network.load_state_dict({name: weight.float() for name, weight in load(weights).items()}, assign=True)
        return network.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Features:
        """Features [N, widths[-1]] and logits [N, classes] of images uint8 [N, 3, H, W] or of its bands."""
        check_images(images, self.given)
        seen = images.float().mean(1, keepdim=True) if self.channels == 1 else images.float()
        pooled = self.convolutions(self._resized(seen / 255)).mean((2, 3))
        return Features(pooled, self.classifier(pooled))

    def _resized(self, images: Tensor) -> Tensor:
        """Images of any size as a square: in each direction bilinear going up, means going down."""
        height, width = images.shape[2:]
        if max(height, width) > self.size:
            images = F.interpolate(images, (min(height, self.size), min(width, self.size)), mode="area")
        return F.interpolate(images, (self.size, self.size), mode="bilinear", align_corners=False)


def check_images(images: Tensor, channels: int = 3) -> None:
    """Refuse what looks like images but would be measured wrongly, such as floats.

    Raises:
        ValueError: if `images` is not uint8 [N, channels, H, W].
    """
    if images.dtype != torch.uint8 or images.dim() != 4 or images.shape[1] != channels:
        expected = f"uint8 [N, {channels}, H, W]"
        raise ValueError(f"an extractor expects images {expected}, not {images.dtype} {list(images.shape)}")
