"""Shows a run by a module that is spoken to as W&B is, however often the run was resumed or rolled back."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from gankit import UserError
from gankit.core.failures import in_short, warn
from gankit.kinds.callbacks import Picture, Row
from gankit.results.protocols import common_protocol
from gankit.results.tracking import caption_under, chart_of, chart_of_picture, params_of, stage_names, title_of
from gankit_wandb_like.ledger import Ledger, Point, Shown, point_of, point_of_picture

EVENTS = "events"
"""The chart of what happened, in words."""
IN_ORDER = frozenset({"wandb"})
"""Modules that drop steps before one that they know, as of numbers that are measured beside training: they count steps
themselves, and have the images shown as a chart of its own which the others are drawn by."""
IMAGES = "images"
"""The chart by which trackers that count steps themselves draw the others."""

Values = dict[str, Any]
"""What is told at one step, by chart."""


class Mirror:
    """Shows one run.

    Modules of this kind cannot take back what they were told. A run that goes on from an earlier point with the same
    bits says again what they know, which they are not told again; so it goes on under its id. If it says anything
    else, a new run of theirs is begun under the same name and told all that stands, and only then the one before is
    removed.
    """

    def __init__(
        self,
        folder: Path,
        options: dict[str, Any],
        module: str,
        project: str,
        init: dict[str, Any],
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to show a run.

        Args:
            folder: The run's folder.
            options: Its experiment.
            module: What it is shown by.
            project: The project that it is shown in.
            init: What else the module's `init` is told.
            alive: Called again and again in what may take long.
        """
        self._folder, self._options, self._name, self._project = folder, options, module, project
        self._init, self._alive = init, alive
        self._module: Any = None
        self._handle: Any = None
        """What `init` gave."""
        self._is_open = False
        self._protocol: dict[str, Any] = {}
        self._rows: list[Row] = []
        self._pictures: list[Picture] = []

    def begin(self, rows: Sequence[Row], pictures: Iterable[Picture]) -> None:
        """Show what a run has recorded before it goes on; nothing, and nothing of what follows, if that fails.

        Raises:
            UserError: then.
        """
        try:
            self._module = import_module(self._name)
            self._ledger = Ledger(self._folder, self._name)
            self._rows, self._pictures = list(rows), list(pictures)
            shown = self._ledger.shown
            if shown is None or shown.project != self._project or self._ledger.is_anothers or not self._reopen(shown):
                self._show_anew()
            else:
                self._ledger.expect(self._points(self._rows, self._pictures))
                self._tell(self._rows, self._pictures)
        except Exception as failure:
            self._is_open = False
            raise UserError(f"nothing of the run is shown: {in_short(failure)}") from failure

    def replay(self, rows: Sequence[Row], pictures: Iterable[Picture]) -> None:
        """Show what a run has recorded that went back; all that it had recorded since comes out otherwise."""
        if self._is_open:
            self._rows, self._pictures = list(rows), list(pictures)
            standing = {point.key for point in self._points(self._rows, self._pictures)}
            if not set(self._ledger.told) <= standing:
                self._show_anew()

    def record(self, rows: list[Row]) -> None:
        """Track losses, metrics and events."""
        if self._is_open:
            self._rows += rows
            self._tell(rows, [])

    def show(self, picture: Picture) -> None:
        """Track a picture."""
        if self._is_open:
            self._pictures.append(picture)
            self._tell([], [picture])

    def close(self) -> None:
        """End the module's run."""
        self._finish()

    def _show_anew(self) -> None:
        """Begin another run of the module's, tell it all, and remove the one that showed the run before."""
        before = None if self._ledger.is_anothers else self._ledger.shown
        self._finish()
        self._open(uuid4().hex[:8], "never")
        self._ledger.begin(self._shown())
        self._say(self._rows, self._pictures)
        if before is not None:
            try:
                self._remove(before)
            except Exception as failure:
                warn(
                    f"{self._name}: cannot remove the outdated run {before.id} of {before.project}: {in_short(failure)}"
                )

    def _tell(self, rows: list[Row], pictures: list[Picture]) -> None:
        """Tell what is new of rows and pictures, unless they contradict what was told before."""
        if self._ledger.contradicts(self._points(rows, pictures)):
            self._show_anew()
        else:
            self._say(rows, pictures)

    def _say(self, rows: list[Row], pictures: list[Picture]) -> None:
        """Tell what is new of rows and pictures, step by step."""
        self._learn_protocol(rows)
        steps: dict[int, tuple[Values, list[Point]]] = defaultdict(lambda: ({}, []))
        for row in rows:
            chart = self._chart(row)
            if self._ledger.is_new(point := point_of(row, chart)):
                values, points = steps[row.images]
                values[chart] = row.value
                if row.note is not None:
                    values[EVENTS] = "\n".join(filter(None, (values.get(EVENTS), f"{row.name}: {row.note}")))
                points.append(point)
        for picture in pictures:
            self._add_picture(picture, steps)
        for step in sorted(steps):
            values, points = steps[step]
            if EVENTS in values:
                values[EVENTS] = getattr(self._module, "Text", str)(values[EVENTS])
            if self._name in IN_ORDER:
                self._module.log({**values, IMAGES: step})
            else:
                self._module.log(values, step=step)
            self._ledger.add(points)
            self._alive()

    def _add_picture(self, picture: Picture, steps: dict[int, tuple[Values, list[Point]]]) -> None:
        """Add one that is new to what is told at its step; one that cannot be read is said and left out."""
        name, path, at = picture
        try:
            point, caption = point_of_picture(picture), caption_under(name, path)
        except (OSError, ValueError):
            warn(f"{self._name}: a picture that cannot be read is not shown: {path}")
            return
        if self._ledger.is_new(point):
            values, points = steps[at.images]
            values[chart_of_picture(name, at)] = self._module.Image(str(path), caption=caption)
            points.append(point)

    def _points(self, rows: Iterable[Row], pictures: Iterable[Picture]) -> list[Point]:
        """What rows and pictures are in the ledger, pictures that cannot be read left out."""
        points = [point_of(row, self._chart(row)) for row in rows]
        for picture in pictures:
            try:
                points.append(point_of_picture(picture))
            except OSError:
                continue
        return points

    def _chart(self, row: Row) -> str:
        return chart_of(row, self._names.get(row.stage, ""))

    def _learn_protocol(self, rows: Iterable[Row]) -> None:
        """Put into the config how the first metrics were measured, as soon as there are any."""
        if self._protocol or not (protocol := common_protocol(rows)):
            return
        self._protocol = protocol
        config: Any = getattr(self._handle, "config", None)
        if hasattr(config, "update") and not isinstance(config, dict):
            config.update({"protocol": protocol})
        elif "resume" in self._known:  # it is read by `init` alone
            shown = self._shown()
            self._finish()
            if not self._reopen(shown):
                self._show_anew()

    def _reopen(self, shown: Shown) -> bool:
        """Go on with one of the module's runs; whether it is there."""
        if "resume" not in self._known:
            return False
        self._open(shown.id, "allow")
        if self._shown().id == shown.id:
            return True
        self._finish()
        return False

    def _open(self, run: str, resume: str) -> None:
        """Begin a run of the module's, or go on with it."""
        self._names = stage_names(self._folder)
        self._protocol = self._protocol or common_protocol(self._rows)
        config = params_of(self._folder, self._options)
        if self._protocol:
            config["protocol"] = self._protocol
        asked: dict[str, Any] = {"id": run, "resume": resume, "group": self._options.get("variant")}
        others = {name: value for name, value in asked.items() if name in self._known and value is not None}
        name = title_of(self._folder, self._options)
        self._handle = self._module.init(project=self._project, name=name, config=config, **others, **self._init)
        self._asked, self._is_open = run, True
        if self._name in IN_ORDER:
            self._module.define_metric("*", step_metric=IMAGES)

    @property
    def _known(self) -> Collection[str]:
        """What the module's `init` may be told by name."""
        return inspect.signature(self._module.init).parameters

    def _shown(self) -> Shown:
        """The run of the module's that is open; one whose module has no ids is known by what was asked for."""
        run, entity = (getattr(self._handle, name, None) for name in ("id", "entity"))
        return Shown(self._project, str(run or self._asked), str(entity or ""), str(self._folder))

    def _finish(self) -> None:
        """End the module's run, if one is open."""
        if self._is_open:
            self._is_open = False
            self._module.finish()

    def _remove(self, gone: Shown) -> None:
        """Remove a run of the module's, where it is one that can remove runs.

        Raises:
            Exception: if it is not there, or the module has no way.
        """
        place = "/".join(filter(None, (gone.entity, gone.project)))
        for run in self._module.Api().runs(place):
            if run.id == gone.id:
                run.delete()
                return
        raise LookupError("it is not there")
