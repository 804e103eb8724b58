"""Metrics that are asked for together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gankit import MetricPreset


class Classic(MetricPreset):
    """What most papers report: FID and Inception Score, through Inception unless the evaluation names another."""

    metrics: ClassVar[Sequence[str | Mapping[str, Any]]] = ("fid", "is")


class Modern(MetricPreset):
    """Quality, variety and copies, each by numbers of its own, beside the noise floor of reals.

    The Fréchet distance and KID, precision and recall, density and coverage, copies of what was trained on by nearest
    neighbours and by authenticity. It brings no extractor: all look through `evaluation.extractor`. People agree best
    with what DINOv2 sees, for which `{use: modern, extractor: dinov2}` asks, or `evaluation.extractor: dinov2` for all
    metrics; its weights have to be downloaded.
    """

    metrics: ClassVar[Sequence[str | Mapping[str, Any]]] = (
        *("fid", "kid", "precision-recall", "density-coverage"),
        *("nearest-neighbor", "authenticity"),
    )
