"""Tracking in Aim."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from gankit import Callback, Observer, UserError
from gankit.core.options import absolute

if TYPE_CHECKING:
    from gankit.kinds.callbacks import RunContext


def _absolute(repo: str) -> str:
    """A folder's absolute path, so that a saved experiment means the same from any folder; an address as it is."""
    return repo if "://" in repo else str(absolute(Path(repo)))


class Aim(Observer):
    """Tracks a run in an Aim repository, to be looked at with `aim up`.

    Losses are one series each, metrics and pictures one for each resolution; their step is the number of images
    shown. All options stand in the run's params under `hparams`.
    """

    repo: Annotated[str, AfterValidator(_absolute)] | None = None
    """The folder whose .aim is the repository, or aim://HOST:PORT; null: the folder that holds the run's folder or that
    of its study."""
    experiment: str | None = None
    """The experiment under which Aim files the run; null: the experiment's name."""

    def watch(self, run: RunContext) -> Callback:
        """Begin to track `run`.

        Raises:
            UserError: if Aim is not installed; the run goes on without it.
        """
        if find_spec("aim") is None:
            raise UserError(
                "aim is not installed (it has no release for Python 3.13 and later); metrics.jsonl holds the same "
                "numbers, and gankit compare shows them"
            )
        from gankit_aim.tracking import Tracker

        return Tracker(run, self.repo or str(run.runs_root), self.experiment or run.experiment.name)
