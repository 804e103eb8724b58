"""facebookresearch/pytorch_GAN_zoo: PGGAN with WGAN-GP by its `optimizeParameters`, with its pgan_config's options."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch

from benchmarks.peers.checkout import imported, parameters, reals
from benchmarks.systems import BATCH
from benchmarks.work import Work


class Progressive(Work):
    """Its model, grown to a resolution."""

    def __init__(self, model: Any, resolution: int) -> None:
        self._model, self._real = model, reals(BATCH, resolution)

    def iterate(self, number: int) -> None:
        """Both updates and the average's."""
        self._model.optimizeParameters(self._real)

    def parameters(self) -> dict[str, int]:
        """Of both networks."""
        return parameters(generator=self._model.netG, discriminator=self._model.netD)


def work(path: str, width: int, resolution: int) -> Work:
    """Its model at a width and a resolution, not fading."""
    return Progressive(built(path, [width] * (int(math.log2(resolution)) - 1)), resolution)


def built(path: str, widths: Sequence[int], rate: float = 1e-3, channels: int = 3) -> Any:
    """Its model, grown once for each of `widths` but the first, which is that of latents too."""
    module = imported(path, "models.progressive_gan")
    module.optim = SimpleNamespace(Adam=_adam)
    model = module.ProgressiveGAN(
        dimLatentVector=widths[0],
        depthScale0=widths[0],
        dimOutput=channels,
        miniBatchStdDev=True,
        useGPU=False,
        baseLearningRate=rate,
        lossMode="WGANGP",
        lambdaGP=10.0,
        epsilonD=1e-3,
    )
    for width in widths[1:]:
        model.addScale(width)
    return model


def _adam(parameters: Any, betas: list[float], lr: float) -> torch.optim.Adam:
    """As it asks for it, with the 0 of its betas as the float that torch now wants."""
    return torch.optim.Adam(parameters, lr, (float(betas[0]), float(betas[1])))
