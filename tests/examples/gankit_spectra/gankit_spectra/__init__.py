"""How far the spectra of generated images are from those of reals, for gankit, and its runs in TensorBoard."""

from collections.abc import Callable

from gankit import Component, hookimpl

from gankit_spectra.metrics import LogSpectralDistance
from gankit_spectra.observers import TensorBoard


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("log-spectral-distance", LogSpectralDistance)
    register("tensorboard", TensorBoard)
