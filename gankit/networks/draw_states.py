"""Where torch's own generators of random numbers stand, on all devices that it draws on.

torch itself puts back those of the CPU and of NVIDIA's GPUs; a Mac's it leaves as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def draws_put_back() -> Iterator[None]:
    """Leave all generators as they were before."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    of_mac = mac_state()
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        set_mac_state(of_mac)


def mac_state() -> Tensor | None:
    """Where the generator of a Mac's GPU stands; None without one."""
    return torch.mps.get_rng_state() if torch.backends.mps.is_available() else None


def set_mac_state(state: Tensor | None) -> None:
    """Let it stand where `mac_state` said."""
    if state is not None:
        torch.mps.set_rng_state(state)
