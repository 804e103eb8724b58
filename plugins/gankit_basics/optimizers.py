"""Optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gankit import Optimizer, PerResolution, at

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer
    from torch.optim.optimizer import ParamsT


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015)."""

    lr: PerResolution[Annotated[float, Field(gt=0)]] = {0: 1e-3}
    """Learning rate."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.0, 0.99)
    """Decay of the running means of the gradient and of its square, an update."""
    eps: float = Field(default=1e-8, gt=0)
    """Added to the root of the squares' mean."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Adam with its decay to the power of `correction`; the trainer sets the learning rate."""
        import torch

        betas = (self.betas[0] ** correction, self.betas[1] ** correction)
        return torch.optim.Adam(parameters, lr=min(self.lr.values()) * correction, betas=betas, eps=self.eps)

    def learning_rate(self, resolution: int) -> float:
        """The learning rate in force at `resolution`."""
        return at(self.lr, resolution)
