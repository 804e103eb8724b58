"""Torch modules of BigGAN."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from gankit.networks.growing import GrowingNetwork
from gankit.networks.layers import WEIGHTED, Condition, Conditioned, dense
from gankit.networks.precision import full_precision


class HierarchicalLatent(nn.Module):
    """Chunks of the latent, joined by a learned vector for the label if there are classes."""

    def __init__(self, latent: int, classes: int, chunks: int, styles_a_block: int, embedding: int) -> None:
        super().__init__()
        self.chunks, self.styles_a_block = chunks, styles_a_block
        self.width = latent // chunks + (embedding if classes else 0)
        self.label_vectors = nn.Parameter(nn.init.orthogonal_(torch.empty(classes, embedding))) if classes else None

    def forward(self, z: Tensor, labels: Tensor | None, styles: int) -> Tensor:
        """Styles [N, styles, width] of z [N, latent] and labels [N]; of each the chunk comes first."""
        first, *others = z.unflatten(1, (self.chunks, -1)).unbind(1)
        together = min(self.styles_a_block, styles)
        in_turn = [first, *(chunk for chunk in others for _ in range(together))][:styles]
        chunks = torch.stack(in_turn + in_turn[-1:] * (styles - len(in_turn)), 1)
        if self.label_vectors is None or labels is None:
            return chunks
        vectors = F.embedding(labels, self.label_vectors)[:, None].expand(-1, styles, -1)
        return torch.cat([chunks, vectors], 2)

    def truncated_latents(self, z: Tensor, threshold: float) -> Tensor:
        """Latents of the same shape, none of whose numbers is beyond the threshold, see `truncated_normal`."""
        return truncated_normal(z, threshold)


class OwnStyle(Conditioned):
    """Feature maps by a linear layer of as many numbers of a style as it takes; no part that follows has that style."""

    styles = 1

    def __init__(self, dense: nn.Linear, size: tuple[int, ...]) -> None:
        super().__init__()
        self.dense, self.size = dense, size

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Feature maps [N, *size]; x [N, width] is the same style as that of the condition."""
        assert condition.styles is not None
        return self.dense(condition.styles[:, 0, : self.dense.in_features]).unflatten(1, self.size)


class DenseConditionalBatchNorm(Conditioned):
    """Batch normalization, then a scale and a shift that linear layers without bias make of a style."""

    styles = 1

    def __init__(self, channels: int, width: int, eps: float) -> None:
        super().__init__()
        self.normalize = nn.BatchNorm2d(channels, eps=eps, affine=False)
        self.gamma, self.beta = (dense(width, channels, gain=1.0, bias=False) for _ in range(2))

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Normalize [N, C, H, W] and apply one style."""
        assert condition.styles is not None
        with full_precision(x):
            gamma, beta = (layer(condition.styles[:, 0])[:, :, None, None] for layer in (self.gamma, self.beta))
        return torch.addcmul(beta.to(x.dtype), (1 + gamma).to(x.dtype), self.normalize(x))


def truncated_normal(z: Tensor, threshold: float) -> Tensor:
    """Standard normal numbers, as distributed as those drawn anew until they are within [-threshold, threshold].

    Each is the number whose share of the truncated distribution is that of the given one in the whole, so that images
    move evenly with the threshold and nothing is drawn: the inverse of the truncated distribution's
    (1 + erf(x / sqrt 2) / erf(threshold / sqrt 2)) / 2. Of any shape; 0 gives zeros, infinity the numbers themselves.
    """
    root = math.sqrt(2)
    shares = torch.erf(z / root) * math.erf(threshold / root)
    return (root * torch.erfinv(shares)).clamp(-threshold, threshold) if math.isfinite(threshold) else z


def non_orthogonality(matrix: Tensor) -> Tensor:
    """||W W^T * (1 - I)||_F^2 of a matrix [outputs, inputs] of filters, a scalar.

    What is off the diagonal is all but what is on it, and W W^T and W^T W have one norm: so of more outputs than
    inputs the smaller product will do, which of BigGAN's first layer has 20 x 20 numbers in place of 24,576 x 24,576.
    """
    outputs, inputs = matrix.shape
    if outputs <= inputs:
        products = matrix @ matrix.t()
        return (products - products.diagonal().diag()).square().sum()
    return (matrix.t() @ matrix).square().sum() - matrix.square().sum(1).square().sum()


def regularized_weights(network: GrowingNetwork) -> Iterator[Tensor]:
    """The weights of linear and convolutional layers that take part, as they are stored, as [outputs, all else]."""
    taking_part = {id(parameter) for parameter in network.parameters_in_force()}
    for layer in network.modules():
        if isinstance(layer, WEIGHTED) and not isinstance(layer, nn.Embedding):
            is_normalized = is_parametrized(layer, "weight")
            stored = layer.get_parameter("parametrizations.weight.original" if is_normalized else "weight")
            if id(stored) in taking_part:
                yield (stored.transpose(0, 1) if isinstance(layer, nn.ConvTranspose2d) else stored).flatten(1)
