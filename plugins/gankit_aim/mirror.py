"""What is written to an Aim run, and how."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aim  # noqa: TID253

from gankit.runs.results import common_protocol, of_reals

if TYPE_CHECKING:
    from gankit.observing import Picture, Row

EVENTS = "events"
"""The series of what happened, in words."""


class Mirror:
    """One Aim run, as far as it shows a run."""

    def __init__(self, tracked: aim.Run, folder: Path, options: dict[str, Any]) -> None:
        """Name `tracked` after the run's folder and give it the experiment's options as params."""
        self.tracked = tracked
        self._events: dict[int, list[aim.Text]] = {}
        tracked.name = folder.name
        tracked["folder"] = str(folder)
        tracked["hparams"] = options

    def replay(self, rows: Iterable[Row], pictures: Iterable[Picture], progressed: Callable[[], None]) -> list[Path]:
        """Track all of a run as it was tracked when it came to be.

        Args:
            rows: Its losses, metrics and events.
            pictures: Its pictures.
            progressed: Called again and again meanwhile.

        Returns:
            The pictures that cannot be read.
        """
        for _, together in groupby(rows, key=lambda row: row.images):
            self.record(list(together))
            progressed()
        unreadable = []
        for picture in pictures:
            try:
                self.show(picture)
            except (OSError, ValueError):  # of the file; what Aim cannot write raises others
                unreadable.append(picture.path)
            progressed()
        return unreadable

    def record(self, rows: list[Row]) -> None:
        """Track losses, metrics and events.

        Every name with every context is a column of Aim's table of runs, in the order of the alphabet. So only
        metrics have a context, the resolution, which lines up runs that came to it in different stages; and what
        measures reals, the same for every run, is called reals.<name>, which stands behind.
        """
        if protocol := common_protocol(rows):
            self.tracked["protocol"] = protocol
        for row in rows:
            context: dict[int | str, Any] = {} if row.protocol is None else {"resolution": row.resolution}
            name = f"reals.{row.name}" if of_reals(row) else row.name
            self.tracked.track(row.value, name=name, step=row.images, context=context)
            if row.note is not None:
                self._tell(row.images, f"{row.name}: {row.note}")

    def show(self, picture: Picture) -> None:
        """Track a picture in the series that its name belongs to."""
        name, path, at = picture
        image = aim.Image(str(path), caption=name, format="png")
        self.tracked.track(image, name=series(name), step=at.images, context={"resolution": at.resolution})

    def _tell(self, images: int, event: str) -> None:
        """Track an event beside those of the same step, for each step of a series holds what was tracked last."""
        events = self._events.setdefault(images, [])
        events.append(aim.Text(event))
        self.tracked.track(events, name=EVENTS, step=images)


def series(name: str) -> str:
    """The series of pictures that one called `name` belongs to: what stands between images shown and resolution."""
    return re.sub(r"^\d+-?|-?\d+x\d+$", "", name) or "samples"
