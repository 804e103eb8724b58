"""An image found again among those that a generator makes (Karras et al. 2020, appendix D)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gankit.core.errors import UserError
from gankit.data.image_reading import PixelBound, open_image
from gankit.data.images import as_pixels, to_network_range
from gankit.data.pictures import grid, save_png
from gankit.generators.noise import drawn
from gankit.generators.trained import TrainedGenerator
from gankit.pictures.about import write_arrays
from gankit.pictures.distances import Distance, pixel_distance
from gankit.pictures.interpolating import usual_space
from gankit.pictures.noise_maps import NoiseMaps, normalize, pattern_loss
from gankit.pictures.sampling import label_of_all
from gankit.training import randomness
from gankit.training.eager import eager
from gankit.training.precision import float32_products

ProjectionSpace = Literal["w", "w+", "z"]
"""What is looked for: one style for all layers, one for each, or a latent."""
PARTS_OF_IMAGES = {1: "L", 3: "RGB", 4: "RGBa"}
"""Pillow's names for pictures of so many channels."""
RAMP_UP, RAMP_DOWN, NOISE_UNTIL = 0.05, 0.25, 0.75
"""Shares of the steps: the learning rate rises in the first, falls in the last, and styles are disturbed until then."""
DISTURBANCE = 0.05
"""Standard deviation of what styles are disturbed by at first, over that of styles."""
PATTERN_WEIGHT = 1e5
"""Weight of `pattern_loss`."""
LATENTS_OF_START = 10_000
"""How many latents tell the mean and the spread of styles."""
STARTS = 256
"""How many latents are tried for one to begin with, where there is no mean style."""


class Projection(NamedTuple):
    """What was found."""

    image: Tensor
    """The image that it makes, [1, C, H, W] in network range."""
    styles: Tensor
    """[1, styles, width]."""
    latent: Tensor | None
    """[1, latent], if that was looked for."""
    noise: list[Tensor]
    """The noise of each layer, [1, channels, H, W], if it was looked for."""
    psnr: float
    """How near the image is, in decibels: 10 log10 of 4 over the mean squared difference of pixels in [-1, 1]."""


def read_target(file: Path, shape: tuple[int, int, int]) -> Tensor:
    """An image of a file as one that a generator may make, float32 [1, C, H, W] in network range.

    The largest part in its middle of the shape that is wanted is brought to its size.

    Raises:
        UserError: if it cannot be read, or no picture has so many channels.
    """
    channels, height, width = shape
    if channels not in PARTS_OF_IMAGES:
        raise UserError(f"images of {channels} channels are no pictures; none can be read from a file")
    with open_image(file, PixelBound()) as opened:
        scale = min(opened.width / width, opened.height / height)
        sides = width * scale, height * scale
        left, top = (opened.width - sides[0]) / 2, (opened.height - sides[1]) / 2
        box = (left, top, left + sides[0], top + sides[1])
        converted = (
            opened.convert("RGBA").convert("RGBa") if channels == 4 else opened.convert(PARTS_OF_IMAGES[channels])
        )
        pixels = np.asarray(converted.resize((width, height), Image.Resampling.LANCZOS, box=box))
    pixels = pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
    return to_network_range(torch.from_numpy(pixels.copy()))[None]


def rate_at(share: float, highest: float = 0.1) -> float:
    """The learning rate after a share of the steps: it rises straight and falls as a cosine does."""
    falling = min(1.0, (1 - share) / RAMP_DOWN)
    return highest * (0.5 - 0.5 * math.cos(math.pi * falling)) * min(1.0, share / RAMP_UP)


def projected(
    generator: TrainedGenerator,
    target: Tensor,
    space: ProjectionSpace | None = None,
    steps: int = 1000,
    label: int | None = None,
    seed: int = 0,
    optimize_noise: bool = True,
    distance: Distance = pixel_distance,
    told: Callable[[int], object] = lambda step: None,
) -> Projection:
    """Look for what makes a generator draw an image.

    Styles begin at their mean and are disturbed less and less; a latent begins at the best of STARTS and keeps the
    length that latents have. Noise is optimized beside them, and kept from taking the image over by `pattern_loss`.

    Args:
        generator: What is to make it.
        target: The image, [1, C, H, W] in network range.
        space: w, one style for all layers; w+, one for each; z, a latent; default: w if the mapping keeps a mean of
            styles, else z.
        steps: How many steps of Adam.
        label: The class of the image, where there are classes.
        seed: Decides the disturbances and the first noise.
        optimize_noise: Look for the noise of layers, too; else it stays "fixed".
        distance: What is made small.
        told: Called with the number of each step.

    Raises:
        UserError: if a class is missing, or there is no w.
    """
    usual = usual_space(generator)
    if space in ("w", "w+") and usual == "z":
        raise UserError(
            f"--in: the mapping of this run's generator keeps no mean of styles; {space} is not known to it"
        )
    labels = label_of_all(generator, label, "the class of the image")
    if steps < 1:
        raise UserError(f"--steps: expected one step or more, not {steps}")
    with randomness.untouched(), float32_products():
        randomness.seed(seed, "project")
        search = _Search(generator, target.to(generator.device), space or usual, labels, optimize_noise, distance)
        for step in range(steps):
            search.step(step / steps)
            told(step + 1)
        return search.result()


