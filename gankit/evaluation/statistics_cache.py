"""Statistics of real images, kept on disk between runs."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gankit.evaluation.statistics import Statistics


def cache_folder() -> Path:
    """Where gankit keeps what it can compute again: $GANKIT_CACHE, or gankit/ in $XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get("GANKIT_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gankit"


def load(content: Mapping[str, Any]) -> Statistics | None:
    """The statistics that were stored for `content`; None if there are none, or none that can be read."""
    try:
        with np.load(_path(content), allow_pickle=False) as file:
            if str(file["content"]) != _text(content):
                return None
            statistics = Statistics(int(file["count"]), file["mean"], file["covariance"])
    except Exception:  # missing, or damaged in one of the dozen ways in which reading an archive can fail
        return None
    return statistics if _is_sound(statistics) else None


def store(content: Mapping[str, Any], statistics: Statistics) -> None:
    """Keep `statistics` for `content`, in one move so that no reader sees half a file; do without if that fails."""
    path = _path(content)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".npz")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, content=np.array(_text(content)), **vars(statistics))
            os.replace(unfinished, path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
    except OSError:  # a full or read-only disk costs time in the next run, nothing else
        return


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True)


def _path(content: Mapping[str, Any]) -> Path:
    key = hashlib.blake2b(_text(content).encode(), digest_size=16).hexdigest()
    return cache_folder() / "statistics" / f"{key}.npz"


def _is_sound(statistics: Statistics) -> bool:
    """Whether shapes and types are those of statistics."""
    width = statistics.mean.size
    return (
        statistics.mean.shape == (width,)
        and statistics.covariance.shape == (width, width)
        and statistics.mean.dtype == statistics.covariance.dtype == np.float64
    )
