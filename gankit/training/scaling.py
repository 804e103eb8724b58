"""Dynamic loss scaling: gradients of float16 are kept within its range, and updates by any that overflow are skipped.

Losses are multiplied by a scale before they are derived and gradients divided by it after. The scale is halved when a
gradient is not finite, and doubled after enough updates in a row in which all were (Micikevicius et al. 2018, "Mixed
Precision Training", section 3.2), as torch.amp.GradScaler does. That asks the device whether to call an optimizer; here
every decision is made on the device, which nothing waits for, and any optimizer of torch will do. Fused ones skip an
update themselves; what others change is copied before, and put back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from inspect import unwrap
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer as TorchOptimizer

FIRST_SCALE = 2.0**16
"""torch's, as are those below."""
GROWTH, BACKOFF = 2.0, 0.5
INTERVAL = 2000
"""Updates in a row without overflow after which the scale grows."""
LEAST = 2.0**-24
"""What the scale never falls below, so that it is never zero: what overflows at that is not for want of scaling."""


class LossScaler:
    """The scale of one network's losses."""

    def __init__(self, device: torch.device) -> None:
        self.scale = torch.full((), FIRST_SCALE, device=device)
        """A scalar on the device."""
        self.skipped = torch.zeros((), device=device)
        """How many updates were skipped so far."""
        self._in_a_row = torch.zeros((), device=device)

    @torch.no_grad()
    def unscale(self, parameters: Iterable[Parameter]) -> Tensor:
        """Divide gradients by the scale that their loss had, in place, and move the scale for the next.

        Returns:
            Whether all of them are finite, a scalar on the device.
        """
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if gradients:
            torch._foreach_div_(gradients, self.scale)  # pyright: ignore[reportPrivateImportUsage]
            norms = torch._foreach_norm(gradients)  # pyright: ignore[reportPrivateImportUsage]
            finite = torch.stack([*norms]).isfinite().all()
        else:
            finite = self.scale > 0
        in_a_row = torch.where(finite, self._in_a_row + 1, 0)
        grows = in_a_row == INTERVAL
        factor = torch.where(finite, torch.where(grows, GROWTH, 1.0), BACKOFF)
        self.scale = (self.scale * factor).clamp(min=LEAST)
        self.skipped, self._in_a_row = self.skipped + ~finite, torch.where(grows, 0, in_a_row)
        return finite

    @torch.no_grad()
    def step(self, optimizer: TorchOptimizer, finite: Tensor) -> None:
        """Update by gradients if they are `finite`; else parameters and moments stay as they are, to the bit."""
        if _skips_by_itself(optimizer):
            _step_or_skip(optimizer, finite)
            return
        changed = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        before = {id(each): each.clone() for each in [*changed, *_tensors(optimizer.state)]}
        optimizer.step()
        for each in [*changed, *_tensors(optimizer.state)]:
            if finite.is_meta and not each.is_meta:
                continue  # a count of updates, where costs are counted: nothing tells whether there was one
            kept = before.get(id(each))  # moments that the first update has made begin at zero
            each.copy_(torch.where(finite.to(each.device), each, torch.zeros_like(each) if kept is None else kept))

    def state_dict(self) -> dict[str, Tensor]:
        """What later updates depend on."""
        return {"scale": self.scale, "skipped": self.skipped, "in_a_row": self._in_a_row}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        device = self.scale.device
        self.scale, self.skipped, self._in_a_row = (
            state[name].to(device, copy=True) for name in ("scale", "skipped", "in_a_row")
        )


class Finite:
    """What an update may leave in buffers of networks and in what components remember: no number that overflowed.

    Statistics of norms and running means of regularizers are of passes, which may be good where the update was not, and
    the other way round; so each number is judged by itself, and stays as it was where it would not be finite.
    """

    def __init__(self, networks: Iterable[torch.nn.Module], memory: Mapping[str, dict[str, Tensor]]) -> None:
        """Note what stands there before the update."""
        modules = [module for network in networks for module in network.modules()]
        self._buffers = [
            (module, name, buffer.clone())
            for module in modules
            for name, buffer in module.named_buffers(recurse=False)
            if buffer.is_floating_point()
        ]
        self._memory, self._before = memory, {path: {**kept} for path, kept in memory.items()}

    @torch.no_grad()
    def restore(self) -> None:
        """Put it back where it is no longer finite."""
        for module, name, before in self._buffers:
            buffer: Tensor = getattr(module, name)
            buffer.copy_(torch.where(buffer.isfinite(), buffer, before))
        for path, kept in self._memory.items():
            earlier = self._before.get(path, {})
            for name, tensor in kept.items():
                before = earlier.get(name)
                if tensor is not before and tensor.is_floating_point():
                    if before is None or before.shape != tensor.shape:
                        before = torch.zeros_like(tensor)
                    kept[name] = torch.where(tensor.isfinite(), tensor, before)


def count_on_device(optimizer: TorchOptimizer, device: torch.device) -> None:
    """Let an optimizer count its updates where the count can be taken back without waiting for the device."""
    for group in optimizer.param_groups:
        if device.type == "cuda" and "capturable" in group:
            group["capturable"] = True


def _skips_by_itself(optimizer: TorchOptimizer) -> bool:
    """Whether the device skips an update of its own accord: fused ones of torch that nobody has added to."""
    own = unwrap(type(optimizer).step).__module__.startswith("torch.optim.")
    hooked = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
    fused = all(group.get("fused") for group in optimizer.param_groups)
    return own and not hooked and fused and getattr(optimizer, "_step_supports_amp_scaling", False)


def _step_or_skip(optimizer: TorchOptimizer, finite: Tensor) -> None:
    """Update by an optimizer that skips by itself: parameters and moments need not be copied before."""
    before = {id(each): each for each in _tensors(optimizer.state)}
    told = vars(optimizer)  # as torch's own scaler tells it
    told |= {"grad_scale": None, "found_inf": (~finite).float()}
    try:
        optimizer.step()
    finally:
        del told["grad_scale"], told["found_inf"]
    for each in _tensors(optimizer.state):
        if id(each) not in before:  # which a skipped update may have made without writing to it
            each.copy_(torch.where(finite, each, torch.zeros_like(each)))


def _tensors(state: Mapping[Any, Any] | Sequence[Any] | Any) -> list[Tensor]:
    """All tensors in what an optimizer keeps, however it is nested."""
    if isinstance(state, Tensor):
        return [state]
    if isinstance(state, Mapping):
        return [tensor for value in state.values() for tensor in _tensors(value)]
    if isinstance(state, list | tuple):
        return [tensor for value in state for tensor in _tensors(value)]
    return []
