"""What a checkpoint makes of a state, and whether two states are the same to the last bit."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from torch import Tensor

from gankit.checkpoints import store
from gankit.testing.rules import Broken
from gankit.training import randomness


def through_checkpoint(state: Mapping[str, Any]) -> Any:
    """`state` as a run has it that goes on from a checkpoint.

    Raises:
        Broken: if it holds what a checkpoint cannot.
    """
    weights = {name: {} for name in store.WEIGHTS}
    with TemporaryDirectory() as folder:
        try:
            path = store.save(Path(folder), {"weights": weights, "state": state}, b"", {"images": 0})
        except TypeError as refused:
            raise Broken(f"its state cannot be saved: {refused}") from None
        return store.read(path).state["state"]


def bits(state: Any) -> dict[str, Any]:
    """Every value of a state by the way to it, of a tensor type, shape and bytes, none of which changes later."""
    return dict(_flat(state, ""))


def first_differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
    """Where what `bits` gave of two states differs, such as `.weights.generator`; None if it does not."""
    if first.keys() != second.keys():
        return min(first.keys() ^ second.keys())
    return next((where for where, value in first.items() if value != second[where]), None)


def stir_randomness(number: int) -> None:
    """Point every global generator of random numbers elsewhere, as other work would have left them."""
    random.seed(number)
    np.random.seed(number)
    randomness.seed("stirred", number)


def _flat(state: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value of a state with the way to it; of a tensor its type, shape and bytes."""
    if isinstance(state, Mapping | list | tuple):
        for key, value in state.items() if isinstance(state, Mapping) else enumerate(state):
            yield from _flat(value, f"{path}.{key}")
    elif isinstance(state, Tensor):
        yield path, (state.dtype, tuple(state.shape), state.detach().cpu().contiguous().numpy().tobytes())
    else:
        yield path, repr(state)
