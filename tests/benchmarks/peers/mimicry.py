"""kwotsin/mimicry: SNGAN at 32x32 by its networks' `train_step`s, in the order of its trainer."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.peers.checkout import bare_package, imported, parameters, reals
from benchmarks.systems import BATCH
from benchmarks.work import Work

STEPS = 5
"""Updates of the discriminator an iteration."""


class Spectral(Work):
    """Its networks and optimizers."""

    def __init__(self, generator: Any, discriminator: Any, log: Any, resolution: int) -> None:
        self._generator, self._discriminator, self._log = generator, discriminator, log
        self._adams = [torch.optim.Adam(net.parameters(), 2e-4, (0.0, 0.9)) for net in (generator, discriminator)]
        self._batch = reals(BATCH, resolution), torch.zeros(BATCH, dtype=torch.int64)

    def iterate(self, number: int) -> None:
        """Five updates of the discriminator, one of the generator."""
        log, (adam, other) = self._log(), self._adams
        for _ in range(STEPS):
            log = self._discriminator.train_step(
                real_batch=self._batch, netG=self._generator, optD=other, log_data=log, device=torch.device("cpu")
            )
        self._generator.train_step(
            real_batch=self._batch, netD=self._discriminator, optG=adam, log_data=log, device=torch.device("cpu")
        )

    def parameters(self) -> dict[str, int]:
        """Of both networks."""
        return parameters(generator=self._generator, discriminator=self._discriminator)


def work(path: str, width: int, resolution: int) -> Work:
    """Its networks, the discriminator half as wide."""
    bare_package(path, "torch_mimicry")
    bare_package(path, "torch_mimicry.training")
    nets = imported(path, "torch_mimicry.nets.sngan.sngan_32")
    log = imported(path, "torch_mimicry.training.metric_log").MetricLog
    return Spectral(nets.SNGANGenerator32(ngf=width), nets.SNGANDiscriminator32(ndf=width // 2), log, resolution)
