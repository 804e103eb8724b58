"""How a run is measured, whatever it trains in and wherever it draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gankit.training import randomness
from gankit.training.precision import float32_products


@contextmanager
def measuring() -> Iterator[None]:
    """Compute in float32, by the same kernels each time, and leave torch's generators as they were before."""
    with randomness.untouched(), float32_products():
        yield
