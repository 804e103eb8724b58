"""Images under measurement: what extractors give and what metrics may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class Features(NamedTuple):
    """What an extractor sees in a batch of images."""

    pooled: Tensor
    """Features [N, D]."""
    logits: Tensor
    """Class logits [N, K]."""
