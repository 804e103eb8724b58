"""Observers that write files of their own into the run's folder and break no rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from gankit import Callback, Component, Observer, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.core.progress import Progress
    from gankit.kinds.callbacks import RunContext


class Lines(Observer):
    """Appends a line for each update, and cuts off those that are made again."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""

        class Table(Callback):
            def __init__(self) -> None:
                self.path, self.written = run.folder / "lines.csv", 0

            def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
                lines = self.path.read_bytes()[: self.written] if self.written else b""
                self.path.write_bytes(lines + f"{progress.images}\n".encode())
                self.written = self.path.stat().st_size

            def state_dict(self) -> dict[str, Any]:
                return {"written": self.written}

            def load_state_dict(self, state: dict[str, Any]) -> None:
                self.written = state["written"]

        return Table()


class Clock(Observer):
    """Notes when the run was taken up, each time, and how long an update takes."""

    def callback(self, run: RunContext) -> Callback:
        """Begin."""
        import time

        class Times(Callback):
            def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
                with (run.folder / "clock.txt").open("a") as file:
                    print(progress.images, time.perf_counter(), file=file)

            def on_close(self) -> None:
                (run.folder / f"session-{time.perf_counter_ns()}").touch()

        return Times()


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register both."""
    register("lines", Lines)
    register("clock", Clock)
