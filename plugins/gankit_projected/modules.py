"""Frozen feature networks, random projections of what they see, and small discriminators of these."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gankit import UserError
from gankit.kinds import Norm
from gankit.networks.context import BuildContext
from gankit.networks.layers import Chain, Condition, LeakyReLU, gained, is_drawn, run
from gankit_projected.efficientnet import resized

SLOPE = 0.2
"""Of leaky ReLUs."""
LOGITS = 8
"""Maps this high or higher are halved before they are judged."""
WIDEST = 8
"""How many times as many maps as at the finest level a discriminator has at most."""


class Held(nn.Module):
    """Calls a network of which a state has nothing but who it is: a digest of its identity."""

    of_run = ("digest",)

    digest: Tensor

    def __init__(self, network: nn.Module, identity: str) -> None:
        super().__init__()
        self._network = (network.eval().requires_grad_(False),)  # in a tuple, modules do not look for modules
        self.identity = identity
        self.register_buffer("digest", torch.tensor([*hashlib.sha256(identity.encode()).digest()], dtype=torch.uint8))

    def forward(self, images: Tensor) -> list[Tensor]:
        """What the network makes of images."""
        return self._network[0](images)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        """Refuse the state of training against another network.

        Raises:
            UserError: if it is that of another one.
        """
        key = f"{prefix}digest"
        if key in state_dict and not torch.equal(state_dict[key].cpu(), self.digest.cpu()):
            raise UserError(
                "critics: features: the run began with another feature network, or other weights of it, than "
                f"{self.identity}, and goes on with none but that"
            )
        # states from before it was noted have none, nor have those that are transferred
        super()._load_from_state_dict({**state_dict, key: self.digest}, prefix, *args, **kwargs)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        self._network[0]._apply(fn, recurse)  # it moves along, to another device say
        return self


class RandomNetwork(nn.Module):
    """Convolutions of stride 2, one behind the other, with weights that follow from a number."""

    def __init__(self, levels: int, width: int, number: int) -> None:
        super().__init__()
        draws = torch.Generator().manual_seed(number)
        widths = [3, *(width << level for level in range(levels))]
        self.convs = nn.ModuleList()
        for inputs, outputs in pairwise(widths):
            conv = nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False)
            weight = torch.randn(conv.weight.shape, generator=draws) * math.sqrt(2 / (9 * inputs))
            conv.weight = nn.Parameter(weight, requires_grad=False)
            self.convs.append(conv)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps of all levels, finest first."""
        x, maps = images, list[Tensor]()
        for conv in self.convs:
            x = F.leaky_relu(conv(x), SLOPE)
            maps.append(x)
        return maps


class Fixed(nn.Module):
    """A convolution whose weights are drawn once, variance kept, and stay; they are kept in checkpoints."""

    weight: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        drawn = torch.randn(outputs, inputs, kernel, kernel) / math.sqrt(inputs * kernel**2)
        self.register_buffer("weight", drawn)

    def forward(self, x: Tensor) -> Tensor:
        """From [N, inputs, H, W] to [N, outputs, H, W]."""
        return F.conv2d(x, self.weight, padding=self.weight.shape[2] // 2)


class Mixing(nn.Module):
    """Random projections of feature maps (Sauer et al. 2021, section 3.2): across channels, and across scales."""

    def __init__(self, channels: Sequence[int], widths: Sequence[int], scales: bool) -> None:
        super().__init__()
        self.across = nn.ModuleList(Fixed(inputs, outputs, 1) for inputs, outputs in zip(channels, widths, strict=True))
        pairs = pairwise(widths) if scales else ()
        self.down = nn.ModuleList(Fixed(coarser, finer, 3) for finer, coarser in pairs)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """As many maps, of `widths` channels: each a projection of its own channels, and of what is coarser."""
        mixed = [across(each) for across, each in zip(self.across, maps, strict=True)]
        for level in reversed(range(len(self.down))):
            coarser = self.down[level](mixed[level + 1])
            size = mixed[level].shape[2:]
            mixed[level] = mixed[level] + F.interpolate(coarser, size=size, mode="bilinear", align_corners=False)
        return mixed


def small_discriminator(
    context: BuildContext, channels: int, height: int, width: int, norms: Sequence[Norm]
) -> nn.Module:
    """A module from feature maps [N, channels, height, ...] to scores [N, patches].

    4x4 convolutions of stride 2 with a norm and a leaky ReLU halve the maps until they are less than 8 high, each with
    twice as many channels up to 8 times `width`; a last 3x3 convolution gives a score for each position.
    """
    members: dict[str, nn.Module] = {}
    inputs, number = channels, 0
    here = replace(context, resample=None, outermost=False, norms={0: list(norms)})
    while height >= LOGITS:
        outputs = min(2 * inputs, WIDEST * width)
        height //= 2
        members[f"conv{number}"] = gained(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False))
        members[f"norm{number}"] = replace(here, resolution=height, in_channels=outputs).norm(outputs)
        members[f"act{number}"] = LeakyReLU(SLOPE)
        inputs, number = outputs, number + 1
    members["score"] = gained(nn.Conv2d(inputs, 1, 3, 1, 1), 1.0)
    chain = Chain(**members, flatten=nn.Flatten())
    for layer in [module for module in chain.modules() if is_drawn(module)]:
        for norm in norms:
            norm.apply(layer)
    return chain


class ProjectedCritic(nn.Module):
    """Judges images by the feature maps that a frozen network makes of them, each level by itself."""

    def __init__(
        self,
        network: Held,
        context: BuildContext,
        *,
        size: tuple[int, int],
        levels: Sequence[int],
        mixing: str,
        width: int,
        norms: Sequence[Norm],
    ) -> None:
        super().__init__()
        self.size, self.levels = size, [level - 1 for level in levels]
        self.features = network
        with torch.no_grad():
            maps = [self.features(torch.zeros(1, 3, *size))[level] for level in self.levels]
        channels = [each.shape[1] for each in maps]
        widths = channels if mixing == "none" else [width * min(1 << number, WIDEST) for number in range(len(maps))]
        self.mixing: Any = None if mixing == "none" else Mixing(channels, widths, mixing == "scales")
        self.judges = nn.ModuleList(
            small_discriminator(context, inputs, each.shape[2], width, norms)
            for inputs, each in zip(widths, maps, strict=True)
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> list[Tensor]:
        """Scores [N, patches] of each level of images [N, C, H, W]."""
        colours = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images[:, :3]
        maps = self.features(resized(colours, *self.size))
        maps = [maps[level] for level in self.levels]
        if self.mixing is not None:
            maps = self.mixing(maps)
        return [run(judge, each, Condition(labels=labels)) for judge, each in zip(self.judges, maps, strict=True)]
