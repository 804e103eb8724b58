"""Shows how a study gets on: a live table on a terminal, elsewhere a line for each run that ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

from gankit.config.study import Study, StudyRun, extent
from gankit.config.study_plan import short_names
from gankit.config.yaml.writer import inline
from gankit.core.errors import UserError
from gankit.results.protocols import usual_metric
from gankit.results.run_results import RunResults, read_run
from gankit.results.tables import ABSENT, Column, Section, as_shown, print_section, significant, text_columns
from gankit.runs.folder import is_run
from gankit.runs.status import RunState, state_of


class StudyProgress:
    """The progress of a study, read from the folders of its runs, so that it does not matter where they are run."""

    LOOKS = 0.5
    """At the folders a second."""

    def __init__(self, runs: Sequence[StudyRun], folder: Path, console: Console | None = None) -> None:
        self._extent = extent(runs)
        self._totals = {run.name: run.images for run in runs}
        self._folder = folder
        self._console = console or Console(stderr=True)
        self._finished: set[str] = set()
        self._failed: dict[str, str] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        states = self._states()
        self._finished = {name for name, state in states.items() if state is RunState.FINISHED}
        finished = len(self._finished)
        already = f", {finished} of them finished already" if finished else ""
        self._say(f"{self._extent}{already}, in {self._folder}")
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._table, console=self._console, refresh_per_second=self.LOOKS, transient=True
            )
            self._live.start()
        elif finished < len(states):
            self._say(f"watch them with: gankit runs {quote(str(self._folder))}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def ended(self, name: str, failure: str | None) -> None:
        """Say that the run of that name within the study has ended, and why if it failed."""
        if failure is None:
            self._finished.add(name)
        else:
            self._failed[name] = failure
        state, said = ("failed", failure) if failure else ("finished", _last_metric(_read(self._folder / name)))
        done = len(self._finished)  # of which was told: others may have finished just now, and be told of next
        self._say(f"{name} {state}{f': {said}' if said else ''} ({done} of {len(self._totals)} finished)")

    def interrupted(self) -> None:
        """Say that the study is being left."""
        self._say("leaving as soon as the runs under way are saved; the same command goes on with them")

    def _say(self, line: str) -> None:
        self._console.print(as_shown(line), soft_wrap=True)

    def _states(self) -> dict[str, RunState | None]:
        """What has become of each run; None: not begun."""
        folders = {name: self._folder / name for name in self._totals}
        return {name: state_of(path) if is_run(path) else None for name, path in folders.items()}

    def _table(self) -> RenderableType:
        """The runs under way, and how many are done."""
        states = {name: state for name, state in self._states().items() if name not in self._failed}
        counts = [list(states.values()).count(state) for state in (RunState.FINISHED, RunState.RUNNING)]
        rest = len(states) - sum(counts)
        title = f"{counts[0]} finished, {counts[1]} running, {len(self._failed)} failed, {rest} to come"
        table = Table(box=None, show_header=False)
        for name, state in states.items():
            if state is RunState.RUNNING and (run := _read(self._folder / name)) is not None:
                share = run.cost.images / self._totals[name]
                images = f"{run.cost.images:,} of {self._totals[name]:,} images"
                table.add_row(as_shown(name), f"{share:4.0%}", images, as_shown(_last_metric(run)))
        return Group(title, table) if table.rows else title


def _read(path: Path) -> RunResults | None:
    """What a run has to show; None while that cannot be read."""
    try:
        return read_run(path)
    except (UserError, OSError):
        return None


def _last_metric(run: RunResults | None) -> str:
    """The last value of the usual metric, in words; empty if there is none."""
    if run is None or (metric := usual_metric([run])) is None or (row := run.last_value(metric)) is None:
        return ""
    return f"{row.name} {significant(row.value)} at {run.label_at(row)}"


def print_runs(study: Study, runs: Sequence[StudyRun], folder: Path) -> None:
    """Print a line for each of some runs of a study with what it changes, and what they come to in its folder."""
    console = Console()
    options = list(dict.fromkeys(option for run in runs for option in run.variant.changes))
    names = short_names(options)
    columns = [*text_columns("run", *(names[option] for option in options)), Column("images")]
    rows = [[run.name, *(_cell(run.variant.changes, option) for option in options), f"{run.images:,}"] for run in runs]
    print_section(Section("Runs", columns, rows, is_framed=True), console)
    console.print(as_shown(f"{study.name}: {extent(runs)}, in {folder}"), soft_wrap=True)


def _cell(changes: dict[str, Any], option: str) -> str:
    return inline(changes[option]) if option in changes else ABSENT
