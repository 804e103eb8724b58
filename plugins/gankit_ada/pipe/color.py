"""Colour transforms: one affine map of colours an image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gankit_ada.pipe.draws import Draws, replaced


def recolored(images: Tensor, draws: Draws) -> Tensor:
    """Change the colours of each of [N, C, H, W] as drawn, if C is 1, grey, or 3, RGB; others have none to change."""
    if images.shape[1] not in (1, 3):
        return images
    linear, shift = colors(draws, images.shape[1])
    same = torch.eye(linear.shape[1], dtype=linear.dtype, device=linear.device)
    changed = (linear != same).flatten(1).any(1) | (shift != 0).flatten(1).any(1)

    def changed_colors(some: Tensor, numbers: Tensor) -> Tensor:
        return (linear[numbers] @ some.flatten(2) + shift[numbers]).view_as(some)

    return replaced(images, changed, changed_colors)


def colors(draws: Draws, channels: int) -> tuple[Tensor, Tensor]:
    """The maps of colours as matrices [N, C, C] and shifts [N, 1, 1].

    A colour is its luma, the mean of its channels, and what is left, its chroma. Brightness is added and contrast
    multiplies both; then luma changes its sign, and chroma is turned about the axis of greys and scaled.
    """
    brightness = draws.normal("brightness", 0.2)[..., None]
    contrast = 2 ** draws.normal("contrast", 0.5)[..., None]
    luma = 1 - 2 * draws.uniform("luma-flip", 0, 2)[..., None].floor()
    hue = draws.uniform("hue", -math.pi, math.pi)[..., None]
    saturation = 2 ** draws.normal("saturation", 1.0)[..., None]
    one = torch.eye(channels, dtype=draws.like.dtype, device=draws.like.device)
    of_luma = torch.full_like(one, 1 / channels)
    linear = one + (luma - 1) * of_luma + (saturation * hue.cos() - 1) * (one - of_luma)
    if channels == 3:
        linear = linear + saturation * hue.sin() * torch.linalg.cross(one, one.new_full((1, 3), 1 / math.sqrt(3)))
    return contrast * linear, contrast * luma * brightness
