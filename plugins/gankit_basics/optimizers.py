"""Optimizers: torch's, updating all parameters in one operation where it can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from gankit import Optimizer, PerResolution, Progress, Scheduled, at

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer
    from torch.optim.optimizer import ParamsT

Share = Annotated[float, Field(ge=0, lt=1)]
"""From 0 up to 1, which is left out."""


def fused(parameters: Iterable[Any]) -> dict[str, Any]:
    """What torch's optimizers are given, to update all parameters in one operation wherever their device has one."""
    given = list(parameters)
    tensors = [tensor for each in given for tensor in (each["params"] if isinstance(each, dict) else [each])]
    return {"params": given, "fused": all(tensor.device.type in ("cpu", "cuda") for tensor in tensors)}


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

        from gankit.training.eager import eager

        betas = (self.betas[0] ** correction, self.betas[1] ** correction)
        rate = min(self.lr.values()) * correction
        return eager(torch.optim.Adam)(**fused(parameters), lr=rate, betas=betas, eps=self.eps)


class AdamW(Adam):
    """Adam whose weights decay apart from the gradient (Loshchilov and Hutter 2019)."""

    weight_decay: Scheduled[Annotated[float, Field(ge=0)]] = 0.01
    """The share of a weight that an update takes away, over the learning rate."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """AdamW with its decay to the power of `correction`; the trainer sets the learning rate."""
        import torch

        from gankit.training.eager import eager

        betas = (self.betas[0] ** correction, self.betas[1] ** correction)
        rate, weight_decay = min(self.lr.values()) * correction, self.weight_decay
        return eager(torch.optim.AdamW)(
            **fused(parameters), lr=rate, betas=betas, eps=self.eps, weight_decay=weight_decay
        )


class RMSprop(ByResolution):
    """RMSprop (Hinton 2012, lecture 6e; what Arjovsky et al. 2017 train Wasserstein GANs with)."""

    alpha: Scheduled[Share] = 0.99
    """Decay of the running mean of the gradient's square, an update."""
    eps: Scheduled[Annotated[float, Field(gt=0, le=1)]] = 1e-8
    """Added to the root of the squares' mean."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """RMSprop with its decay to the power of `correction`; the trainer sets the learning rate."""
        import torch

        from gankit.training.eager import eager

        alpha = self.alpha**correction
        return eager(torch.optim.RMSprop)(parameters, lr=min(self.lr.values()) * correction, alpha=alpha, eps=self.eps)


class SGD(ByResolution):
    """Stochastic gradient descent with momentum (Robbins and Monro 1951; Polyak 1964)."""

    momentum: Scheduled[Share] = 0.9
    """Decay of the running sum of gradients that a weight moves by, an update; 0: it moves by the gradient."""
    nesterov: bool = False
    """Move by the gradient beyond the momentum's own step (Nesterov 1983; Sutskever et al. 2013)."""
    weight_decay: Scheduled[Annotated[float, Field(ge=0)]] = 0.0
    """Times the weight, added to the gradient."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """SGD with its momentum to the power of `correction`; the trainer sets the learning rate."""
        import torch

        from gankit.training.eager import eager

        momentum, rate = self.momentum**correction, min(self.lr.values()) * correction
        nesterov = self.nesterov and momentum > 0  # without momentum it is the same, which torch refuses
        return eager(torch.optim.SGD)(
            **fused(parameters), lr=rate, momentum=momentum, nesterov=nesterov, weight_decay=self.weight_decay
        )
