"""Distances between spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Metric

if TYPE_CHECKING:
    from gankit.evaluation.images import Samples


class LogSpectralDistance(Metric):
    """How far the power spectra of generated images are from those of reals, in decibels; 0 is best.

    The root mean square, over all radii of frequency above zero, of the difference between the logarithms of the
    radially averaged spectra (Durall et al. 2020), each the mean over all images and channels.

    It sees blur, noise and the traces of upsampling, each at its frequencies. It is blind to brightness, to where in an
    image something stands, and to anything that leaves the mean spectrum as it is, such as repeated images.
    """

    needs = frozenset({"images"})
    has_floor = True

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One number, `log_spectral_distance`."""
        from gankit_spectra.spectra import log_spectral_distance

        return {"log_spectral_distance": log_spectral_distance(samples.generated.images, samples.real.images)}
