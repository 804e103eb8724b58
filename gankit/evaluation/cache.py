"""What was seen of real images, kept on disk between runs."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np

from gankit.evaluation.features import FeatureStore
from gankit.evaluation.statistics import Statistics

ARRAYS = ("features", "logits", "labels")


def cache_folder() -> Path:
    """Where gankit keeps what it can compute again: $GANKIT_CACHE, or gankit/ in $XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get("GANKIT_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "gankit"


def stored(content: Mapping[str, Any], count: int, needs: Set[str]) -> FeatureStore | None:
    """What was stored for `content`; None if there is nothing that can be read and holds all that is needed."""
    try:
        with np.load(_path(content), allow_pickle=False) as file:
            if str(file["content"]) != _text(content) or not needs <= set(file["kept"].tolist()):
                return None
            seen = FeatureStore(count)
            for name in ARRAYS:
                if name in file and (name in needs or name == "labels"):
                    seen.put(name, file[name])
            if "statistics" in needs:
                seen.statistics = Statistics(int(file["count"]), file["mean"], file["covariance"])
    except Exception:  # missing, or damaged in one of the dozen ways in which reading an archive can fail
        return None
    return seen if _is_sound(seen, count) else None


def store(content: Mapping[str, Any], seen: FeatureStore) -> None:
    """Keep `seen` for `content`, in one move so that no reader sees half a file; do without if that fails."""
    arrays = {name: array for name in ARRAYS if (array := seen.array(name)) is not None}
    statistics = {} if seen.statistics is None else vars(seen.statistics)
    kept = [*(name for name in arrays if name != "labels"), *(["statistics"] if statistics else [])]
    try:
        path = _path(content)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".npz")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(
                    file, content=np.array(_text(content)), kept=np.array(kept, dtype=np.str_), **arrays, **statistics
                )
            os.replace(unfinished, path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise
    except (OSError, RuntimeError):  # a full or read-only disk, or no home folder, costs the next run time, no more
        return


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True)


def _path(content: Mapping[str, Any]) -> Path:
    key = hashlib.blake2b(_text(content).encode(), digest_size=16).hexdigest()
    return cache_folder() / "reals" / f"{key}.npz"


def _is_sound(seen: FeatureStore, count: int) -> bool:
    """Whether shapes and types are those of what was seen of so many images."""
    arrays = [array for name in ARRAYS if (array := seen.array(name)) is not None]
    if any(len(array) != count for array in arrays) or any(array.dtype.hasobject for array in arrays):
        return False
    if seen.statistics is None:
        return True
    mean, covariance = seen.statistics.mean, seen.statistics.covariance
    width = mean.size
    shapes = mean.shape == (width,) and covariance.shape == (width, width) and seen.statistics.count == count
    return shapes and mean.dtype == covariance.dtype == np.float64
