"""What commands answer that make something of a trained generator."""

from __future__ import annotations

from gankit.cli.answers.base import Answer, Number, Wrote


class SampleAnswer(Wrote):
    """Images that were drawn."""

    images: int


class InterpolateAnswer(Wrote):
    """A film from image to image."""

    frames: int
    seeds: list[int]
    space: str
    """w, of styles, or z, of latents."""


class MixAnswer(Wrote):
    """A table of images with styles of two others."""

    parts: dict[str, str]
    """Which styles were taken, and where they act."""


class FilmAnswer(Wrote):
    """A film of how images came about."""

    frames: int


class ProjectAnswer(Wrote):
    """An image that was found again."""

    psnr: Number
    """How near it came, in dB."""
    by: str
    """What was compared."""


class DirectionsAnswer(Wrote):
    """Ways to change images."""

    directions: dict[str, int]
    """How many were found, by how they were."""


class ImportAnswer(Wrote):
    """Weights of others, put into a generator."""

    system: str
    """What they are called."""
    height: int
    width: int
    channels: int
    weights: int
    """How many numbers."""
    left_out: list[str]
    """Names in the file that nothing needs."""


class ExportAnswer(Answer):
    """A generator written for others."""

    wrote: str | None
    """Null if it was sent to the Hub."""
    sent_to: str | None
    """Its address on the Hub."""
    apart: float | None
    """How far a program's images are from the generator's, as a share of their range; null of other forms."""
