"""brownvc/R3GAN: its networks and its `AdversarialTraining`, on a CPU, where it takes its reference operations."""

from __future__ import annotations

import copy
from typing import Any

import torch
from packaging import version

from benchmarks.peers.checkout import imported, parameters, reals, stand_in
from benchmarks.systems import BATCH
from benchmarks.work import Work

LATENT, BLOCKS, EXPANSION, GROUP = 64, 2, 2, 16
"""As in `benchmarks.systems`."""


class Relativistic(Work):
    """Its networks and optimizers."""

    def __init__(self, generator: Any, discriminator: Any, trainer: Any, resolution: int) -> None:
        self._generator, self._discriminator, self._trainer = generator, discriminator, trainer
        self._average = copy.deepcopy(generator).eval().requires_grad_(False)
        self._adam, self._other = (
            torch.optim.Adam(net.parameters(), 2e-4, (0.0, 0.9)) for net in (generator, discriminator)
        )
        self._real = reals(BATCH, resolution)
        generator.requires_grad_(False)
        discriminator.requires_grad_(False)

    def iterate(self, number: int) -> None:
        """An update of the discriminator, one of the generator, and the average's."""
        latents = torch.randn(2, BATCH, LATENT)
        self._discriminator.requires_grad_(True)
        self._other.zero_grad(set_to_none=True)
        self._trainer.AccumulateDiscriminatorGradients(latents[0], self._real, None, 0.05)
        self._other.step()
        self._discriminator.requires_grad_(False)
        self._generator.requires_grad_(True)
        self._adam.zero_grad(set_to_none=True)
        self._trainer.AccumulateGeneratorGradients(latents[1], self._real, None)
        self._adam.step()
        self._generator.requires_grad_(False)
        for kept, trained in zip(self._average.parameters(), self._generator.parameters(), strict=True):
            kept.copy_(trained.lerp(kept, 0.5 ** (BATCH / 10_000)))

    def parameters(self) -> dict[str, int]:
        """Of both networks."""
        return parameters(generator=self._generator, discriminator=self._discriminator)


def work(path: str, width: int, resolution: int) -> Work:
    """Its networks at a width."""
    stand_in("pkg_resources", parse_version=version.parse)  # which setuptools no longer has
    nets = imported(path, "R3GAN.Networks")
    stages = resolution.bit_length() - 2
    shared = {
        "WidthPerStage": [width] * stages,
        "CardinalityPerStage": [width * EXPANSION // GROUP] * stages,
        "BlocksPerStage": [BLOCKS] * stages,
        "ExpansionFactor": EXPANSION,
        "ResamplingFilter": [1, 2, 1],
    }
    generator, discriminator = nets.Generator(LATENT, **shared), nets.Discriminator(**shared)
    trainer = imported(path, "R3GAN.Trainer").AdversarialTraining(generator, discriminator)
    return Relativistic(generator, discriminator, trainer, resolution)
