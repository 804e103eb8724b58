"""The lines of metrics.jsonl and times.jsonl, written and read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from gankit.core.errors import UserError
from gankit.core.files import parse_json, read_regular
from gankit.kinds.callbacks import Row

METRICS = "metrics.jsonl"
TIMES = "times.jsonl"
MOST = 10**15
"""Images, or whatever else a row counts: beyond it numbers are damage, with which nothing can be computed."""


def read_rows(path: Path) -> list[Row]:
    """All rows of a metrics.jsonl; none if there is no such file. A last line that is half written is left out.

    Raises:
        UserError: if any other line is not a row.
        OSError: if it cannot be read.
    """
    return rows_in(read_regular(path) if path.exists() else b"", path)


def rows_in(content: bytes, path: Path) -> list[Row]:
    """The rows in the content of a metrics.jsonl, which mistakes call `path`; for the rest see `read_rows`."""
    rows = []
    for number, line in enumerate(_whole_lines(content), start=1):
        try:
            rows.append(_row(parse_json(line)))
        except (ValueError, TypeError, KeyError, OverflowError) as failure:
            raise UserError(f"{path}:{number}: not a row of metrics ({failure})") from failure
    return rows


def _row(fields: Any) -> Row:
    """A row of what stands in a line.

    Raises:
        ValueError, TypeError, KeyError, OverflowError: if it is of another form than `row_as_json` gives.
    """
    row = Row(**{**fields, "value": float(fields["value"])})
    for name, least in (("images", 0), ("stage", 1), ("resolution", 1)):
        if type(number := getattr(row, name)) is not int or not least <= number <= MOST:
            raise ValueError(f"{name}: expected a whole number from {least} to {MOST}")
    for name, kind in (("name", str), ("protocol", dict | None), ("note", str | None)):
        if not isinstance(getattr(row, name), kind):
            raise TypeError(f"{name}: expected {'an object' if name == 'protocol' else 'text'}")
    return row


def read_events(path: Path) -> list[dict[str, Any]]:
    """The events of a times.jsonl, oldest first, without those that cannot be read; nothing rests on them."""
    events = []
    try:
        content = read_regular(path)
    except OSError:
        return []
    for line in _whole_lines(content):
        try:
            event = parse_json(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            events.append(event)
    return events


def _whole_lines(content: bytes) -> list[bytes]:
    """All lines up to the last newline; after it stands what a live or killed run had written of a line."""
    return content.split(b"\n")[:-1]


def row_as_json(row: Row) -> dict[str, Any]:
    """A row in the form of a line of metrics.jsonl."""
    fields: dict[str, Any] = {**row._asdict(), "value": number_as_json(row.value)}
    return {name: value for name, value in fields.items() if value is not None}


def number_as_json(number: float) -> float | str:
    """A number as JSON can hold it."""
    if isinstance(number, int):
        return number
    number = float(number)  # numpy's and torch's scalars are none of json's types
    return number if math.isfinite(number) else str(number)
