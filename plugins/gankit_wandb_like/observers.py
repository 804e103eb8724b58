"""The observer that tracks a run by a module that is spoken to as W&B is."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from gankit import Callback, Observer, UserError
from gankit.core.worker import Worker
from gankit.kinds.callbacks import RunContext

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment

HOW = {"trackio": "pip install 'gankit[trackio]'"}
"""How to get a module, if not by its own name."""


class WandbLike(Observer):
    """Tracks a run by W&B, trackio, SwanLab or another module that is spoken to as W&B is.

    Losses are one chart each, metrics and pictures one for each stage; their step is the number of images shown. All
    options stand in the run's config under `hparams`, how metrics were measured under `protocol`.
    """

    tracks: ClassVar[bool] = True

    module: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$", examples=["trackio"])]
    """The module: trackio, wandb, swanlab, or any that has `init(project=, name=, config=)`, `log(values, step=)`,
    `finish()` and `Image(path, caption=)`."""
    project: str | None = Field(default=None, min_length=1)
    """The project under which runs are filed; null: the experiment's name."""
    init: dict[str, Any] = {}
    """What else its `init` is told, such as {mode: offline} of wandb or {space_id: USER/NAME} of trackio. It stands in
    the run's record: passwords and keys belong where the module itself looks for them."""
    patience: float = Field(default=60.0, gt=0)
    """Seconds without an answer after which the module is given up; at its end a run waits so long for what is left."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A module tracks a run once, and is told what is the run's own by no option."""
        others = [
            one
            for one in experiment.observers
            if isinstance(one, WandbLike) and one.module == self.module and one.enabled
        ]
        if others and others[0] is not self:
            yield f"module: {self.module} tracks this run already"
        for name in sorted({"project", "name", "config", "id", "resume"} & set(self.init)):
            yield f"init: {name} is the observer's own to tell" + (", by `project`" if name == "project" else "")

    def callback(self, run: RunContext) -> Callback:
        """Begin to track `run`; what the module cannot do, the next call raises.

        Raises:
            UserError: if the module is not installed; the run goes on without it.
        """
        package = self.module.partition(".")[0]
        if find_spec(package) is None:
            raise UserError(f"{package} is not installed: {HOW.get(package, f'pip install {package}')}")
        from gankit.results.tracking import Tracker

        project, options = self.project or run.experiment.name, run.experiment.model_dump(mode="json")
        made_of = (run.folder, options, self.module, project, self.init)
        made_by = "gankit_wandb_like.mirror:Mirror"
        return Tracker(run, Worker(made_by, *made_of, called=self.module, patience=self.patience))


class Wandb(WandbLike):
    """Tracks a run by W&B."""

    module: Literal["wandb"] = "wandb"  # pyright: ignore[reportIncompatibleVariableOverride]
    """The module."""


class Trackio(WandbLike):
    """Tracks a run by trackio, in its local database or a Space."""

    module: Literal["trackio"] = "trackio"  # pyright: ignore[reportIncompatibleVariableOverride]
    """The module."""


class SwanLab(WandbLike):
    """Tracks a run by SwanLab."""

    module: Literal["swanlab"] = "swanlab"  # pyright: ignore[reportIncompatibleVariableOverride]
    """The module."""
