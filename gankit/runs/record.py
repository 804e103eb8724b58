"""The run folder: the record of a run, which everything else is a view of."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from gankit.errors import UserError

if TYPE_CHECKING:
    from gankit.config import Experiment
    from gankit.observing import Row

EXPERIMENT = "experiment.yaml"
METRICS = "metrics.jsonl"


class RunFolder:
    """A folder that holds one run.

    experiment.yaml is written last, so that a folder is a run exactly if it holds one:

        experiment.yaml   the experiment with full component names and every default
        provenance.json   versions, git commit, plugins with their sources' hashes, hardware, command line
        metrics.jsonl     losses and metrics; the same for the same experiment, so nothing in it depends on the clock
        times.jsonl       when things happened, how fast, in how much memory
        samples/          pictures
        checkpoints/      weights
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.samples = path / "samples"
        self.checkpoints = path / "checkpoints"

    @classmethod
    def create(cls, path: Path, experiment: Experiment, source: Path | None = None) -> Self:
        """Make `path` the folder of a new run.

        Args:
            path: A folder that is new or empty.
            experiment: The experiment to be run.
            source: The experiment's file, whose folder's git commit is noted; default: the current folder.

        Raises:
            UserError: if `path` is not a new or empty folder, or cannot be written to.
        """
        from gankit.reading.loading import dump_experiment
        from gankit.runs.provenance import provenance

        folder = cls(path.absolute())
        resolved = dump_experiment(experiment)
        origin = json.dumps(provenance(experiment, source.absolute().parent if source else Path.cwd()), indent=2)
        try:
            claim(path)
            folder.checkpoints.mkdir()
            (folder.path / "provenance.json").write_text(origin + "\n", encoding="utf-8")
            (folder.path / METRICS).touch()
            _write_at_once(folder.path / EXPERIMENT, resolved)
        except OSError as failure:
            raise UserError(f"cannot write the run to {path}: {failure}; choose another folder with --out") from failure
        return folder

    def record(self, rows: Sequence[Row]) -> None:
        """Append rows to metrics.jsonl, one JSON object a line.

        Keys stand in the order of `Row`; `protocol` is left out where there is none. Numbers are written in full;
        those that JSON lacks as the strings "nan", "inf" and "-inf", which Python's `float` reads back.
        """
        self._append(METRICS, [row_as_json(row) for row in rows])

    def time(self, event: str, **numbers: float) -> None:
        """Append an event to times.jsonl: wall-clock time (UTC), its name, `numbers`, peak memory in bytes."""
        from gankit.runs.provenance import peak_memory

        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        measured = {name: as_json(number) for name, number in numbers.items()}
        self._append("times.jsonl", [{"time": moment, "event": event, **measured, "peak_memory": peak_memory()}])

    def _append(self, name: str, objects: Sequence[Mapping[str, Any]]) -> None:
        """Append one line for each object in one go, so that readers of a live run see whole lines."""
        lines = "".join(json.dumps(entry, allow_nan=False) + "\n" for entry in objects)
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(lines)


def refuse_used(path: Path) -> None:
    """Say early that a run cannot be made in `path`.

    Raises:
        UserError: if `path` is a folder with anything in it, or no folder.
    """
    if path.is_dir():
        held = sorted(entry.name for entry in path.iterdir())
        what = "already holds a run" if EXPERIMENT in held else f"is not empty: it holds {held[0]}" if held else ""
    else:
        what = "is not a folder" if path.exists() else ""
    if what:
        raise UserError(f"{path} {what}; choose a new or empty folder with --out")


def claim(path: Path) -> None:
    """Take a folder for a run; of several processes that try, exactly one makes samples/ and has it.

    Raises:
        UserError: if `path` is in use.
        OSError: if it cannot be made.
    """
    refuse_used(path)
    path.mkdir(parents=True, exist_ok=True)
    try:
        (path / "samples").mkdir()
    except FileExistsError:
        raise UserError(f"another run has just begun in {path}; choose another folder with --out") from None


def row_as_json(row: Row) -> dict[str, Any]:
    """A row in the form of a line of metrics.jsonl."""
    fields: dict[str, Any] = {**row._asdict(), "value": as_json(row.value)}
    if row.protocol is None:
        del fields["protocol"]
    return fields


def as_json(number: float) -> float | str:
    """A number as JSON can hold it."""
    if isinstance(number, int):
        return number
    number = float(number)  # numpy's and torch's scalars are none of json's types
    return number if math.isfinite(number) else str(number)


def _write_at_once(path: Path, text: str) -> None:
    """Write a file that is either complete or not there."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
