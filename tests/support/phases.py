"""A plugin of one file: an observer that keeps saying what its run is doing, in the file that $PHASE names."""

from __future__ import annotations

import os
from typing import Any

from gankit import Callback, Observer, hookimpl


class Phases(Observer):
    """Says what the run is doing."""

    def callback(self, run: Any) -> Callback:
        """Begin."""
        return Speaker()


class Speaker(Callback):
    """Overwrites the file at once, so that whoever kills the process can read what it was doing."""

    def __init__(self) -> None:
        self._file = os.open(os.environ["PHASE"], os.O_WRONLY | os.O_CREAT)

    def _say(self, phase: str) -> None:
        os.pwrite(self._file, phase.ljust(10).encode(), 0)

    def on_update(self, progress: Any, scalars: Any) -> None:
        """A round is over; the next is of the same kind."""
        self._say("fading" if progress.alpha < 1 else "stable")

    def on_evaluation_start(self, progress: Any) -> None:
        """An evaluation begins."""
        self._say("evaluating")

    def on_stage_end(self, progress: Any) -> None:
        """Pictures are made."""
        self._say("ending")

    def on_save(self, progress: Any) -> None:
        """A checkpoint begins."""
        self._say("saving")


@hookimpl
def gankit_register(register: Any) -> None:
    """Register the observer."""
    register("phases", Phases)
