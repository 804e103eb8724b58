"""Corruptions that no map of positions or colours makes: noise, and a part of the image cut out."""

from __future__ import annotations

import torch
from torch import Tensor

from gankit_ada.pipe.constants import steps
from gankit_ada.pipe.draws import Draws


def noisy(images: Tensor, draws: Draws) -> Tensor:
    """Add normal noise to every number of [N, C, H, W], of a deviation drawn for each image."""
    if "noise" not in draws.chances:
        return images
    deviation = draws.normal("noise", 0.1).abs()
    return images + deviation[..., None, None] * torch.randn_like(images)


def cut_out(images: Tensor, draws: Draws) -> Tensor:
    """Set a rectangle of [N, C, H, W], half as high and wide, anywhere about a point of the image, to 0."""
    if "cutout" not in draws.chances:
        return images
    middle = draws.uniform("cutout", 0, 1, 2, spared=-1)[..., None]  # far out, so that nothing is cut
    height, width = (((steps(images, n) + 0.5) / n) for n in images.shape[2:])
    inside_x, inside_y = ((at - each).abs() < 1 / 4 for at, each in zip((width, height), middle.unbind(1), strict=True))
    return torch.where((inside_y[:, None, :, None] & inside_x[:, None, None, :]), 0, images)
