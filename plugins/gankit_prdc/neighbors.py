"""Who is near whom in the space of features, block by block, so that memory does not grow with the square of N."""

from __future__ import annotations

from collections.abc import Callable

import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253

BLOCK = (2048, 4096)
"""Rows and columns of the matrix of distances that are held at a time: 64 MiB."""
EQUAL = 1e-6
"""Features that differ by less than this share of their length are equal: all that is left is rounding to float32."""


def distances(points: Tensor, others: Tensor) -> Tensor:
    """Euclidean distances [N, M] in float64 between features [N, D] and [M, D].

    Equal features are at exactly 0. Rounding would otherwise decide whether a copy lies in the ball around another.
    """
    points, others = points.double(), others.double()
    apart = torch.cdist(points, others, compute_mode="use_mm_for_euclid_dist")
    return apart.masked_fill_(apart < EQUAL * points.norm(dim=1, keepdim=True), 0)


def nearest(points: Tensor, others: Tensor, count: int, block: tuple[int, int] = BLOCK) -> Tensor:
    """Distances [N, count] from each of the `points` to the nearest of the `others`, in rising order.

    Args:
        points: Features [N, D].
        others: Features [M, D], M at least `count`; a point that is one of them is its own nearest.
        count: How many of the others.
        block: Rows and columns of the matrix that are held at a time; the result does not depend on it.
    """
    rows, columns = block

    def candidates(some: Tensor, part: Tensor) -> Tensor:
        return distances(some, part).topk(min(count, len(part)), largest=False).values

    return torch.cat(
        [
            torch.cat([candidates(some, part) for part in others.split(columns)], 1).topk(count, largest=False).values
            for some in points.split(rows)
        ]
    )


def radii(points: Tensor, neighbors: int, block: tuple[int, int] = BLOCK) -> Tensor:
    """Distance [N] of each point to its nearest neighbour number `neighbors` among the rest.

    Args:
        points: Features [N, D], N above `neighbors`.
        neighbors: 1 is the nearest.
        block: As for `nearest`.
    """
    return nearest(points, points, neighbors + 1, block)[:, neighbors]


def balls_around(
    points: Tensor,
    centres: Tensor,
    radius: Tensor,
    within: Callable[[Tensor, Tensor], Tensor],
    block: tuple[int, int] = BLOCK,
) -> Tensor:
    """In how many balls each of the points lies, int64 [N].

    Args:
        points: Features [N, D].
        centres: Features [M, D].
        radius: Radius of the ball around each centre, [M].
        within: `torch.le` if the surface belongs to a ball, `torch.lt` if not.
        block: As for `nearest`.
    """
    rows, columns = block
    counts = torch.zeros(len(points), dtype=torch.int64)
    for some, count in zip(points.split(rows), counts.split(rows), strict=True):
        for part, size in zip(centres.split(columns), radius.split(columns), strict=True):
            count += within(distances(some, part), size).sum(1)
    return counts
