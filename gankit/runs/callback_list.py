"""How a run tells its observers, whatever they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gankit.checkpoints.store import plain
from gankit.core.failures import FailureCounter
from gankit.core.progress import Progress
from gankit.core.registry import registries
from gankit.kinds.callbacks import Callback, Picture, Row, RunContext

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.kinds import Observer


class CallbackList(Callback):
    """Tells every observer of a run; what one raises is reported once, counted, and does not stop the run."""

    def __init__(self, observers: Sequence[Observer], run: RunContext) -> None:
        self._watched: dict[str, tuple[Callback, FailureCounter]] = {}
        seen = Counter[str]()
        for position, observer in enumerate(observers):
            name = registries[observer.kind].entry_of(type(observer)).full_name
            seen[name] += 1
            label = name if seen[name] == 1 else f"{name} ({seen[name]})"
            beginning = FailureCounter(f"observer {label}", f"the run goes on (observers.{position})")
            watcher = beginning.attempt(lambda observer=observer: observer.watch(run), "to begin, and is left out")
            if watcher is not None:
                self._watched[label] = (
                    watcher,
                    FailureCounter(f"observer {label}", f"the run goes on (observers.{position})"),
                )

    def stage_started(self, progress: Progress) -> None:
        """Tell all that a resolution begins."""
        self._tell("stage_started", progress)

    def updated(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
        """Tell all that the networks were updated."""
        self._tell("updated", progress, scalars)

    def evaluating(self, progress: Progress) -> None:
        """Tell all that an evaluation begins."""
        self._tell("evaluating", progress)

    def recorded(self, rows: list[Row]) -> None:
        """Tell all what was written to metrics.jsonl."""
        self._tell("recorded", rows)

    def shown(self, picture: Picture) -> None:
        """Tell all that a picture was saved."""
        self._tell("shown", picture)

    def stage_ended(self, progress: Progress) -> None:
        """Tell all that a resolution has been trained and evaluated."""
        self._tell("stage_ended", progress)

    def saving(self, progress: Progress) -> None:
        """Tell all that a checkpoint is about to be written."""
        self._tell("saving", progress)

    def restored(self, progress: Progress) -> None:
        """Tell all that the run went back."""
        self._tell("restored", progress)

    def finished(self) -> None:
        """Tell all that the run is complete."""
        self._tell("finished")

    def closed(self) -> None:
        """Tell all that the run is over, then say how often each observer failed."""
        self._tell("closed")
        for _, counter in self._watched.values():
            counter.sum_up()

    def state_dict(self) -> dict[str, Any]:
        """The state of every watcher that has one, by the observer's name, as checkpoints hold it."""
        states = {
            name: counter.attempt(lambda watcher=watcher: plain(watcher.state_dict()), "to give its state")
            for name, (watcher, counter) in self._watched.items()
        }
        return {name: state for name, state in states.items() if state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give every watcher its state back; one that had none, or was not there, begins afresh."""
        for name, (watcher, counter) in self._watched.items():
            if name in state:
                counter.attempt(lambda w=watcher, s=state[name]: w.load_state_dict(s), "to take its state back")

    def _tell(self, moment: str, *facts: object) -> None:
        for watcher, counter in list(self._watched.values()):
            counter.attempt(lambda watcher=watcher: getattr(watcher, moment)(*facts), f"in {moment!r}")
