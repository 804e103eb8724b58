"""Rows of a table for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def in_a_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """A pandas.DataFrame of rows, each with all columns; a list of dicts where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        return [dict(row) for row in rows]
    return pandas.DataFrame([[row[column] for column in columns] for row in rows], columns=[*columns])
