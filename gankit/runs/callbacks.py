"""What observers see of a run and may ask of it, and how it calls them, whatever they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from gankit.checkpoints.store import plain
from gankit.core.failures import FailureCounter
from gankit.core.progress import Progress
from gankit.core.registry import registries
from gankit.data.images import as_pixels
from gankit.data.pictures import save_png
from gankit.kinds import Observer
from gankit.kinds.callbacks import Callback, Picture, Row, RunContext
from gankit.runs.components import RunComponents
from gankit.runs.folder import RunFolder
from gankit.runs.moments import MOMENT, moment_as_text, root_of
from gankit.runs.rows import METRICS, read_rows


class CallbackList(Callback):
    """Tells every observer of a run; what one raises is reported once, counted, and does not stop the run."""

    def __init__(
        self, observers: Sequence[Observer], run: RunContext, other: Callable[[RunContext], Callback] | None = None
    ) -> None:
        """Begin to tell observers of a run, and the callback that `other` makes, which keeps no state."""
        self._callbacks: dict[str, tuple[Callback, FailureCounter]] = {}
        self._other = None if other is None else (other(run), FailureCounter("the callback"))
        seen = Counter[str]()
        for position, observer in enumerate(observers):
            if not observer.enabled:
                continue
            name = registries[observer.kind].entry_of(type(observer)).full_name
            seen[name] += 1
            label = name if seen[name] == 1 else f"{name} ({seen[name]})"
            beginning = FailureCounter(f"observer {label}", f"the run goes on (observers.{position})")
            callback = beginning.attempt(lambda observer=observer: observer.callback(run), "to begin, and is left out")
            if callback is not None:
                counter = FailureCounter(f"observer {label}", f"the run goes on (observers.{position})")
                self._callbacks[label] = callback, counter

    @property
    def _all(self) -> list[tuple[Callback, FailureCounter]]:
        """All that are told."""
        return [*self._callbacks.values(), *([] if self._other is None else [self._other])]

    @property
    def by_label(self) -> Mapping[str, Callback]:
        """The callbacks by what their observers are called."""
        return {label: callback for label, (callback, _) in self._callbacks.items()}

    def on_stage_start(self, progress: Progress) -> None:
        """Tell all that a stage begins."""
        self._tell("on_stage_start", progress)

    def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
        """Tell all that the networks were updated."""
        self._tell("on_update", progress, scalars)

    def on_evaluation_start(self, progress: Progress) -> None:
        """Tell all that an evaluation begins."""
        self._tell("on_evaluation_start", progress)

    def on_rows(self, rows: list[Row]) -> None:
        """Tell all what was written to metrics.jsonl."""
        self._tell("on_rows", rows)

    def on_picture(self, picture: Picture) -> None:
        """Tell all that a picture was saved."""
        self._tell("on_picture", picture)

    def on_stage_end(self, progress: Progress) -> None:
        """Tell all that a stage has been trained and evaluated."""
        self._tell("on_stage_end", progress)

    def on_save(self, progress: Progress) -> None:
        """Tell all that a checkpoint is about to be written."""
        self._tell("on_save", progress)

    def on_rollback(self, progress: Progress) -> None:
        """Tell all that the run went back."""
        self._tell("on_rollback", progress)

    def on_finish(self) -> None:
        """Tell all that the run is complete."""
        self._tell("on_finish")

    def on_close(self) -> None:
        """Tell all that the run is over, then say how often each observer failed."""
        self._tell("on_close")
        for _, counter in self._all:
            counter.sum_up()

    def state_dict(self) -> dict[str, Any]:
        """The state of every callback that has one, by the observer's name, as checkpoints hold it."""
        states = {
            name: counter.attempt(lambda callback=callback: plain(callback.state_dict()), "to give its state")
            for name, (callback, counter) in self._callbacks.items()
        }
        return {name: state for name, state in states.items() if state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give every callback its state back; one that had none, or was not there, begins afresh."""
        for name, (callback, counter) in self._callbacks.items():
            if name in state:
                counter.attempt(lambda c=callback, s=state[name]: c.load_state_dict(s), "to take its state back")

    def _tell(self, method: str, *facts: object) -> None:
        for callback, counter in self._all:
            counter.attempt(lambda callback=callback: getattr(callback, method)(*facts), f"in {method!r}")


class Request(NamedTuple):
    """What an observer asked the run to do."""

    reason: str
    rate: float | None
    """Factor on the learning rates after rolling back; None: stop."""


class LoopContext:
    """A run as gankit.kinds.callbacks.RunContext describes it; whoever trains it makes callbacks, heeds requests."""

    _callbacks: CallbackList

    def __init__(self, parts: RunComponents, folder: RunFolder) -> None:
        self.experiment = parts.experiment
        self._parts, self._trainer, self._record = parts, parts.trainer, folder
        self._pictures: list[Picture] = []
        self._request: Request | None = None

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self._record.path

    @property
    def runs_root(self) -> Path:
        """The folder that holds the run's folder, or that of the study: STUDY/VARIANT/seed-N."""
        return root_of(self.folder, self.experiment)

    @property
    def progress(self) -> Progress:
        """Where the run stands now."""
        return self._trainer.progress

    @property
    def rows(self) -> list[Row]:
        """All that stands in metrics.jsonl."""
        return read_rows(self.folder / METRICS)

    @property
    def pictures(self) -> list[Picture]:
        """All pictures so far."""
        return list(self._pictures)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """`generator` and `discriminator` in training."""
        return {str(name): network for name, network in self._trainer.networks.items()}

    @property
    def attempt(self) -> int:
        """How often the run was rolled back."""
        return self._trainer.attempt

    @property
    def class_names(self) -> Sequence[str]:
        """What the classes are called, in the order of their numbers; empty without."""
        return self._parts.reals.class_names

    def sample(self, count: int, seed: int, labels: Sequence[int] = ()) -> np.ndarray:
        """`count` images of the averaged generator, uint8 [count, H, W, channels]; leaves no trace on training."""
        return as_pixels(self._trainer.sample(0, count, seed, labels))

    def reals(self, count: int, seed: int) -> np.ndarray:
        """`count` reals drawn with `seed`, or all if there are fewer, at the resolution in force."""
        reals = self._parts.reals
        return reals.at(self._trainer.grown.resolution)[reals.drawn(count, seed)].transpose(0, 2, 3, 1)

    def show(self, name: str, image: np.ndarray, caption: str = "") -> None:
        """Save a picture, uint8 [H, W, channels], under samples/ and pass it on to every observer."""
        path = self._record.samples / f"{name}.png"
        save_png(path, image, caption, {MOMENT: moment_as_text(self.progress)})
        picture = Picture(name, path, self.progress)
        self._pictures = [*(other for other in self._pictures if other.name != name), picture]
        self._callbacks.on_picture(picture)

    def log_event(self, name: str, value: float, note: str) -> None:
        """Record an event."""
        at = self.progress
        self._write([Row(at.images, at.stage, at.resolution, name, value, note=note)])

    def stop(self, reason: str) -> None:
        """End the run after the present moment."""
        self._request = Request(reason, rate=None)

    def roll_back(self, reason: str, rate: float = 1.0) -> None:
        """Go on from the last checkpoint after the present moment."""
        self._request = self._request or Request(reason, rate)

    def _write(self, rows: list[Row]) -> None:
        """Record rows and tell the observers."""
        if rows:
            self._record.record(rows)
            self._callbacks.on_rows(rows)
