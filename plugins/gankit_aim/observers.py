"""The observer that tracks a run in Aim."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import AfterValidator

from gankit import Callback, Observer, UserError
from gankit.core.options import absolute
from gankit.core.worker import Worker
from gankit.kinds.callbacks import RunContext

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment


def _absolute(repo: str) -> str:
    """A folder's absolute path, so that a saved experiment means the same from any folder; an address as it is."""
    return repo if "://" in repo else str(absolute(Path(repo)))


class Aim(Observer):
    """Tracks a run in an Aim repository, to be looked at with `aim up`.

    Losses are one series each, metrics and pictures one for each stage; their step is the number of images
    shown. All options stand in the run's params under `hparams`.
    """

    looked_at_by: ClassVar[str | None] = "gankit ui"
    tracks: ClassVar[bool] = True

    repo: Annotated[str, AfterValidator(_absolute)] | None = None
    """The folder whose .aim is the repository, or aim://HOST:PORT; null: the folder that holds the run's folder or that
    of its study."""
    experiment: str | None = None
    """The experiment under which Aim files the run; null: the experiment's name."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Under one experiment of one repository a run is shown once."""
        others = [one for one in experiment.observers if isinstance(one, Aim) and one.enabled]
        same = [one for one in others if (one.repo, one.experiment) == (self.repo, self.experiment)]
        if same and same[0] is not self:
            yield "aim tracks this run there already"

    def callback(self, run: RunContext) -> Callback:
        """Begin to track `run` in its repository, which is made if it is a folder without one.

        Aim takes a second or two to begin, for which nobody waits. If it cannot write there, the next call raises that.

        Raises:
            UserError: if Aim is not installed; the run goes on without it.
        """
        if find_spec("aim") is None:
            raise UserError(
                "aim is not installed (it has no release for Python 3.13 and later); metrics.jsonl holds the same "
                "numbers, and gankit compare shows them"
            )
        from gankit.results.tracking import Tracker

        target = self.target(run)
        targets = [other.target(run) for other in run.experiment.observers if isinstance(other, Aim) and other.enabled]
        others = [other for other in targets if other != target]
        options, is_own = run.experiment.model_dump(mode="json"), self in run.experiment.observers
        made_of = (run.folder, options, target, others, is_own)
        return Tracker(run, Worker("gankit_aim.mirror:Mirror", *made_of, called="Aim"))

    def target(self, run: RunContext) -> tuple[str, str]:
        """The repository in which a run is tracked, and Aim's experiment."""
        return self.repo or str(run.runs_root), self.experiment or run.experiment.name
