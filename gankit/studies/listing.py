"""Lists the runs of a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from gankit.reading.dumping import inline
from gankit.results.sections import ABSENT
from gankit.studies.naming import short_names
from gankit.studies.study import Study, StudyRun, extent


def print_runs(study: Study, runs: Sequence[StudyRun], folder: Path) -> None:
    """Print a line for each of `runs` with what it changes, and what they come to.

    Args:
        study: The study.
        runs: Some of its runs, or all.
        folder: The folder that it is run in.
    """
    console = Console()
    options = list(dict.fromkeys(option for run in runs for option in run.variant.changes))
    names = short_names(options)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column("run", no_wrap=True)
    for option in options:
        table.add_column(Text(names[option]), no_wrap=True)
    table.add_column("images", justify="right", no_wrap=True)
    for run in runs:
        cells = [Text(_cell(run.variant.changes, option)) for option in options]
        table.add_row(Text(run.name), *cells, f"{run.images:,}")
    table.width = Measurement.get(console, console.options.update(width=1000), table).maximum
    console.print(table, crop=False, no_wrap=True)
    console.print(Text(f"{study.name}: {extent(runs)}, in {folder}"), soft_wrap=True)


def _cell(changes: dict[str, Any], option: str) -> str:
    return inline(changes[option]) if option in changes else ABSENT
