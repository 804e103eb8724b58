"""Who is near whom in the space of features, block by block, so that memory does not grow with the square of N."""

from __future__ import annotations

from collections.abc import Callable

import torch  # noqa: TID253
from torch import Tensor  # noqa: TID253

BLOCK = (2048, 4096)
"""Rows and columns of the matrix of distances that are held at a time: 64 MiB."""
EQUAL = 1e-6
"""Features that differ by less than this share of their length are equal: all that is left is rounding to float32."""
MOST = 1e6
"""What stands for the infinite ratio of a radius to no distance at all, so that means stay finite."""


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


def numbered_nearest(
    points: Tensor, others: Tensor, but: Tensor | None = None, block: tuple[int, int] = BLOCK
) -> tuple[Tensor, Tensor]:
    """Distance [N] from each of the `points` to the nearest of the `others`, and that one's number, int64 [N].

    Args:
        points: Features [N, D].
        others: Features [M, D].
        but: The number of the one that each of the points is not to be compared with, int64 [N]; one that is none of
            the others' leaves out nothing. A point that has no other is at an infinite distance.
        block: As for `nearest`.
    """
    rows, columns = block
    least = torch.full((len(points),), torch.inf, dtype=torch.float64)
    number = torch.zeros(len(points), dtype=torch.int64)
    left_out = torch.full_like(number, -1) if but is None else but
    per_row = (some.split(rows) for some in (points, left_out, least, number))
    for some, without, known, at in zip(*per_row, strict=True):
        for first in range(0, len(others), columns):
            apart = distances(some, others[first : first + columns])
            apart[torch.arange(first, first + apart.shape[1]) == without[:, None]] = torch.inf
            found, place = apart.min(1)
            at[:] = torch.where(found < known, first + place, at)
            known[:] = found.minimum(known)
    return least, number


def largest_ratio(points: Tensor, centres: Tensor, radius: Tensor, block: tuple[int, int] = BLOCK) -> Tensor:
    """The most that the radius of a ball is over the distance of a point to its centre, float64 [N].

    It is 1 or more in a ball, and `MOST` at a centre, which no other point exceeds.

    Args:
        points: Features [N, D].
        centres: Features [M, D].
        radius: Radius of the ball around each centre, [M].
        block: As for `nearest`.
    """
    rows, columns = block
    largest = torch.zeros(len(points), dtype=torch.float64)
    for some, known in zip(points.split(rows), largest.split(rows), strict=True):
        for part, size in zip(centres.split(columns), radius.split(columns), strict=True):
            apart = distances(some, part)
            known[:] = known.maximum((size / apart).masked_fill_(apart == 0, MOST).amax(1))
    return largest.clamp_max_(MOST)
