"""Runs in TensorBoard."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from gankit import Callback, Observer, UserError
from gankit.core.worker import Worker
from gankit.kinds.callbacks import RunContext

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment


class TensorBoard(Observer):
    """Shows a run in TensorBoard, from the folder `tensorboard` in the run's own: `tensorboard --logdir runs`.

    Losses are one chart each, metrics and pictures one for each resolution; their step is the number of images shown.
    Events and the whole experiment stand under Text.
    """

    looked_at_by: ClassVar[str | None] = "tensorboard --logdir"
    tracks: ClassVar[bool] = True

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """TensorBoard shows a run once."""
        others = [one for one in experiment.observers if isinstance(one, TensorBoard) and one.enabled]
        if others and others[0] is not self:
            yield "tensorboard tracks this run already"

    def callback(self, run: RunContext) -> Callback:
        """Begin to write what TensorBoard reads; what cannot be written, the next call raises.

        Raises:
            UserError: if TensorBoard is not installed; the run goes on without it.
        """
        if find_spec("tensorboard") is None:
            raise UserError("tensorboard is not installed: pip install 'gankit[tensorboard]'")
        from gankit.results.tracking import Tracker

        return Tracker(run, Worker("gankit_tensorboard.board:Board", run.folder, called="TensorBoard"))
