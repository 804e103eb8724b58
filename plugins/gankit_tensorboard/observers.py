"""Runs in TensorBoard."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from gankit import Callback, Observer, UserError

if TYPE_CHECKING:
    from gankit.kinds.callbacks import RunContext


class TensorBoard(Observer):
    """Shows a run in TensorBoard, from the folder `tensorboard` in the run's own: `tensorboard --logdir runs`.

    Losses are one chart each, metrics and pictures one for each resolution; their step is the number of images shown.
    Events and the whole experiment stand under Text.
    """

    looked_at_by: ClassVar[str | None] = "tensorboard --logdir"

    def callback(self, run: RunContext) -> Callback:
        """Begin to write what TensorBoard reads.

        Raises:
            UserError: if TensorBoard is not installed; the run goes on without it.
        """
        if find_spec("tensorboard") is None:
            raise UserError("tensorboard is not installed: pip install 'gankit[tensorboard]'")
        from gankit_tensorboard.board import Board

        return Board(run)
