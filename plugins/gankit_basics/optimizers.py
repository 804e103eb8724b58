"""Optimizers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Optimizer, PerResolution, Progress, Scheduled, at

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer
    from torch.optim.optimizer import ParamsT

Share = Annotated[float, Field(ge=0, lt=1)]
"""From 0 up to 1, which is left out."""


class ByResolution(Optimizer):
    """An optimizer whose learning rate follows from resolution and images alone."""

    renamed_options: ClassVar[Mapping[str, str]] = {"decay": "lr: {use: linear, start: ..., end: 0}"}

    lr: PerResolution[Scheduled[Annotated[float, Field(gt=0, le=1e6)]]] = {0: 1e-3}
    """Learning rate."""

    def learning_rate(self, progress: Progress) -> float:
        """The learning rate of the resolution in force."""
        return at(self.lr, progress.resolution)


class Adam(ByResolution):
    """Adam (Kingma and Ba 2015)."""

    betas: tuple[Scheduled[Share], Scheduled[Share]] = (0.0, 0.99)
    """Decay of the running means of the gradient and of its square, an update."""
    eps: Scheduled[Annotated[float, Field(gt=0, le=1)]] = 1e-8
    """Added to the root of the squares' mean."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Adam with its decay to the power of `correction`; the trainer sets the learning rate."""
        import torch

        betas = (self.betas[0] ** correction, self.betas[1] ** correction)
        return torch.optim.Adam(parameters, lr=min(self.lr.values()) * correction, betas=betas, eps=self.eps)


class RMSprop(ByResolution):
    """RMSprop (Hinton 2012, lecture 6e; what Arjovsky et al. 2017 train Wasserstein GANs with)."""

    alpha: Scheduled[Share] = 0.99
    """Decay of the running mean of the gradient's square, an update."""
    eps: Scheduled[Annotated[float, Field(gt=0, le=1)]] = 1e-8
    """Added to the root of the squares' mean."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """RMSprop with its decay to the power of `correction`; the trainer sets the learning rate."""
        import torch

        alpha = self.alpha**correction
        return torch.optim.RMSprop(parameters, lr=min(self.lr.values()) * correction, alpha=alpha, eps=self.eps)