class _Search:
    """What is optimized, and how."""

    def __init__(
        self,
        generator: TrainedGenerator,
        target: Tensor,
        space: ProjectionSpace,
        labels: Tensor | None,
        optimize_noise: bool,
        distance: Distance,
    ) -> None:
        self._generator, self._target, self._space, self._distance = generator, target, space, distance
        self._labels = labels
        self._noise = NoiseMaps()
        if not optimize_noise:
            self._fix_noise()
        self._begin()
        with torch.no_grad():
            self._image(self._styles())  # draws the noise, or tells that there is none
        self._maps = [each.requires_grad_() for each in self._noise.maps] if optimize_noise else []
        self._optimizer = eager(torch.optim.Adam)([self._wanted, *self._maps], betas=(0.9, 0.999))

    def _fix_noise(self) -> None:
        """Keep what is drawn as fixed noise."""
        with torch.no_grad():
            styles = self._styles_of(self._latents(1))
            with drawn("fixed", 1), self._noise:
                self._generator.network.synthesize(styles, self._labels)

    def _latents(self, count: int) -> Tensor:
        return torch.randn(count, self._generator.latent, device=self._generator.device)

    def _styles_of(self, z: Tensor) -> Tensor:
        labels = self._labels
        return self._generator.map(z, None if labels is None else labels.expand(len(z), *labels.shape[1:]))

    def _begin(self) -> None:
        """The mean style and how far styles are from it, or the latent whose image is the nearest of some."""
        with torch.no_grad():
            if self._space == "z":
                z, starts = self._latents(STARTS), []
                for one in z.split(1):
                    starts.append(float(self._distance(self._image(self._styles_of(one)), self._target)))
                self._wanted, self._spread = z[[int(np.argmin(starts))]].clone().requires_grad_(), 0.0
                return
            styles = self._styles_of(self._latents(LATENTS_OF_START))
            mean = styles.mean(0, keepdim=True)
            self._spread = float((styles[:, 0] - mean[:, 0]).square().sum(1).mean().sqrt())
            self._wanted = (mean if self._space == "w+" else mean[:, :1]).clone().requires_grad_()

    def _styles(self, disturbance: float = 0.0) -> Tensor:
        if self._space == "z":
            return self._styles_of(self._wanted)
        styles = self._wanted
        if disturbance:
            styles = styles + disturbance * self._spread * torch.randn_like(styles)
        return styles.expand(-1, self._generator.styles, -1)

    def _image(self, styles: Tensor) -> Tensor:
        with self._noise:
            return self._generator.network.synthesize(styles, self._labels)

    def step(self, share: float) -> None:
        """One step, after a share of them all."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate_at(share)
        disturbance = DISTURBANCE * max(0.0, 1 - share / NOISE_UNTIL) ** 2
        loss = self._distance(self._image(self._styles(disturbance)), self._target)
        if self._maps:
            loss = loss + PATTERN_WEIGHT * pattern_loss(self._maps)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        normalize(self._maps)
        if self._space == "z":
            with torch.no_grad():
                self._wanted *= math.sqrt(self._wanted.shape[1]) / self._wanted.norm()

    def result(self) -> Projection:
        """What was found."""
        with torch.no_grad():
            styles = self._styles()
            image = self._image(styles)
            error = float((image.clamp(-1, 1) - self._target).square().mean())
        psnr = 10 * math.log10(4 / error) if error else math.inf
        latent = self._wanted.detach() if self._space == "z" else None
        return Projection(image, styles.detach(), latent, [each.detach() for each in self._maps], psnr)


def write_projection(folder: Path, target: Tensor, found: Projection, about: Mapping[str, str]) -> None:
    """Write target.png, result.png, both.png, the two side by side, and found.npz into a folder.

    The last holds `styles` [1, styles, width], `latent` [1, latent] if that was looked for, the noise maps `noise.0`,
    ..., and `about`, a JSON text.

    Raises:
        OSError: if they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    images = as_pixels(torch.cat([target.to(found.image), found.image]))
    told = {**about, "PSNR": f"{found.psnr:.2f} dB"}
    for name, picture in (("target", images[0]), ("result", images[1]), ("both", grid(images, 2))):
        save_png(folder / f"{name}.png", picture, about=told)
    arrays = {"styles": found.styles} | ({} if found.latent is None else {"latent": found.latent})
    arrays |= {f"noise.{number}": noise for number, noise in enumerate(found.noise)}
    write_arrays(folder / "found.npz", {name: each.cpu().numpy() for name, each in arrays.items()}, told)
