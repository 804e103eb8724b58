from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Optimizer, hookimpl
from pydantic import Field

if TYPE_CHECKING:
    from gankit import Progress
    from torch.optim import SGD
    from torch.optim.optimizer import ParamsT


class ExampleOptimizer(Optimizer):
    """Gradient descent with momentum (Polyak 1964)."""

    lr: float = Field(default=3e-2, gt=0, le=10)
    """Learning rate, the same from beginning to end."""
    momentum: float = Field(default=0.5, ge=0, lt=1)
    """Share of the last step that goes into the next."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> SGD:
        """Gradient descent with the momentum to the power of `correction`; the trainer sets the learning rate."""
        from torch.optim import SGD

        return SGD(parameters, lr=self.lr * correction, momentum=self.momentum**correction)

    def learning_rate(self, progress: Progress) -> float:
        """The one learning rate."""
        return self.lr


@hookimpl
def gankit_register(register):
    register("example", ExampleOptimizer)
