"""What stands around a run."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gankit.component import Component

if TYPE_CHECKING:
    from gankit.observing import Run, Watcher


class Observer(Component):
    """Watches a run: tracking, pictures, progress. What it raises never stops the run."""

    kind: ClassVar[str] = "observer"

    @abstractmethod
    def watch(self, run: Run) -> Watcher:
        """Begin to watch `run`; the watcher's methods are called at the moments they are named after."""


class Launcher(Component):
    """Where the runs of a study are carried out: in turn, side by side, on a cluster."""

    kind: ClassVar[str] = "launcher"

    @abstractmethod
    def launch(self, commands: Sequence[Sequence[str]], folder: Path) -> Iterable[int]:
        """Carry out each command, one a run, in `folder`; yields each exit status in the order of `commands`."""
