"""How far the spectra of generated images are from those of reals, for gankit."""

from collections.abc import Callable

from gankit import Component, hookimpl

from gankit_spectra.metrics import LogSpectralDistance


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("log-spectral-distance", LogSpectralDistance)
