"""What published vision transformers see, patch by patch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

DINO_MEAN, DINO_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's colours in [0, 1], by which DINOv2's images are scaled."""
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the images that CLIP was trained on."""


class DinoMaps(nn.Module):
    """Of RGB images [N, 3, 224, 224] in [-1, 1] the tokens of patches after some blocks, each [N, width, 16, 16]."""

    def __init__(self, network: nn.Module, blocks: Sequence[int]) -> None:
        super().__init__()
        self.network: Any = network
        self.blocks = [block - 1 for block in blocks]

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps, of the earliest block first, normed as by their authors' `get_intermediate_layers`."""
        scaled = scaled_by(images, DINO_MEAN, DINO_STD)
        return self.network.forward_intermediates(
            scaled, self.blocks, norm=True, stop_early=True, intermediates_only=True
        )


class ClipMaps(nn.Module):
    """Of RGB images [N, 3, side, side] in [-1, 1] the tokens of patches after some blocks, each [N, width, H, W]."""

    def __init__(self, network: nn.Module, blocks: Sequence[int]) -> None:
        super().__init__()
        self.network: Any = network
        self.blocks = blocks

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps, of the earliest block first; the token that stands for the whole image is left out."""
        network = self.network
        patches = network.conv1(scaled_by(images, CLIP_MEAN, CLIP_STD))
        rows, columns = patches.shape[2:]
        whole = network.class_embedding.expand(len(images), 1, -1)
        tokens = torch.cat([whole, patches.flatten(2).transpose(1, 2)], 1) + network.positional_embedding
        tokens = network.ln_pre(tokens).transpose(0, 1)
        maps: list[Tensor] = []
        for number, block in enumerate(network.transformer.resblocks[: self.blocks[-1]], 1):
            tokens = block(tokens)
            if number in self.blocks:
                maps.append(tokens[1:].permute(1, 2, 0).unflatten(2, (rows, columns)))
        return maps


def scaled_by(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Images in [-1, 1] less the mean of each colour, over its standard deviation, both of colours in [0, 1]."""
    center, spread = (
        torch.tensor(each, dtype=images.dtype, device=images.device)[:, None, None] for each in (mean, std)
    )
    return (images / 2 + 0.5 - center) / spread
