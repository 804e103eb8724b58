"""What is written to an Aim run, and how."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aim  # noqa: TID253

from gankit.results.protocols import common_protocol
from gankit_aim.facts import PARAM, Facts, series_of

if TYPE_CHECKING:
    from gankit.core.progress import Stage
    from gankit.kinds.callbacks import Picture, Row
    from gankit.results.plugin_code import Code
    from gankit.results.run_results import Cost

PLUGINS = "plugins"
"""The param that names plugins with version and source."""
EVENTS = "events"
"""The series of what happened, in words."""


class Mirror:
    """One Aim run, as far as it shows a run."""

    def __init__(self, tracked: aim.Run, folder: Path, options: dict[str, Any], stages: Sequence[Stage]) -> None:
        """Name `tracked` after the run's folder and its variant, and give it the experiment's options as params.

        Those by which runs are grouped and chosen stand beside them, under names that make short titles: a run outside
        a study counts as a variant of its own.
        """
        self.tracked = tracked
        self._facts = Facts(list(stages), options)
        self._events: dict[int, list[aim.Text]] = {}
        variant: str | None = options.get("variant")
        tracked.name = folder.name if variant is None else f"{folder.parent.name}/{folder.name}"
        tracked["study"], tracked["variant"], tracked["seed"] = options["name"], variant or folder.name, options["seed"]
        tracked["stage"] = self._stage = 1
        tracked["folder"] = str(folder)
        tracked["hparams"] = options
        self._write_facts()

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
        self._facts.whole = True
        self._write_facts()
        return unreadable

    def record(self, rows: list[Row]) -> None:
        """Track losses, metrics and events.

        Every name with every context is a column of Aim's table of runs, in the order of the alphabet. So only
        metrics have a context, the resolution, which lines up runs that came to it in different stages.
        """
        if self._facts.add(rows):  # first, so that whoever reads a live run knows how what it finds was measured
            self._write_facts()
        if self._stage != (stage := max(self._facts.reached, default=1)):
            self.tracked["stage"] = self._stage = stage
        if protocol := common_protocol(rows):
            self.tracked["protocol"] = protocol
        for row in rows:
            context: dict[int | str, Any] = {} if row.protocol is None else {"resolution": row.resolution}
            self.tracked.track(row.value, name=series_of(row), step=row.images, context=context)
            if row.note is not None:
                self._tell(row.images, f"{row.name}: {row.note}")

    def show(self, picture: Picture) -> None:
        """Track a picture in the series that its name belongs to."""
        name, path, at = picture
        image = aim.Image(str(path), caption=name, format="png")
        self.tracked.track(image, name=series(name), step=at.images, context={"resolution": at.resolution})

    def note(self, cost: Cost, code: Sequence[Code]) -> None:
        """Note what the run has taken so far, and the source of the plugins that it uses."""
        facts = self._facts
        if code != facts.code:
            self.tracked[PLUGINS] = list(map(str, code))
        if (cost.seconds, cost.parameters, code) != (facts.seconds, facts.parameters, facts.code):
            facts.seconds, facts.parameters, facts.code = cost.seconds, cost.parameters, list(code)
            self._write_facts()

    def _write_facts(self) -> None:
        self.tracked[PARAM] = self._facts.as_text()

    def _tell(self, images: int, event: str) -> None:
        """Track an event beside those of the same step, for each step of a series holds what was tracked last."""
        events = self._events.setdefault(images, [])
        events.append(aim.Text(event))
        self.tracked.track(events, name=EVENTS, step=images)


def series(name: str) -> str:
    """The series of pictures that one called `name` belongs to: what stands between images shown and resolution."""
    return re.sub(r"^\d+-?|-?\d+x\d+$", "", name) or "samples"
