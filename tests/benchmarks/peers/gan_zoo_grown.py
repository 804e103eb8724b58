"""facebookresearch/pytorch_GAN_zoo: PGGAN grown on Fashion-MNIST: `python -m` with a `Growth` as JSON.

It grows as its `ProgressiveGANTrainer` lets it, by `updateAlpha`, `addScale` and `optimizeParameters`, on gankit's
images in gankit's order. The process prints what it took as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.peers.checkout import parameters
from benchmarks.peers.gan_zoo import built
from gankit.data.images import RealImages, as_pixels, fade_reals
from gankit_images.datasets import FashionMnist

BATCH = 32
FADE = 0.5
"""Share of a stage over which its layers fade in."""
HALF_LIFE, WARMUP = 5000, 0.1
"""Of the average that gankit's experiment asks for: images, and at most this share of those of the stage so far."""
AT_A_TIME = 100
SAMPLING_SEED = 10_000
"""Added to a run's seed for the latents of the images that are measured."""


@dataclass(frozen=True)
class Growth:
    """A run of the peer's."""

    peer: str
    """Its checkout."""
    seed: int
    rate: float
    """Learning rate of both networks."""
    widths: dict[int, int]
    """Channels by resolution, from the lowest on."""
    lengths: list[float]
    """Of each stage: real images, or processor seconds."""
    by_seconds: bool
    """Which of the two."""
    samples: int
    """Images to draw of each generator."""
    folder: str
    """Where they come to, in a folder for each generator."""


class Grown:
    """Its model while it grows."""

    def __init__(self, growth: Growth) -> None:
        self._growth = growth
        self.model = built(growth.peer, [*growth.widths.values()][:1], rate=growth.rate, channels=1)
        self.average: Any = deepcopy(self.model.netG)
        """By gankit's half-life, which is not the peer's."""
        self._reals = RealImages(FashionMnist(), [*growth.widths])
        for resolution in growth.widths:
            self._reals.at(resolution)  # reduced before time counts
        self._alpha = 1.0
        self.shown = 0
        self.seconds: list[float] = []
        """Processor time of each stage."""

    def train(self) -> None:
        """Go through all stages."""
        for resolution, width, length in zip(
            self._growth.widths, self._growth.widths.values(), self._growth.lengths, strict=True
        ):
            began = time.process_time()
            if self.seconds:
                self._grow(width)
            self._stage(resolution, length, began)
            self.seconds.append(time.process_time() - began)

    def generators(self) -> Iterator[tuple[str, nn.Module]]:
        """Those that images are taken of."""
        yield "average", self.model.getOriginalAvgG()
        yield "current", self.model.netG
        yield "half-life", self.average

    def _grow(self, width: int) -> None:
        self.model.addScale(width)
        # updateAlpha looks for `module`, which the averaged generator has on GPUs alone
        self.model.avgG = nn.DataParallel(self.model.avgG)
        grown = deepcopy(self.model.netG)
        grown.load_state_dict(self.average.state_dict(), strict=False)
        self.average = grown

    def _stage(self, resolution: int, length: float, began: float) -> None:
        first = self.shown
        while (done := (time.process_time() - began if self._growth.by_seconds else self.shown - first) / length) < 1:
            if self.seconds and (alpha := min(done / FADE, 1.0)) != self._alpha:
                self.model.updateAlpha(1 - alpha)  # of the old layers
                self.average.setNewAlpha(1 - alpha)
                self._alpha = alpha
            chosen = self._reals.indices(self._growth.seed, self.shown, BATCH)
            images = self._reals.take(resolution, chosen, torch.device("cpu")).images
            self.model.optimizeParameters(images if self._alpha == 1 else fade_reals(images, self._alpha))
            self.shown += BATCH
            self._follow(self.shown - first)

    @torch.no_grad()
    def _follow(self, of_stage: int) -> None:
        kept = 0.5 ** (BATCH / min(HALF_LIFE, WARMUP * of_stage))
        for own, trained in zip(self.average.parameters(), self.model.netG.parameters(), strict=True):
            own.lerp_(trained, 1 - kept)


@torch.no_grad()
def drawn(generator: nn.Module, latents: Tensor, folder: Path) -> None:
    """Write the images of latents as PNG."""
    folder.mkdir(parents=True)
    for first in range(0, len(latents), AT_A_TIME):
        for number, pixels in enumerate(as_pixels(generator(latents[first : first + AT_A_TIME])), first):
            Image.fromarray(pixels[..., 0]).save(folder / f"{number:05}.png")


def main(arguments: Sequence[str]) -> int:
    """Train, draw, and tell what it took."""
    told: dict[str, Any] = json.loads(arguments[0])
    growth = Growth(**{**told, "widths": {int(resolution): width for resolution, width in told["widths"].items()}})
    torch.set_num_threads(1)
    torch.manual_seed(growth.seed)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # it tells each change of alpha
        grown = Grown(growth)
        grown.train()
    counts = parameters(generator=grown.model.netG, discriminator=grown.model.netD)
    torch.manual_seed(SAMPLING_SEED + growth.seed)
    latents, _ = grown.model.buildNoiseData(growth.samples)
    for name, generator in grown.generators():
        drawn(generator, latents, Path(growth.folder, name))
    print(json.dumps({"images": grown.shown, "stages": grown.seconds, "parameters": counts}))
    return 0


def command(growth: Growth) -> list[str]:
    """How Python is started with it."""
    return ["-m", __spec__.name, json.dumps(asdict(growth))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
