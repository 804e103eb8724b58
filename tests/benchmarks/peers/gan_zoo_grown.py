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
from gankit import Experiment
from gankit.core.progress import Stage, ends, progress_in
from gankit.data.images import RealImages, as_pixels, fade_reals

AT_A_TIME = 100
SAMPLING_SEED = 10_000
"""Added to a run's seed for the latents of the images that are measured."""


@dataclass(frozen=True)
class Growth:
    """A run of the peer's."""

    peer: str
    """Its checkout."""
    experiment: str
    """File of gankit's, whose data, seed, stages, batches, widths and average it has."""
    rate: float
    """Learning rate of both networks."""
    seconds: list[float] | None
    """Processor time of each stage; None: the experiment's images."""
    samples: int
    """Images to draw of each generator."""
    folder: str
    """Where they come to, in a folder for each generator."""


class Grown:
    """Its model while it grows."""

    def __init__(self, growth: Growth) -> None:
        self._limits = growth.seconds
        self._experiment = Experiment.read(growth.experiment)
        self._stages = self._experiment.stages()
        self._widths = self._experiment.generator.channels
        first = self._widths[self._stages[0].resolution]
        self.model = built(growth.peer, [first], rate=growth.rate, channels=1)
        self.average: Any = deepcopy(self.model.netG)
        """As the experiment averages, which is not as the peer does."""
        self._reals = RealImages(self._experiment.data, self._experiment.resolutions())
        for resolution in self._experiment.resolutions():
            self._reals.at(resolution)  # reduced before time counts
        self._alpha = 1.0
        self.shown = 0
        self.seconds: list[float] = []
        """Processor time of each stage."""

    def train(self) -> None:
        """Go through all stages."""
        for number, stage in enumerate(self._stages, 1):
            began = time.process_time()
            if number > 1:
                self._grow(self._widths[stage.resolution])
            self._train_in(stage, number, began)
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

    def _train_in(self, stage: Stage, number: int, began: float) -> None:
        training, first, limit = self._experiment.training, self.shown, ends(self._stages)[number - 1]
        batch = training.batch_in(stage)

        def done() -> float:
            """How much of the stage is over, in images."""
            if self._limits is None:
                return self.shown - (limit - stage.images)
            return (time.process_time() - began) / self._limits[number - 1] * stage.images

        while (at := done()) < stage.images:
            if stage.fade and (alpha := min(at / stage.fade, 1.0)) != self._alpha:
                self.model.updateAlpha(1 - alpha)  # of the old layers
                self.average.setNewAlpha(1 - alpha)
                self._alpha = alpha
            chosen = self._reals.indices(self._experiment.seed, self.shown, batch)
            images = self._reals.take(stage.resolution, chosen, torch.device("cpu")).images
            self.model.optimizeParameters(images if self._alpha == 1 else fade_reals(images, self._alpha))
            self.shown += batch
            progress = progress_in(self._stages, number, limit - stage.images + self.shown - first)
            with torch.no_grad():
                training.average.move(self.average, self.model.netG, progress, batch, {})


@torch.no_grad()
def drawn(generator: nn.Module, latents: Tensor, folder: Path) -> None:
    """Write the images of latents as PNG."""
    folder.mkdir(parents=True)
    for first in range(0, len(latents), AT_A_TIME):
        for number, pixels in enumerate(as_pixels(generator(latents[first : first + AT_A_TIME])), first):
            Image.fromarray(pixels[..., 0]).save(folder / f"{number:05}.png")


def main(arguments: Sequence[str]) -> int:
    """Train, draw, and tell what it took."""
    growth = Growth(**json.loads(arguments[0]))
    seed = Experiment.read(growth.experiment).seed
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # it tells each change of alpha
        grown = Grown(growth)
        grown.train()
    counts = parameters(generator=grown.model.netG, discriminator=grown.model.netD)
    torch.manual_seed(SAMPLING_SEED + seed)
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
