"""Golden cases: inputs and weights drawn at random, and what the authors' own code computed from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Case:
    """One file of arrays; `check` compares within the file's own tolerance, scaled to the whole array."""

    def __init__(self, name: str, dtype: torch.dtype = torch.float64) -> None:
        arrays = np.load(Path(__file__).parents[1] / "golden" / f"{name}.npz")
        self.name, self.dtype = name, dtype
        self.arrays = {key: arrays[key] for key in arrays.files if key != "meta"}
        self.meta: dict[str, Any] = json.loads(str(arrays["meta"]))
        self.checked: list[str] = []

    def __getitem__(self, key: str) -> Tensor:
        array = self.arrays[key]
        return torch.tensor(array, dtype=self.dtype if array.dtype.kind == "f" else None)

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def error(self, key: str, value: Tensor) -> tuple[float, float]:
        """The largest deviation of `value` from the array, and the tolerance."""
        expected = self[key].to(torch.float64)
        actual = value.detach().to(torch.float64).reshape(expected.shape)
        tolerance = self.meta["atol"] + self.meta["rtol"] * float(expected.abs().max())
        return float((actual - expected).abs().max()), tolerance

    def check(self, key: str, value: Tensor) -> None:
        """Assert that `value` is what the authors' code computed."""
        error, tolerance = self.error(key, value)
        assert error <= tolerance, f"{self.name} {key}: off by {error:.3g}, tolerance {tolerance:.3g}"
        self.checked.append(key)

    def check_complete(self, *left_out: str) -> None:
        """Assert that every output and gradient of the file, but for `left_out`, has been checked."""
        wanted = {key for key in self.arrays if key.startswith(("out.", "grad."))}
        assert set(self.checked) == wanted - set(left_out)

    def check_differs(self, key: str, value: Tensor) -> None:
        """Assert that `value` is not what this known-wrong reimplementation computed."""
        error, tolerance = self.error(key, value)
        assert error > 2 * tolerance, f"{self.name} {key}: agrees with the deviating code"


def put(tensor: Tensor, values: Tensor) -> None:
    """Copy raw values into a parameter or buffer."""
    with torch.no_grad():
        tensor.copy_(values.reshape(tensor.shape))


def raw(layer: nn.Module, name: str = "weight") -> Tensor:
    """The stored parameter under any parametrization."""
    parametrizations = getattr(layer, "parametrizations", None)
    if parametrizations is not None and name in parametrizations:
        return parametrizations[name].original
    return getattr(layer, name)


def load_layer(case: Case, key: str, layer: nn.Module, bias: nn.Module | None = None) -> None:
    """Copy `key`.weight and `key`.bias into a layer, the bias into a module of its own if it stands apart."""
    put(raw(layer), case[f"{key}.weight"])
    if f"{key}.bias" in case:
        put(raw(bias if bias is not None else layer, "bias"), case[f"{key}.bias"])
