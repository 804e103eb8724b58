"""rosinality/style-based-gan-pytorch: StyleGAN with WGAN-GP. Its loop stands in a script that asks for a GPU, so the
steps of an iteration are taken here, by its networks, in its order."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from benchmarks.peers.checkout import imported, parameters, reals
from benchmarks.systems import BATCH
from benchmarks.work import Work

DECAY = 0.999
"""Of the average, an iteration."""


class StyleBased(Work):
    """Its networks and optimizers."""

    def __init__(self, generator: Any, discriminator: Any, average: Any, width: int, resolution: int) -> None:
        self._generator, self._discriminator, self._average = generator, discriminator, average
        self._at = {"step": int(math.log2(resolution)) - 2, "alpha": 1}
        self._real, self._width = reals(BATCH, resolution), width
        slow = {"params": generator.style.parameters(), "lr": 1e-5}
        self._adam = torch.optim.Adam(generator.generator.parameters(), 1e-3, (0.0, 0.99))
        self._adam.add_param_group(slow)
        self._other = torch.optim.Adam(discriminator.parameters(), 1e-3, (0.0, 0.99))
        self._learns(discriminator, generator)

    def iterate(self, number: int) -> None:
        """The discriminator's three passes, each derived by itself, then the generator's update."""
        generator, discriminator, at = self._generator, self._discriminator, self._at
        first, second = torch.randn(2, BATCH, self._width)
        discriminator.zero_grad()
        on_real = discriminator(self._real, **at)
        (1e-3 * on_real.square().mean() - on_real.mean()).backward()
        fake = generator(first, **at)
        discriminator(fake, **at).mean().backward()
        share = torch.rand(BATCH, 1, 1, 1)
        between = (share * self._real + (1 - share) * fake.detach()).requires_grad_()
        [gradient] = torch.autograd.grad(discriminator(between, **at).sum(), between, create_graph=True)
        (10 * (gradient.flatten(1).norm(2, dim=1) - 1).square().mean()).backward()
        self._other.step()
        generator.zero_grad()
        self._learns(generator, discriminator)
        (-discriminator(generator(second, **at), **at).mean()).backward()
        self._adam.step()
        with torch.no_grad():
            for kept, trained in zip(self._average.parameters(), generator.parameters(), strict=True):
                kept.mul_(DECAY).add_(trained, alpha=1 - DECAY)
        self._learns(discriminator, generator)

    @staticmethod
    def _learns(network: nn.Module, other: nn.Module) -> None:
        network.requires_grad_(True)
        other.requires_grad_(False)

    def parameters(self) -> dict[str, int]:
        """Of both networks."""
        return parameters(generator=self._generator, discriminator=self._discriminator)


def work(path: str, width: int, resolution: int) -> Work:
    """Its blocks at a width, up to a resolution: its own networks have 512 channels and go up to 1024x1024."""
    model = imported(path, "model")
    above = int(math.log2(resolution)) - 2

    def generator() -> Any:
        made = model.StyledGenerator(width)
        first = model.StyledConvBlock(width, width, 3, 1, style_dim=width, initial=True)
        further = [model.StyledConvBlock(width, width, 3, 1, style_dim=width, upsample=True) for _ in range(above)]
        made.generator.progression = nn.ModuleList([first, *further])
        made.generator.to_rgb = nn.ModuleList([model.EqualConv2d(width, 3, 1) for _ in range(above + 1)])
        return made

    critic = model.Discriminator(from_rgb_activate=True)
    blocks = [model.ConvBlock(width, width, 3, 1, downsample=True) for _ in range(above)]
    critic.progression = nn.ModuleList([*blocks, model.ConvBlock(width + 1, width, 3, 1, 4, 0)])
    critic.from_rgb = nn.ModuleList(
        [nn.Sequential(model.EqualConv2d(3, width, 1), nn.LeakyReLU(0.2)) for _ in range(above + 1)]
    )
    critic.n_layer, critic.linear = above + 1, model.EqualLinear(width, 1)
    return StyleBased(generator(), critic, generator().requires_grad_(False), width, resolution)
