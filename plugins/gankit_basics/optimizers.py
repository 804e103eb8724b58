"""Optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from gankit import Optimizer, PerResolution, Progress, at

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer
    from torch.optim.optimizer import ParamsT

Share = Annotated[float, Field(ge=0, lt=1)]
"""From 0 up to 1, which is left out."""


class Scheduled(Optimizer):
    """An optimizer whose learning rate follows from resolution and images alone."""

    lr: PerResolution[Annotated[float, Field(gt=0, le=1e6)]] = {0: 1e-3}
    """Learning rate."""
    decay: Literal["none", "linear"] = "none"
    """linear: the learning rate falls evenly to zero at the end of the run."""

    def learning_rate(self, progress: Progress) -> float:
        """The learning rate of the resolution in force, less the share of the run that is over if it decays."""
        return at(self.lr, progress.resolution) * (1 - progress.share if self.decay == "linear" else 1)


class Adam(Scheduled):
    """Adam (Kingma and Ba 2015)."""

    betas: tuple[Share, Share] = (0.0, 0.99)
    """Decay of the running means of the gradient and of its square, an update."""
    eps: float = Field(default=1e-8, gt=0, le=1)
    """Added to the root of the squares' mean."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Adam with its decay to the power of `correction`; the trainer sets the learning rate."""
        import torch

        betas = (self.betas[0] ** correction, self.betas[1] ** correction)
        return torch.optim.Adam(parameters, lr=min(self.lr.values()) * correction, betas=betas, eps=self.eps)


class RMSprop(Scheduled):
    """RMSprop (Hinton 2012, lecture 6e; what Arjovsky et al. 2017 train Wasserstein GANs with)."""

    alpha: Share = 0.99
    """Decay of the running mean of the gradient's square, an update."""
    eps: float = Field(default=1e-8, gt=0, le=1)
    """Added to the root of the squares' mean."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """RMSprop with its decay to the power of `correction`; the trainer sets the learning rate."""
        import torch

        alpha = self.alpha**correction
        return torch.optim.RMSprop(parameters, lr=min(self.lr.values()) * correction, alpha=alpha, eps=self.eps)
