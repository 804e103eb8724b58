from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from gankit import Callback, Observer, hookimpl
from pydantic import Field

if TYPE_CHECKING:
    from gankit.core.progress import Progress
    from gankit.kinds.callbacks import RunContext


class ExampleObserver(Observer):
    """Writes all numbers of the run into example.csv in its folder, for spreadsheets, whenever a stage ends."""

    digits: int = Field(default=6, ge=1, le=17)
    """Significant digits of each number."""

    def callback(self, run: RunContext) -> Callback:
        """Begin to wait for the end of a stage."""
        return ExampleTable(run, self.digits)


class ExampleTable(Callback):
    """Writes the whole file each time, so that it is right also after the run was resumed or rolled back."""

    def __init__(self, run: RunContext, digits: int) -> None:
        self.run, self.digits = run, digits

    def on_stage_end(self, progress: Progress) -> None:
        """Write the file."""
        rows = [(row.images, row.resolution, row.name, f"{row.value:.{self.digits}g}") for row in self.run.rows]
        with (self.run.folder / "example.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("images", "resolution", "name", "value"), *rows])


@hookimpl
def gankit_register(register):
    register("example", ExampleObserver)
