"""What observers see of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gankit.core.progress import Progress
from gankit.core.renamed import refuse_former_members

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from gankit.config.experiment import Experiment


class Row(NamedTuple):
    """One number of a run, as it stands in metrics.jsonl."""

    images: int
    """Real images shown when it was measured."""
    stage: int
    """Number of the stage, the first is 1."""
    resolution: int
    """Height of the images in pixels."""
    name: str
    """What it is: `fid`, `loss.generator`, ..."""
    value: float
    """The number."""
    protocol: dict[str, Any] | None = None
    """How a metric was measured; None for losses and the like."""
    note: str | None = None
    """What happened, in words, if this tells of an event; None otherwise."""


class Picture(NamedTuple):
    """One picture of a run."""

    name: str
    """Its name, by which it lies in samples/."""
    path: Path
    """The file."""
    progress: Progress
    """Where the run stood."""


class RunContext(Protocol):
    """A run in progress, as observers may use it."""

    @property
    def experiment(self) -> Experiment:
        """The experiment that is run."""
        ...

    @property
    def folder(self) -> Path:
        """The run's folder."""
        ...

    @property
    def runs_root(self) -> Path:
        """The folder that holds the run's folder, or that of the study which the run belongs to."""
        ...

    @property
    def progress(self) -> Progress:
        """Where the run stands now."""
        ...

    @property
    def rows(self) -> list[Row]:
        """All that stands in metrics.jsonl; something from the start in a run that was resumed."""
        ...

    @property
    def pictures(self) -> list[Picture]:
        """All pictures so far, those from before the run was resumed included."""
        ...

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """`generator` and `discriminator` in training, with the gradients of their last updates; not to be changed."""
        ...

    @property
    def attempt(self) -> int:
        """How often the run was rolled back."""
        ...

    @property
    def class_names(self) -> Sequence[str]:
        """What the classes are called, in the order of their numbers; empty without."""
        ...

    def sample(self, count: int, seed: int, labels: Sequence[int] = ()) -> np.ndarray:
        """`count` images of the averaged generator, uint8 [count, H, W, channels]; leaves no trace on training.

        Args:
            count: How many.
            seed: Decides the latents.
            labels: Classes of the images, in turn; none: they are drawn.
        """
        ...

    def reals(self, count: int, seed: int) -> np.ndarray:
        """`count` reals drawn with `seed`, or all if there are fewer, of the form that `sample` gives."""
        ...

    def show(self, name: str, image: np.ndarray, caption: str = "") -> None:
        """Save a picture, uint8 [H, W, channels], as samples/<name>.png and pass it on to every observer.

        A caption is kept in the file, as its `Description`.
        """
        ...

    def log_event(self, name: str, value: float, note: str) -> None:
        """Record an event: a row of metrics.jsonl with what happened in words, passed on to every observer."""
        ...

    def stop(self, reason: str) -> None:
        """Ask the run to end, its last checkpoint kept, as soon as observers have been told of the present moment."""
        ...

    def roll_back(self, reason: str, rate: float = 1.0) -> None:
        """Ask the run to go on from its last checkpoint with other random draws, as soon as `stop` would end it.

        Args:
            reason: What went wrong.
            rate: Factor on all learning rates from there on.
        """
        ...


class Callback:
    """Called as a run goes on; override the methods that matter, all do nothing by default."""

    def on_stage_start(self, progress: Progress) -> None:
        """A stage begins."""

    def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
        """The discriminator and the generator were updated; called after every iteration, so keep it cheap.

        `scalars` are losses, penalties and mean scores of the iteration, still on the device.
        """

    def on_evaluation_start(self, progress: Progress) -> None:
        """An evaluation begins."""

    def on_rows(self, rows: list[Row]) -> None:
        """Losses, metrics or events were written to metrics.jsonl."""

    def on_picture(self, picture: Picture) -> None:
        """A picture was saved."""

    def on_stage_end(self, progress: Progress) -> None:
        """A stage has been trained and evaluated."""

    def on_save(self, progress: Progress) -> None:
        """A checkpoint is about to be written."""

    def on_rollback(self, progress: Progress) -> None:
        """The run stands at an earlier point again, and what it had recorded since is void."""

    def on_finish(self) -> None:
        """The run is complete."""

    def on_close(self) -> None:
        """The run is over, complete or not; release what is held."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know, kept in checkpoints: plain values and tensors by name."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave when the checkpoint was written."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        refuse_former_members(cls)
