"""Optimizers that break no rule though they remember more than running means, or have groups of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from gankit import Component, Optimizer, hookimpl

if TYPE_CHECKING:
    from torch.optim import Optimizer as TorchOptimizer
    from torch.optim.optimizer import ParamsT

    from gankit import Progress


class Optimistic(Optimizer):
    """Adam that steps twice and takes back its last step (Daskalakis et al. 2018), which is a ratio of two means."""

    beta1: float = Field(default=0.5, ge=0, lt=1)
    """Decay of the mean of gradients."""
    beta2: float = Field(default=0.9, gt=0, lt=1)
    """Decay of the mean of their squares."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Adam with the powers of its decays."""
        import torch

        class OptimisticAdam(torch.optim.Optimizer):
            @torch.no_grad()
            def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                for group in self.param_groups:
                    (first, second), rate = group["betas"], group["lr"]
                    for parameter in group["params"]:
                        if parameter.grad is None:
                            continue
                        state = self.state[parameter]
                        if not state:
                            state["updates"] = torch.zeros(())
                            state |= {name: torch.zeros_like(parameter) for name in ("mean", "square", "last")}
                        state["updates"] += 1
                        updates = float(state["updates"])
                        mean = state["mean"].lerp_(parameter.grad, 1 - first) / (1 - first**updates)
                        square = state["square"].lerp_(parameter.grad.square(), 1 - second) / (1 - second**updates)
                        direction = mean / (square.sqrt() + 1e-8)
                        parameter.add_(2 * direction - state["last"], alpha=-rate)
                        state["last"] = direction

        betas = (self.beta1**correction, self.beta2**correction)
        return OptimisticAdam(parameters, {"lr": 0.001, "betas": betas})

    def learning_rate(self, progress: Progress) -> float:
        """Always the same."""
        return 0.001


class Lookahead(Optimizer):
    """Gradient descent that is pulled back to slow weights now and then, at any rate (Zhang et al. 2019)."""

    updates: int = Field(default=3, ge=1, le=20)
    """From one pull to the next."""
    share: float = Field(default=0.5, gt=0, le=1)
    """How far the slow weights follow."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """Gradient descent; nothing in it decays."""
        import torch

        options = self

        class Slow(torch.optim.SGD):
            @torch.no_grad()
            def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
                moving = [each for group in self.param_groups for each in group["params"] if each.grad is not None]
                for parameter in moving:
                    state = self.state[parameter]
                    state.setdefault("slow", parameter.clone())
                    state.setdefault("updates", torch.zeros(())).add_(1)
                super().step()
                for parameter in moving:
                    state = self.state[parameter]
                    if state["updates"] % options.updates == 0:
                        parameter.copy_(state["slow"].lerp_(parameter, options.share))

        return Slow(parameters, lr=0.01)

    def learning_rate(self, progress: Progress) -> float:
        """Always the same."""
        return 0.01


class Undecayed(Optimizer):
    """AdamW that decays no bias, and moves biases by half the rate: groups of its own."""

    weight_decay: float = Field(default=0.1, ge=0, le=1)
    """Of weights of two dimensions and more."""

    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """AdamW with the powers of its decays."""
        import torch

        groups = list[dict[str, Any]]()
        for group in cast(list[dict[str, Any]], parameters):
            weights = [each for each in group["params"] if each.ndim > 1]
            biases = [each for each in group["params"] if each.ndim <= 1]
            parts = {"weight_decay": self.weight_decay}, {"weight_decay": 0.0, "lr_multiplier": 0.5}
            for own, part in zip((weights, biases), parts, strict=True):
                groups += [{**group, "params": own, **part}] if own else []
        return torch.optim.AdamW(groups, lr=0.01, betas=(0.5**correction, 0.9**correction))

    def learning_rate(self, progress: Progress) -> float:
        """Always the same."""
        return 0.01


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register all."""
    register("optimistic", Optimistic)
    register("lookahead", Lookahead)
    register("undecayed", Undecayed)
