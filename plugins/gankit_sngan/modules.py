"""Torch modules of SNGAN."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gankit import BuildContext
from gankit.networks.layers import Condition, Conditioned, dense, gained, run, styles_of
from gankit.networks.precision import full_precision


class Sum(Conditioned):
    """The sum of a path, which consumes its styles, and of the shortcut past it."""

    def __init__(self, path: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.path, self.shortcut = path, shortcut
        self.styles = styles_of(path)

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Run both on [N, C, H, W]."""
        return run(self.shortcut, x, condition) + run(self.path, x, condition)


class SpectralNorm(nn.Module):
    """W / sigma(W), with sigma = u W v and u, v the running estimates of the first singular vectors.

    v is iterated before u (Miyato et al. 2018, algorithm 1); torch.nn.utils.parametrizations.spectral_norm iterates u
    first and so lags half an iteration behind. No gradient flows through u and v.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor, transposed: bool, iterations: int) -> None:
        super().__init__()
        self.transposed, self.iterations = transposed, iterations
        matrix = self._matrix(weight.detach())
        self.register_buffer("u", F.normalize(matrix.new_empty(len(matrix)).normal_(), dim=0))
        self.register_buffer("v", F.normalize(matrix.t() @ self.u, dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight over its largest singular value."""
        matrix = self._matrix(weight)
        with full_precision(weight):
            if self.training:
                self._iterate(matrix.detach())
            return weight / torch.dot(self.u, matrix @ self.v)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        # new tensors rather than changed ones: an earlier pass of the same step may still need the old for its gradient
        for _ in range(self.iterations):
            self.v = F.normalize(matrix.t() @ self.u, dim=0, eps=1e-12)
            self.u = F.normalize(matrix @ self.v, dim=0, eps=1e-12)

    def _matrix(self, weight: Tensor) -> Tensor:
        """The weight as [outputs, all else]."""
        return (weight.transpose(0, 1) if self.transposed else weight).flatten(1)


class ConditionalBatchNorm(Conditioned):
    """Batch normalization with a scale and a shift for each class, held as plain parameters [classes, channels]."""

    def __init__(self, channels: int, classes: int, eps: float) -> None:
        super().__init__()
        self.normalize = nn.BatchNorm2d(channels, eps=eps, affine=False)
        self.gamma = nn.Parameter(torch.ones(classes, channels))
        self.beta = nn.Parameter(torch.zeros(classes, channels))

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Normalize [N, C, H, W] by the labels [N].

        Raises:
            ValueError: if there are no labels.
            IndexError: if a label is no class; a GPU's kernel fails instead, later.
        """
        if condition.labels is None:
            raise ValueError("a batch norm that is conditioned on labels was given none")
        gamma, beta = (F.embedding(condition.labels, table)[:, :, None, None] for table in (self.gamma, self.beta))
        return gamma.to(x.dtype) * self.normalize(x) + beta.to(x.dtype)


def label_embedding(context: BuildContext, width: int, gain: float = 1.0) -> nn.Module | None:
    """From labels to vectors [N, width]: a learned one for each class, or a linear map of the values of attributes.

    Both start as large where these values are about 1. None without labels.
    """
    if context.classes:
        return gained(nn.Embedding(context.classes, width), gain)
    return dense(context.attributes, width, gain=gain / math.sqrt(width), bias=False) if context.attributes else None


class Projection(Conditioned):
    """The inner product of what a layer makes of features with a vector for the label."""

    def __init__(self, layer: nn.Module, embedding: nn.Module) -> None:
        super().__init__()
        self.layer, self.embedding = layer, embedding

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Scores [N, 1] of features [N, C] and labels, classes [N] or vectors [N, attributes].

        Raises:
            ValueError: if there are no labels.
            IndexError: if a label is no class; a GPU's kernel fails instead, later.
        """
        if condition.labels is None:
            raise ValueError("a head that projects on the label was given no labels")
        return (self.layer(x) * self.embedding(condition.labels)).sum(1, keepdim=True)


class ProjectionScore(Conditioned):
    """A linear score, plus the inner product of the features with a vector for the label, if there is one.

    Miyato and Koyama 2018, "cGANs with Projection Discriminator", figure 1d.
    """

    def __init__(self, score: nn.Module, embedding: nn.Module) -> None:
        super().__init__()
        self.score, self.embedding = score, embedding

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Scores [N, 1] of features [N, C] and labels, classes [N] or vectors [N, attributes].

        Raises:
            IndexError: if a label is no class; a GPU's kernel fails instead, later.
        """
        score = self.score(x)
        if condition.labels is None:
            return score
        return score + (self.embedding(condition.labels) * x).sum(1, keepdim=True)
