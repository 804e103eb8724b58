"""Parts of a network whose activations are not kept for the backward pass, but made again in it (Chen et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack
from torch.utils.checkpoint import checkpoint

from gankit.networks.draw_states import mac_state, set_mac_state
from gankit.networks.reuse import formed_weights, weights_formed_in


def recomputed(part: nn.Module, run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What `run` makes of `x` by a `part`; its gradients, and gradients of these, are those of keeping everything.

    In the backward pass it is run again by the same draws, and with the buffers that it had: statistics of norms and
    power iterations do not move twice, and weights that depend on these are the same. Weights that are formed once for
    all calls are those of the first pass, and not formed again: gradients come to the same bits.
    """
    formed = formed_weights()
    before = [(module, name, buffer.clone()) for module, name, buffer in _buffers(part)]
    drawn_from = mac_state()
    modes = _get_current_function_mode_stack()

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _Holding(part, before, modes, drawn_from)

    def anew(x: Tensor) -> Tensor:
        with weights_formed_in(formed):
            return run(x)

    return checkpoint(anew, x, use_reentrant=False, context_fn=contexts)  # pyright: ignore[reportReturnType]


class _Holding(AbstractContextManager[None]):
    """Lets the buffers of a part be copies of earlier ones, which it may change, and then what they are again.

    All the while functions of torch do as in the first pass, such as draw a share of a batch: torch leaves what says so
    as it begins a backward pass. A Mac's GPU draws the same again, which torch sees to on others.

    It is entered as often as the activations are asked for: once by each pass that derives.
    """

    def __init__(
        self,
        part: nn.Module,
        before: list[tuple[nn.Module, str, Tensor]],
        modes: list[TorchFunctionMode],
        drawn_from: Tensor | None,
    ) -> None:
        self._part, self._before, self._modes = part, before, modes
        self._entered = ExitStack()
        self._drawn_from = drawn_from
        self._drawing_from: Tensor | None = None
        self._now: list[tuple[nn.Module, str, Tensor]] = []

    def __enter__(self) -> None:
        within = _get_current_function_mode_stack()
        for mode in self._modes:
            if not any(mode is each for each in within):
                self._entered.enter_context(mode)
        self._drawing_from = mac_state()
        set_mac_state(self._drawn_from)
        self._now = _buffers(self._part)
        for module, name, buffer in self._before:
            module._buffers[name] = buffer.clone()

    def __exit__(self, *failure: object) -> None:
        self._entered.close()
        set_mac_state(self._drawing_from)
        for module, name, buffer in self._now:
            module._buffers[name] = buffer


def _buffers(part: nn.Module) -> list[tuple[nn.Module, str, Tensor]]:
    """Each buffer of a part with the module that has it and what that calls it."""
    return [
        (module, name, buffer)
        for module in part.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
