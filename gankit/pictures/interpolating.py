"""The way from seed to seed and back to the first: straight between styles, or along the sphere of latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from gankit.core.errors import UserError
from gankit.data.images import as_pixels
from gankit.generators.trained import TrainedGenerator
from gankit.networks.protocols import CanTruncate
from gankit.pictures.sampling import label_of_all

Space = Literal["w", "z"]
"""Of styles, or of latents."""


def usual_space(generator: TrainedGenerator) -> Space:
    """Where lines are straight: between styles if the mapping keeps a mean of them, so that it is one that learns."""
    return "w" if isinstance(generator.network.mapping, CanTruncate) else "z"


def interpolated_images(
    generator: TrainedGenerator,
    seeds: Sequence[int],
    steps: int = 24,
    space: Space | None = None,
    label: int | None = None,
    truncation: float | None = None,
    cutoff: int | None = None,
) -> Iterator[np.ndarray]:
    """Images uint8 [H, W, C] on the way from each seed to the next, and from the last to the first.

    All share one noise, so that nothing moves but by its style.

    Args:
        generator: What makes them.
        seeds: Two or more.
        steps: Images from one seed to the next, its own included and the next's not.
        space: w, straight between styles; z, along great circles between latents (White 2016); default: `usual_space`.
        label: Of which class all are, where there are classes.
        truncation: How far styles are pulled towards their mean.
        cutoff: How many of the styles are; None: all.

    Raises:
        UserError: if there are fewer than two seeds or steps, or no class is named where there are some.
    """
    if len(seeds) < 2:
        raise UserError(f"--seeds: expected two or more to go between, such as 1,5,9, not {len(seeds)}")
    if steps < 1:
        raise UserError(f"--steps: expected one image or more from seed to seed, not {steps}")
    space, labels = space or usual_space(generator), label_of_all(generator, label, "the class that all images are of")
    latents = [generator.latents([seed]) for seed in (*seeds, seeds[0])]
    ends = latents if space == "z" else [generator.map(z, labels, truncation, cutoff) for z in latents]
    for one, other in pairwise(ends):
        for step in range(steps):
            share = step / steps
            if space == "z":
                styles = generator.map(great_circle(one, other, share), labels, truncation, cutoff)
            else:
                styles = torch.lerp(one, other, share)
            yield as_pixels(generator.synthesize(styles, labels, noise="fixed"))[0]


def great_circle(one: Tensor, other: Tensor, share: float) -> Tensor:
    """The point a share of the way from `one` to `other`, [N, latent], along the arc between them (Shoemake 1985).

    Lengths go over evenly, too; where the two are parallel it is on the straight line.
    """
    lengths = one.norm(dim=1, keepdim=True), other.norm(dim=1, keepdim=True)
    cosine = (one * other).sum(1, keepdim=True) / (lengths[0] * lengths[1])
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    if bool((sine < 1e-6).any()):
        return torch.lerp(one, other, share)
    direction = ((1 - share) * angle).sin() / sine * one / lengths[0] + (share * angle).sin() / sine * other / lengths[
        1
    ]
    return direction * torch.lerp(lengths[0], lengths[1], share)
