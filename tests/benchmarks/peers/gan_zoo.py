"""facebookresearch/pytorch_GAN_zoo: PGGAN with WGAN-GP by its `optimizeParameters`, with its pgan_config's options."""

from __future__ import annotations

import math
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
    module = imported(path, "models.progressive_gan")
    module.optim = SimpleNamespace(Adam=_adam)
    model = module.ProgressiveGAN(
        dimLatentVector=width,
        depthScale0=width,
        miniBatchStdDev=True,
        useGPU=False,
        baseLearningRate=1e-3,
        lossMode="WGANGP",
        lambdaGP=10.0,
        epsilonD=1e-3,
    )
    for _ in range(int(math.log2(resolution)) - 2):
        model.addScale(width)
    return Progressive(model, resolution)


def _adam(parameters: Any, betas: list[float], lr: float) -> torch.optim.Adam:
    """As it asks for it, with the 0 of its betas as the float that torch now wants."""
    return torch.optim.Adam(parameters, lr, (float(betas[0]), float(betas[1])))
