"""What was told to a tracker of a run, so that nothing is told twice when the run goes on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from gankit.core.failures import warn
from gankit.core.files import parse_json, read_regular, set_aside, write_at_once
from gankit.kinds.callbacks import Picture, Row

LOSS = "loss "
"""How what follows from training alone begins: in a run that goes on with the same bits it comes again, in order."""


class Shown(NamedTuple):
    """The tracker's run that shows a run."""

    project: str
    id: str
    """What the tracker knows it by."""
    entity: str
    """Whose project it is, where the tracker has users; else empty."""
    folder: str
    """The folder of the run that it shows, as it was called then."""


class Point(NamedTuple):
    """One thing that a tracker is told."""

    images: int
    """Where it stands: the step."""
    what: str
    """Of which kind it is, and its chart, the words of an event or the name of a picture: no two of one step are alike.
    """
    content: str
    """The number, or a hash of the picture."""

    @property
    def key(self) -> tuple[int, str]:
        """What is told once."""
        return self.images, self.what


def point_of(row: Row, chart: str) -> Point:
    """What a number is in a ledger."""
    kind = "metric " if row.protocol is not None else LOSS if row.note is None else f"event {row.note}: "
    return Point(row.images, f"{kind}{chart}", repr(row.value))


def point_of_picture(picture: Picture) -> Point:
    """What a picture is in a ledger.

    Raises:
        OSError: if its file cannot be read.
    """
    content = hashlib.sha256(read_regular(picture.path)).hexdigest()[:16]
    return Point(picture.progress.images, f"picture {picture.name}", content)


class Ledger:
    """A file of a run's folder: in its first line the tracker's run, in all others what that was told, one by one."""

    def __init__(self, folder: Path, module: str) -> None:
        """Read it, if it is there; one that cannot be read is said and kept under another name, and a new one begun."""
        self._folder, self._module = folder, module
        self.path = folder / f"tracked-{module}.jsonl"
        self.shown: Shown | None = None
        self.told: dict[tuple[int, str], str] = {}
        self._awaited: set[tuple[int, str]] = set()
        try:
            first, *lines = _whole_lines(self.path)
            self.shown = Shown(**first)
            for line in lines:
                self._enter(Point(*line))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as problem:
            kept = set_aside(self.path)
            where = f"; it is kept as {kept.name}" if kept else ""
            warn(f"{module}: cannot read {self.path}, so this run may be shown twice: {problem}{where}")
            self.shown, self.told = None, {}

    @property
    def is_anothers(self) -> bool:
        """Whether the tracker's run shows the run that this folder was copied from, and that is still there."""
        if self.shown is None or not (other := Path(self.shown.folder)).exists() or other.samefile(self._folder):
            return False
        return Ledger(other, self._module).shown == self.shown if (other / self.path.name).exists() else False

    def begin(self, shown: Shown) -> None:
        """Begin anew, for another of the tracker's runs."""
        write_at_once(self.path, (json.dumps(shown._asdict()) + "\n").encode())
        self.shown, self.told, self._awaited = shown, {}, set()

    def add(self, points: list[Point]) -> None:
        """Note what was told."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(point) + "\n" for point in points))
        for point in points:
            self._enter(point)

    def is_new(self, point: Point) -> bool:
        """Whether this was not told yet."""
        return point.key not in self.told

    def expect(self, standing: list[Point]) -> None:
        """Wait for what was told and does not stand: if the run goes on with the same bits, it comes again."""
        self._awaited = {key for key in self.told if key[1].startswith(LOSS)} - {point.key for point in standing}

    def contradicts(self, points: list[Point]) -> bool:
        """Whether these say that something else was told than stands: it cannot be taken back."""
        self._awaited -= {point.key for point in points}
        reached = max((point.images for point in points if point.what.startswith(LOSS)), default=0)
        skipped = any(images < reached for images, _ in self._awaited)
        return skipped or any(self.told.get(point.key, point.content) != point.content for point in points)

    def _enter(self, point: Point) -> None:
        self.told[point.key] = point.content


def _whole_lines(path: Path) -> list[Any]:
    """What the lines of a file say; a last one that is half written is cut off, for more is to be written there."""
    content = read_regular(path)
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        write_at_once(path, whole)
    return [parse_json(line) for line in whole.splitlines()]
