"""Optimizers that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from gankit import Component, Optimizer, hookimpl

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer
    from torch.optim.optimizer import ParamsT

    from gankit import Progress


class Right(Optimizer):
    """Gradient descent, on which the others go wrong."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Nothing decays, so there is nothing to correct."""
        import torch

        return torch.optim.SGD(parameters, lr=0.01 * correction)

    def learning_rate(self, progress: Progress) -> float:
        """Always the same."""
        return 0.01


class BelowZero(Right):
    """A rate that falls below zero before the end."""

    fall: float = Field(default=2.0, ge=1.5, le=4)
    """How much faster than the run the rate comes to its end."""

    def learning_rate(self, progress: Progress) -> float:
        """Falls evenly."""
        return 0.01 * (1 - self.fall * progress.share)


class WarmUp(Right):
    """A rate that rises from zero."""

    def learning_rate(self, progress: Progress) -> float:
        """Zero at the beginning."""
        return 0.01 * min(1.0, 10 * progress.share)


class Counting(Right):
    """A warm-up that counts how often it is asked."""

    asked: ClassVar[list[float]] = []

    def learning_rate(self, progress: Progress) -> float:
        """Rises over calls."""
        self.asked.append(progress.share)
        return 0.01 * min(1.0, len(self.asked) / 1000)


class Ascent(Right):
    """Climbs."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Gradient ascent."""
        import torch

        return torch.optim.SGD(parameters, lr=0.01, maximize=True)


class OneList(Right):
    """Takes all parameters as one list."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Groups are lost, and with them who fades."""
        import torch

        groups: Any = list(parameters)
        return torch.optim.SGD([parameter for group in groups for parameter in group["params"]], lr=0.01)


class Misplacing(Right):
    """Keeps the groups, but not what is in which."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """All weights are in the first group, and all biases in the last."""
        import torch

        groups: Any = list(parameters)
        all_of = [parameter for group in groups for parameter in group["params"]]
        weights, biases = ([each for each in all_of if (each.ndim > 1) == many] for many in (True, False))
        return torch.optim.SGD([{**groups[0], "params": weights}, {**groups[-1], "params": biases}], lr=0.01)


class OwnRate(Right):
    """Steps by a rate of its own."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Gradient descent that does not look at its groups' rates."""
        import torch

        class Fixed(torch.optim.SGD):
            def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                with torch.no_grad():
                    for group in self.param_groups:
                        for parameter in group["params"]:
                            if parameter.grad is not None:
                                parameter -= 0.01 * parameter.grad

        return Fixed(parameters, lr=0.01)


class EveryGradient(Right):
    """Takes it that every parameter has a gradient."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Gradient descent by hand."""
        import torch

        class ByHand(torch.optim.SGD):
            def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                with torch.no_grad():
                    for group in self.param_groups:
                        for parameter in group["params"]:
                            parameter -= group["lr"] * parameter.grad

        return ByHand(parameters, lr=0.01)


class Shrinking(Right):
    """Decays all weights, also those without a gradient."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Gradient descent with weight decay of its own."""
        import torch

        class Decaying(torch.optim.SGD):
            def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                with torch.no_grad():
                    for group in self.param_groups:
                        for parameter in group["params"]:
                            parameter *= 1 - 0.1 * group["lr"]
                super().step()

        return Decaying(parameters, lr=0.01)


class Uncorrected(Right):
    """Adam whose decay is the same whatever the correction."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Adam."""
        import torch

        return torch.optim.Adam(parameters, lr=0.01 * correction, betas=(0.5, 0.99))


class HalfCorrected(Right):
    """Adam that corrects the first decay by a factor."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Adam."""
        import torch

        return torch.optim.Adam(parameters, lr=0.01 * correction, betas=(0.5 * correction, 0.99**correction))


class Forgetful(Right):
    """Keeps its momentum beside the optimizer's state."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Gradient descent along the mean of two gradients."""
        import torch

        class Smoothed(torch.optim.SGD):
            def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                for group in self.param_groups:
                    for parameter in group["params"]:
                        if parameter.grad is not None:
                            last = getattr(parameter, "last_gradient", parameter.grad)
                            parameter.last_gradient = parameter.grad.clone()
                            parameter.grad = (parameter.grad + last) / 2
                super().step()

        return Smoothed(parameters, lr=0.01)


class Noisy(Right):
    """Adds noise drawn by numpy, whose generator nobody seeds."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Langevin dynamics."""
        import numpy as np
        import torch

        class Langevin(torch.optim.SGD):
            def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                with torch.no_grad():
                    for group in self.param_groups:
                        for parameter in group["params"]:
                            if parameter.grad is not None:
                                noise = torch.from_numpy(np.random.standard_normal(parameter.shape))
                                parameter += (1e-3 * group["lr"] * noise).to(parameter.dtype)
                super().step()

        return Langevin(parameters, lr=0.01)


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("rates-are-rates", BelowZero)
    register("rates-are-rates.2", WarmUp)
    register("rates-follow-from-images", Counting)
    register("lowers-a-quadratic", Ascent)
    register("heeds-the-trainer", OneList)
    register("heeds-the-trainer.2", OwnRate)
    register("heeds-the-trainer.3", Misplacing)
    register("passes-over-what-rests", EveryGradient)
    register("passes-over-what-rests.2", Shrinking)
    register("corrects-its-decay", Uncorrected)
    register("corrects-its-decay.2", HalfCorrected)
    register("goes-on-to-the-bit", Forgetful)
    register("goes-on-to-the-bit.2", Noisy)
