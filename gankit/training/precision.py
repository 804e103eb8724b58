"""The precision that a run trains in: what networks compute in, products of an NVIDIA GPU, and loss scaling."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer as TorchOptimizer

from gankit.config.experiment import TrainingOptions
from gankit.core.errors import UserError
from gankit.core.networks import NetworkName
from gankit.networks.growing import TrainedNetwork
from gankit.networks.precision import MixedPrecision
from gankit.training.scaling import Finite, LossScaler, count_on_device

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""What networks compute in, by the precisions that mix it with float32."""
WARNS = 1
"""torch's mode in which it takes deterministic operations where there are such, and warns where there are none."""


class Precision:
    """How one run computes; of bf16, fp16 and tf32 none unless it is asked for by name."""

    def __init__(
        self, options: TrainingOptions, device: torch.device, networks: Mapping[NetworkName, TrainedNetwork]
    ) -> None:
        """Let the networks in training compute in the precision of `options`; copies made before stay as they are.

        Raises:
            UserError: if the device has no such precision.
        """
        self.name = options.precision
        self._device = device
        self._tf32, self._on_nvidia = self.name == "tf32", device.type == "cuda"
        self._networks = [*networks.values()]
        if self._tf32:
            _refuse_tf32(device)
        if (dtype := HALVES.get(self.name)) is not None:
            for network in (each for trained in self._networks for each in trained.growing()):
                mixed = network.resolutions[-(options.half_resolutions or len(network.resolutions)) :]
                network.mixed = MixedPrecision(dtype, frozenset(mixed))
        scales = self.name == "fp16"
        self.scalers = {name: LossScaler(device) for name in networks} if scales else {}
        """What keeps gradients of 16 bits within their narrow range, by network; of none but fp16."""

    def prepare(self, optimizers: Iterable[TorchOptimizer]) -> None:
        """Let optimizers that are yet to make their first update be such as `step` may skip an update of."""
        for optimizer in optimizers if self.scalers else ():
            count_on_device(optimizer, self._device)

    def scale(self, name: NetworkName) -> Tensor | None:
        """What losses and penalized gradients of a network are scaled by before they are derived; None: by nothing."""
        return self.scalers[name].scale if name in self.scalers else None

    def scaled(self, name: NetworkName, loss: Tensor) -> Tensor:
        """What is to be derived in place of a network's `loss`; `step` makes up for it."""
        return self.scalers[name].scale * loss if name in self.scalers else loss

    def step(
        self, name: NetworkName, optimizer: TorchOptimizer, parameters: Sequence[Parameter], clip_norm: float | None
    ) -> None:
        """Update a network by the gradients that its parameters hold, none longer together than `clip_norm`."""
        scaler = self.scalers.get(name)
        finite = None if scaler is None else scaler.unscale(parameters)
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, clip_norm)
        if scaler is None or finite is None:
            optimizer.step()
        else:
            scaler.step(optimizer, finite)

    def scalars(self, name: NetworkName) -> dict[str, Tensor]:
        """What is to be recorded of a network: of fp16 the scale, and how many updates were skipped so far."""
        if (scaler := self.scalers.get(name)) is None:
            return {}
        return {f"scale.{name}": scaler.scale, f"skipped.{name}": scaler.skipped}

    @contextmanager
    def updating(self, memory: Mapping[str, dict[str, Tensor]]) -> Iterator[None]:
        """An update: of float32 products are in TF32 if that is wanted, else in full, on an NVIDIA GPU.

        No buffer of networks and no `memory` of components holds after it what has overflowed in float16.
        """
        kept = Finite(self._networks, memory) if self.scalers else None
        with float32_products(self._tf32) if self._on_nvidia else nullcontext():
            yield
        if kept is not None:
            kept.restore()

    def state_dict(self) -> dict[str, Any]:
        """What later updates depend on."""
        return {name: scaler.state_dict() for name, scaler in self.scalers.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        for name, scaler in self.scalers.items():
            scaler.load_state_dict(state[name])


@contextmanager
def float32_products(tf32: bool = False) -> Iterator[None]:
    """Multiply and convolve float32 in full on an NVIDIA GPU, or in TF32; whatever was set before is put back.

    torch convolves in TF32 unless it is told otherwise. Kernels are those whose sums come in the same order each time;
    of an operation that has none, torch warns.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32
    matmul.allow_tf32 = tf32
    try:
        with cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32), _same_order():
            yield
    finally:
        matmul.allow_tf32 = before


@contextmanager
def _same_order() -> Iterator[None]:
    """Have all that is not cuDNN's, such as gradients of bilinear resizing, add up in the same order each time, too."""
    if not torch.cuda.is_available():  # there is but one order on a CPU
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it torch warns of each product of matrices
    deterministic: Any = torch.utils.deterministic  # a module with a property, which type checkers do not know
    before, fills = torch.get_deterministic_debug_mode(), deterministic.fill_uninitialized_memory
    torch.set_deterministic_debug_mode(max(before, WARNS))
    deterministic.fill_uninitialized_memory = False  # which takes time, and nothing here reads such memory
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)
        deterministic.fill_uninitialized_memory = fills


def _refuse_tf32(device: torch.device) -> None:
    """Notice that a device does not multiply in TF32.

    Raises:
        UserError: then.
    """
    if device.type != "cuda":
        raise UserError(
            f"training.precision: tf32 is how NVIDIA's GPUs may multiply, and this run would train on {device.type}; "
            "fp32, bf16 and fp16 are for all"
        )
    if torch.cuda.get_device_capability(device) < (8, 0):
        raise UserError(
            f"training.precision: tf32 needs an NVIDIA GPU of compute capability 8.0, of 2020 or later, and "
            f"{torch.cuda.get_device_name(device)} is older; fp32 and fp16 would do"
        )
