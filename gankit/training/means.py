"""Means of what the iterations of training return."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Means:
    """Sums kept on the device, so that nothing waits for it."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        """Add one iteration's scalars."""
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def taken(self) -> dict[str, float]:
        """The means so far; starts afresh."""
        means = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means

    def state_dict(self) -> dict[str, Any]:
        """What was added and not yet taken."""
        return {"sums": self._sums, "counts": self._counts}

    def load_state_dict(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from `state`."""
        self._sums = {name: total.to(device, copy=True) for name, total in state["sums"].items()}
        self._counts = dict(state["counts"])
