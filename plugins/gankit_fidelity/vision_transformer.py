"""The vision transformer of DINOv2 (Oquab et al. 2023), as far as images of 224x224 pixels need it.

Modules are called as in the published files, so that those load as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253

from gankit_fidelity.weights import DinoModel

PATCH = 14
SIDE = 16
"""Patches along each side of an image of 224x224 pixels."""
TRAINED_SIDE = 37
"""Patches along each side of the images of 518x518 pixels that training ended with."""
OFFSET = 0.1
"""Added by the authors to the side that positions are resized to."""


class VisionTransformer(nn.Module):
    """From images [N, 3, 224, 224] to their class tokens [N, width] after the last norm."""

    def __init__(self, model: DinoModel) -> None:
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, model.width, PATCH, stride=PATCH)})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, model.width))
        self.mask_token = nn.Parameter(torch.zeros(1, model.width))  # only training uses it
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + TRAINED_SIDE**2, model.width))
        self.blocks = nn.ModuleList([Block(model) for _ in range(model.depth)])
        self.norm = nn.LayerNorm(model.width, eps=1e-6)

    @classmethod
    def of(cls, weights: Path, model: DinoModel) -> Self:
        """The network with the weights of a published file, ready to evaluate.

        Raises:
            RuntimeError: if they are those of another network.
        """
        found = torch.load(weights, map_location="cpu", weights_only=True)
        with torch.device("meta"):  # draws no random weights
            network = cls(model)
        network.load_state_dict({name: weight.float() for name, weight in found.items()}, assign=True)
        return network.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Class tokens [N, width]."""
        patches = self.patch_embed["proj"](images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], 1) + self._positions()
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens[:, 0])

    def _positions(self) -> Tensor:
        """What stands for the places of class token and patches, [1, 1 + SIDE**2, width]."""
        trained = self.pos_embed[:, 1:].unflatten(1, (TRAINED_SIDE, TRAINED_SIDE)).permute(0, 3, 1, 2)
        scale = (SIDE + OFFSET) / TRAINED_SIDE
        resized = F.interpolate(trained, scale_factor=(scale, scale), mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).transpose(1, 2)], 1)


class Block(nn.Module):
    """Attention between all tokens, then a perceptron for each; both are added to the tokens, scaled by channel."""

    def __init__(self, model: DinoModel) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(model.width, eps=1e-6)
        self.attn = Attention(model.width, model.heads)
        self.ls1 = Scale(model.width)
        self.norm2 = nn.LayerNorm(model.width, eps=1e-6)
        self.mlp = GatedPerceptron(model.width) if model.gated else Perceptron(model.width)
        self.ls2 = Scale(model.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [N, T, width] to tokens of the same shape."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class Attention(nn.Module):
    """Self-attention with several heads (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [N, T, width] to tokens of the same shape."""
        query, key, value = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value)
        return self.proj(seen.transpose(1, 2).flatten(2))


class Perceptron(nn.Module):
    """One hidden layer, four times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [N, T, width] to tokens of the same shape."""
        return self.fc2(F.gelu(self.fc1(tokens)))


class GatedPerceptron(nn.Module):
    """One hidden layer of which one half gates the other (Shazeer 2020), with as many weights as `Perceptron`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = (4 * width * 2 // 3 + 7) // 8 * 8
        self.w12, self.w3 = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [N, T, width] to tokens of the same shape."""
        gate, seen = self.w12(tokens).chunk(2, -1)
        return self.w3(F.silu(gate) * seen)


class Scale(nn.Module):
    """A learned factor for each channel (Touvron et al. 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [N, T, width] to tokens of the same shape."""
        return tokens * self.gamma
