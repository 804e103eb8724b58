"""What stands around a run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import Field

from gankit.core.component import Component

if TYPE_CHECKING:
    from gankit.kinds.callbacks import Callback, RunContext


class Observer(Component):
    """Watches a run: tracking, pictures, progress. What it raises never stops the run."""

    kind: ClassVar[str] = "observer"
    looked_at_by: ClassVar[str | None] = None
    """The command that shows what it records of the runs in a folder, which is named to it; None: there is none."""
    tracks: ClassVar[bool] = False
    """True if its callback shows elsewhere what a run has recorded, as soon as it is made and until `on_close`, which
    raises what went wrong. It asks the run for `experiment`, `folder`, `runs_root`, `progress`, `rows` and `pictures`
    alone, so that `gankit track` can show runs by it that are over."""

    enabled: bool = Field(default=True, examples=[True])
    """false switches it off: progress and guard, which watch every run, are switched off by this alone."""

    @abstractmethod
    def callback(self, run: RunContext) -> Callback:
        """What is called as `run` goes on, by the methods named after what happens."""


class Job(NamedTuple):
    """One run of a study, to be carried out by a process of its own."""

    name: str
    """The run's name within its study, such as loss=a/seed-0."""
    command: Sequence[str]
    """What to execute in the current folder: it begins the run or goes on with it; on SIGTERM it saves and leaves."""
    log: Path
    """The file that what it prints is to be appended to."""
    among: int = 1
    """Runs that were asked for with it, finished ones too: a share of the machine that decides bits, as the number of
    threads does, is one of so many, whatever is left to do."""


class Launcher(Component):
    """Where the runs of a study are carried out: in turn, side by side, on a cluster."""

    kind: ClassVar[str] = "launcher"

    @abstractmethod
    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        """Carry out all jobs; yields each as it ends, with its exit status (negative: the signal that killed it).

        When the generator is closed early, jobs under way are sent SIGTERM, their ends are waited for, and no other
        begins.
        """
