"""Ways to change images: what the first layers look at most, and how styles vary most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gankit.core.errors import UserError
from gankit.data.images import as_pixels
from gankit.generators.trained import TrainedGenerator
from gankit.networks.layers import WEIGHTED, styles_of
from gankit.pictures.about import write_arrays
from gankit.pictures.mixing import style_resolutions
from gankit.pictures.sampling import labels_of
from gankit.training import randomness

Finder = Literal["weights", "components"]
"""The eigenvectors of weights (Shen and Zhou 2021), or the principal components of styles (Härkönen et al. 2020)."""
LATENTS_OF_COMPONENTS = 10_000
"""How many styles the components are those of."""


class Directions(NamedTuple):
    """Ways through a space, the one that changes most first."""

    vectors: Tensor
    """[K, width], each of length 1."""
    strengths: Tensor
    """[K]: eigenvalues, or variances of styles along each."""
    unit: Tensor
    """[K]: the length of one step: the standard deviation of styles along a component; of the eigenvectors of weights,
    the largest that styles, or latents, have in any direction."""
    of_styles: bool
    """Whether they are of styles; else they are of latents."""


def found_directions(
    generator: TrainedGenerator, by: Finder, count: int = 5, styles: Sequence[int] | None = None
) -> Directions:
    """The first ways to go.

    Args:
        generator: Whose images are to change.
        by: weights: the eigenvectors of the sum of A^T A over the layers that read a style, A their weights, or where
            no layer does, of the first layer that reads the latent; components: of styles.
        count: How many; at most as many as styles or latents have numbers.
        styles: The numbers of the styles whose layers are looked at; None: all.

    Raises:
        UserError: if there is no such layer, or no layer reads styles and their components are asked for.
    """
    has_styles = bool(style_resolutions(generator.network))
    if by == "components" and not has_styles:
        raise UserError("--by: no layer of this run's generator reads styles, so they have no components; take weights")
    with torch.no_grad(), randomness.untouched():
        randomness.seed("components")
        z = torch.randn(LATENTS_OF_COMPONENTS, generator.latent, device=generator.device)
        seen = generator.map(z, labels_of(generator, range(len(z)), None))[:, 0] if has_styles else z
        values, vectors = _eigen(torch.cov(seen.T.double()))
        largest = values[0].sqrt()
        if by == "components":
            return Directions(vectors[:count], values[:count], values[:count].clamp_min(0).sqrt(), True)
        layers = style_weights(generator, styles) if has_styles else [first_weight(generator)]
        values, vectors = _eigen(sum((weight.T @ weight for weight in layers), torch.zeros(())).double())
        return Directions(vectors[:count], values[:count], largest.expand(min(count, len(values))), has_styles)


def _eigen(symmetric: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues [K], the largest first, and their vectors [K, width], whose largest number is positive."""
    values, columns = torch.linalg.eigh(symmetric.cpu())
    vectors = columns.T.flip(0)
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return values.flip(0).float(), (vectors * largest.sign()).float()


def style_weights(generator: TrainedGenerator, styles: Sequence[int] | None = None) -> list[Tensor]:
    """The weights [outputs, width] of the dense layers that read a style, as they are in force."""
    network, found, number = generator.network, list[tuple[int, Tensor]](), 0
    parts = [part for _, part in network.parts()]
    parts += [network.rgb[str(network.resolution)]] if network.rgb else []
    for part in parts:
        for leaf in _readers(part):
            weights = [each.weight.detach() for each in leaf.modules() if isinstance(each, nn.Linear)]
            width = network.context.width
            found += [(number, weight) for weight in weights if weight.shape[1] == width]
            number += styles_of(leaf)
    chosen = [weight for number, weight in found if styles is None or number in styles]
    if not chosen:
        raise UserError("--by: no dense layer of this run's generator reads these styles; take components")
    return chosen


def _readers(part: nn.Module) -> list[nn.Module]:
    """The innermost modules that consume styles, in their order."""
    if not styles_of(part):
        return []
    inner = [reader for child in part.children() for reader in _readers(child)]
    return inner if sum(map(styles_of, inner)) == styles_of(part) else [part]


def first_weight(generator: TrainedGenerator) -> Tensor:
    """The weights [outputs, latent] of the first layer that reads a latent, as they are in force.

    Raises:
        UserError: if there is none.
    """
    met: list[Tensor] = []

    def look(layer: nn.Module, inputs: tuple[object, ...]) -> None:
        weight = layer.weight
        assert isinstance(weight, Tensor)
        if isinstance(layer, nn.ConvTranspose2d):
            weight = weight.transpose(0, 1)
        if not isinstance(layer, nn.Embedding) and not met and weight.shape[1] == generator.latent:
            met.append(weight.detach().movedim(1, -1).reshape(-1, generator.latent))

    layers = [each for each in generator.network.modules() if isinstance(each, WEIGHTED)]
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        z = generator.latents([0])
        generator(z, labels_of(generator, [0], None), noise="fixed")
    finally:
        for hook in hooks:
            hook.remove()
    if not met:
        raise UserError("--by: no dense layer or convolution of this run's generator reads its latent")
    return met[0]


def moved_images(
    generator: TrainedGenerator,
    seed: int,
    directions: Directions,
    steps: int = 7,
    strength: float = 3.0,
    label: int | None = None,
    truncation: float | None = None,
    styles: Sequence[int] | None = None,
) -> np.ndarray:
    """The image of a seed moved along each direction, uint8 [directions, steps, H, W, C].

    Args:
        generator: What makes them.
        seed: Whose image stands in the middle of each row.
        directions: Where to.
        steps: An odd number of images a row.
        strength: How far the first and the last are from the middle, in units.
        label: Its class; None: as of the seed.
        truncation: How far styles are pulled towards their mean, before they are moved.
        styles: The numbers of the styles that are moved; None: all.

    Raises:
        UserError: if there is no such number of steps or strength.
    """
    if steps < 3 or steps % 2 == 0:
        raise UserError(f"--steps: expected an odd number of images in a row, 3 or more, not {steps}")
    if not (strength > 0 and math.isfinite(strength)):
        raise UserError(f"--strength: expected a number above 0, not {strength:g}")
    z, labels, images = generator.latents([seed]), labels_of(generator, [seed], label), []
    for vector, unit in zip(directions.vectors, directions.unit, strict=True):
        for share in np.linspace(-strength, strength, steps):
            move = (vector * unit * float(share)).to(z)
            if directions.of_styles:
                moved = generator.map(z, labels, truncation).clone()
                moved[:, slice(None) if styles is None else [*styles]] += move
            else:
                moved = generator.map(z + move, labels, truncation)
            images.append(generator.synthesize(moved, labels, noise=[seed]))
    pixels = as_pixels(torch.cat(images))
    return pixels.reshape(len(directions.vectors), steps, *pixels.shape[1:])


def write_directions(file: Path, found: Mapping[Finder, Directions], about: Mapping[str, str]) -> None:
    """Write directions as a .npz: `weights` and `components`, [K, width], and the length of a step, `weights.unit`, ...

    Raises:
        OSError: if it cannot be written.
    """
    arrays = {}
    for by, ways in found.items():
        arrays |= {by: ways.vectors, f"{by}.unit": ways.unit, f"{by}.strengths": ways.strengths}
    write_arrays(file, {name: each.cpu().numpy() for name, each in arrays.items()}, about)
