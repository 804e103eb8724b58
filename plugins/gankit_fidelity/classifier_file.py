"""The file of a small classifier: weights in safetensors format, described in its header."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from gankit import Options, UserError

KEY = "gankit classifier"
"""The one entry of the header; several would be written in no certain order, and with them the file's hash."""


class Shape(Options):
    """What a small classifier is made of."""

    size: int = Field(ge=1, le=1024)
    """Height and width of the images that its convolutions see, in pixels."""
    widths: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(min_length=1, max_length=10)
    """Channels of each convolution; sizes are halved between them."""
    classes: int = Field(ge=2)
    """Of the data set."""
    channels: int = Field(default=1, ge=1)
    """1: it sees the mean of an image's channels; 3: RGB; any other number: as many bands."""

    @property
    def given(self) -> int:
        """Channels of the images that it is given."""
        return 3 if self.channels == 1 else self.channels

    @property
    def resize(self) -> str:
        """How images come to `size`, for the protocol of a number."""
        return f"bilinear up or mean down to {self.size}x{self.size}"


class Card(Shape):
    """What a trained classifier is, and how it came to be."""

    data: str
    """Fingerprint of the data set at `size`."""
    held_out: str
    """Which images training never saw."""
    accuracy: float = Field(ge=0, le=1)
    """Share of the held-out images that it tells right."""
    epochs: int = Field(ge=1)
    """How often training saw each of the others."""
    seed: int = Field(ge=0)
    """Decided the first weights, the order and the shifts."""


def read_card(file: Path) -> Card:
    """What the header of `file` says.

    Raises:
        UserError: if it is no file of a trained classifier.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            return Card.model_validate_json((opened.metadata() or {})[KEY])
    except (SafetensorError, OSError, KeyError, ValidationError) as problem:
        raise UserError(
            f"{file}: this is no file that `gankit extractor train` wrote ({type(problem).__name__})"
        ) from None
