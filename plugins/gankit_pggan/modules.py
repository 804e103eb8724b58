"""Torch modules of PGGAN."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gankit.networks.layers import Chain, Condition, Conditioned
from gankit.networks.operations import normalized
from gankit.networks.reuse import reused


def pixel_norm(x: Tensor) -> Tensor:
    """Divide by the root mean square over channels (dimension 1); 1e-8 is added to the mean square."""
    return normalized(x, 1)


class PixelNorm(nn.Module):
    """`pixel_norm` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalize [N, C, H, W] or [N, C] over C."""
        return pixel_norm(x)


class Scale(nn.Module):
    """A weight times a constant, as a parametrization."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        """The weight as it is used."""
        return reused(self._scaled, self, weight)

    def _scaled(self, weight: Tensor) -> Tensor:
        return weight * self.factor


class NormalizedLatent(nn.Module):
    """Latents and one-hot labels, or attributes, joined and then normalized."""

    def __init__(self, latent: int, classes: int, attributes: int = 0) -> None:
        super().__init__()
        self.classes, self.attributes = classes, attributes
        self.width = latent + classes + attributes

    def forward(self, z: Tensor, labels: Tensor | None, styles: int) -> Tensor:
        """Styles [N, styles, width] of z [N, latent] and labels."""
        if self.classes and labels is not None:
            z = torch.cat([z, F.one_hot(labels, self.classes).to(z.dtype)], 1)
        elif self.attributes and labels is not None:
            z = torch.cat([z, labels.to(z.dtype)], 1)
        return pixel_norm(z)[:, None].expand(-1, styles, -1)


class ScoreAndClasses(Chain):
    """A chain whose output is one score and then the logits of `classes` classes."""

    def __init__(self, classes: int, **members: nn.Module) -> None:
        super().__init__(**members)
        self.classes = classes


class SelectScore(Conditioned):
    """Of one score for each class, that of the label."""

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """The labels' entries [N, 1] of [N, classes].

        Raises:
            ValueError: if there are no labels.
            RuntimeError: if a label is no class; a GPU's kernel fails instead, later.
        """
        if condition.labels is None:
            raise ValueError("a head that selects the score of the label's class was given no labels")
        return x.gather(1, condition.labels[:, None])
