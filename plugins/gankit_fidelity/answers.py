"""What `gankit extractor train` answers programs."""

from __future__ import annotations

from gankit.cli.answers.base import Wrote


class ExtractorTrainAnswer(Wrote):
    """A classifier that was trained."""

    accuracy: float
    """Share of the held-out images that it tells right."""
    chance: float
    """The share that always naming the most frequent class tells right."""
    doubt: str | None
    """Why numbers measured with it say little; null if they do not."""
