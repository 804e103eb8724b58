"""Pixel blitting and geometric transforms: one affine map an image, applied to it at twice its resolution.

Maps are matrices on (x, y, 1) in pixels from an image's middle, x to the right and y down.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce

import torch
from torch import Tensor

from gankit_ada.pipe.constants import constant, row
from gankit_ada.pipe.draws import Draws, replaced
from gankit_ada.pipe.filters import SYM6, filter_matrix
from gankit_ada.pipe.sampling import sampled

REACH = 4
"""Pixels beyond a position that are read for it: half of the filter, and the neighbor that is interpolated with."""


def warped(images: Tensor, draws: Draws) -> Tensor:
    """Flip, turn, scale and move each of [N, C, H, W] as drawn; what lies beyond the edges is its mirror image."""
    height, width = images.shape[2:]
    inverse = reduce(torch.matmul, inverses(draws, width, height))
    moved = (inverse != torch.eye(3, dtype=inverse.dtype, device=inverse.device)).flatten(1).any(1)
    return replaced(images, moved, lambda some, numbers: resampled(some, inverse[numbers]))


def inverses(draws: Draws, width: int, height: int) -> Iterator[Tensor]:
    """The inverse [N, 3, 3] of each transform, in the order in which they are applied."""
    size = constant(draws.like, row, width, height)
    yield scaling(1 - 2 * draws.uniform("flip", 0, 2).floor())
    yield rotation(math.pi / 2 * draws.uniform("rotate-90", 0, 4).floor())
    yield translation(-(draws.uniform("translate-int", -1 / 8, 1 / 8, 2) * size).round())
    yield scaling(*[2 ** -draws.normal("scale", 0.2)] * 2)
    yield rotation(draws.uniform("rotate", -math.pi, math.pi, tries=2))
    stretch = draws.normal("stretch", 0.2)
    yield scaling(2**-stretch, 2**stretch)
    yield rotation(draws.uniform("rotate", -math.pi, math.pi, tries=2))
    yield translation(-draws.normal("translate", 1 / 8, 2) * size)


def scaling(x: Tensor, y: Tensor | float = 1.0) -> Tensor:
    """By `x` and `y` [N, 1]."""
    return _matrix((x, 0, 0), (0, y, 0), (0, 0, 1))


def rotation(angle: Tensor) -> Tensor:
    """By `angle` [N, 1], in radians, from x to y."""
    cos, sin = angle.cos(), angle.sin()
    return _matrix((cos, -sin, 0), (sin, cos, 0), (0, 0, 1))


def translation(offset: Tensor) -> Tensor:
    """By `offset` [N, 2]."""
    x, y = offset.split(1, 1)
    return _matrix((1, 0, x), (0, 1, y), (0, 0, 1))


def _matrix(*rows: tuple[Tensor | float, ...]) -> Tensor:
    """Matrices [N, rows, columns] of entries [N, 1] and numbers."""
    entries = [entry for row in rows for entry in row]
    like = next(entry for entry in entries if isinstance(entry, Tensor))
    columns = [entry if isinstance(entry, Tensor) else torch.full_like(like, entry) for entry in entries]
    return torch.cat(columns, 1).unflatten(1, (len(rows), -1))


def resampled(images: Tensor, inverse: Tensor) -> Tensor:
    """Each of [N, C, H, W] where the inverse [N, 3, 3] of its map says.

    Reflected, doubled by the filter, sampled at as many positions as filtering back takes, and halved by it.
    """
    size = images.shape[:1:-1]  # width, height
    margin = _margin(inverse, size)
    up_x, up_y = (constant(images, _doubling, n, around) for n, around in zip(size, margin, strict=True))
    down_x, down_y = (constant(images, _doubling, n, 0).T for n in size)
    doubled = up_y @ (images @ up_x.T)  # across first: twice as fast
    samples = (len(down_x.T), len(down_y.T))
    from_pixels = constant(images, _from_pixels, len(up_x), len(up_y))
    maps = from_pixels @ inverse @ constant(images, _to_pixels, *samples)
    return down_y @ (sampled(doubled, maps[:, :2], *samples) @ down_x.T)


def _to_pixels(width: int, height: int) -> Tensor:
    """Takes positions from -1 to 1 across so many samples, of which a pixel has two, to pixels from an image's middle.

    The filter is not symmetric: the middle of the samples is a fourth of a pixel beyond that of the image.
    """
    return torch.tensor([[width / 4, 0, 1 / 4], [0, height / 4, 1 / 4], [0, 0, 1]], dtype=torch.float64)


def _from_pixels(width: int, height: int) -> Tensor:
    """The other way."""
    return _to_pixels(width, height).inverse()


def _doubling(size: int, margin: int) -> Tensor:
    """The filter that doubles `size` pixels and as many as `margin` of their reflection at either end, as a matrix."""
    return filter_matrix(SYM6, size, margin, spacing=2)


def _margin(inverse: Tensor, size: torch.Size) -> list[int]:
    """How far beyond its edges an image is looked at, in pixels across and down: about its longer side at most.

    So far it is on a GPU always, as to know how far it need be would be to wait for it.
    """
    most = max(size) + 2 * REACH
    if inverse.device.type != "cpu":
        return [most, most]
    half = inverse.new_tensor([[n / 2 for n in size]])
    corners = half * inverse.new_tensor([[-1, -1], [1, -1], [-1, 1], [1, 1]])
    seen = (inverse[:, :2, :2] @ (corners + REACH * corners.sign()).T + inverse[:, :2, 2:]).abs().amax((0, 2))
    beyond = (seen - half[0] + REACH).ceil().tolist()
    return [min(max(int(pixels), 0), most) for pixels in beyond]
