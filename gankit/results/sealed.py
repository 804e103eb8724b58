"""metrics.jsonl held against what the newest checkpoint holds of it, sealed by its hash.

What was recorded after that is sealed by nothing: it is believed if it has the form of rows that a run goes on with.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gankit.checkpoints.integrity import CorruptCheckpointError, found, read_file, read_manifest
from gankit.core.errors import UserError
from gankit.core.files import read_regular
from gankit.kinds.callbacks import Row
from gankit.runs.rows import METRICS, read_rows, rows_in


class CheckedRows(NamedTuple):
    """The rows of a run that can be relied on."""

    rows: list[Row]
    restored: str | None = None
    """Why they are the newest checkpoint's and not those of metrics.jsonl; None if they are these."""


class _Sealed(NamedTuple):
    """What a checkpoint holds of metrics.jsonl."""

    checkpoint: Path
    content: bytes
    is_interrupted: bool
    """Whether an interruption left it, so that a run that goes back may pass it by."""


def checked_rows(run: Path) -> CheckedRows:
    """The rows of a run's metrics.jsonl if it begins as the newest checkpoint that is whole says, else that beginning.

    It is that beginning too if what follows it is no rows, or some whose images or stages go back.

    Raises:
        UserError: if no checkpoint holds any, and a line of metrics.jsonl is not a row.
        OSError: if no checkpoint holds any, and metrics.jsonl cannot be read.
    """
    sealed = _sealed(run)  # read first, as metrics.jsonl may grow meanwhile
    if not sealed:
        return CheckedRows(read_rows(run / METRICS))
    newest, file = sealed[-1], run / METRICS
    try:
        content = read_regular(file)
        if content.startswith(newest.content) or _went_back(content, sealed):
            beginning = newest.content if content.startswith(newest.content) else sealed[0].content
            return CheckedRows(_going_on(rows_in(content, file), file, beginning.count(b"\n")))
        why = f"{file}{_difference(content, newest.content)}"
    except OSError as failure:
        why = f"{file} cannot be read: {failure.strerror}"
    except UserError as failure:
        why = str(failure)
    restored = f"{why}; its rows are taken from checkpoint {newest.checkpoint.name}, which is whole"
    return CheckedRows(rows_in(newest.content, newest.checkpoint / METRICS), restored)


def _going_on(rows: list[Row], file: Path, sealed: int) -> list[Row]:
    """Rows of which each is of as many images and as high a stage as those before, losses and metrics apart.

    A background evaluation is recorded after losses of later images, and events stay when a run goes back. The first
    `sealed` rows are as they were recorded, some of them perhaps measured late on earlier checkpoints.

    Raises:
        UserError: if they are no such rows.
    """
    last = {True: (0, 0), False: (0, 0)}
    for number, row in enumerate(rows, start=1):
        images, stage = last[row.protocol is None]
        if row.note is not None:
            continue
        if number > sealed and (row.images < images or row.stage < stage):
            raise UserError(f"{file}:{number}: {row.name} at {row.images:,} images stands after one at {images:,}")
        last[row.protocol is None] = max(row.images, images), max(row.stage, stage)
    return rows


def _sealed(run: Path) -> list[_Sealed]:
    """What checkpoints hold, oldest first: of the newest that is whole, and of those before if that was interrupted."""
    those: list[_Sealed] = []
    for path in reversed(found(run / "checkpoints")):
        try:
            manifest = read_manifest(path)
            content = read_file(path, manifest, METRICS)
        except CorruptCheckpointError:
            continue
        those.insert(0, _Sealed(path, content, bool(manifest.get("interrupted"))))
        if not those[0].is_interrupted:
            break
    return those


def _went_back(content: bytes, sealed: list[_Sealed]) -> bool:
    """Whether the run has been rolled back to a checkpoint before those that interruptions left."""
    before = sealed[0].content
    events = content[len(before) :].split(b"\n")
    return len(sealed) > 1 and content.startswith(before) and any(b'"name": "rolled-back"' in line for line in events)


def _difference(content: bytes, sealed: bytes) -> str:
    """Where metrics.jsonl is not what was sealed."""
    there, expected = content.split(b"\n"), sealed.split(b"\n")
    line = next((i for i, (one, other) in enumerate(zip(there, expected, strict=False)) if one != other), len(there))
    if sealed.startswith(content):
        return f" ends in line {line + 1}, and the run had recorded {len(expected) - 1}"
    return f":{line + 1} is not what the run had recorded"
