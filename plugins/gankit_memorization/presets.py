"""Metrics that are asked for together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from gankit import MetricPreset


class Copies(MetricPreset):
    """Whether a generator repeats what it was trained on, or itself; as where there are few images."""

    metrics: ClassVar[Sequence[str | Mapping[str, Any]]] = ("nearest-neighbor", "authenticity", "distinct", "vendi")
