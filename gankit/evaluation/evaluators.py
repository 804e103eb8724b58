"""The evaluations of a run: the full protocol at the end of a stage, and the cheaper one before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit.data import RealImages
from gankit.evaluation.evaluator import Evaluator, Source
from gankit.evaluation.names import TRACK
from gankit.observing import Progress, Row

if TYPE_CHECKING:
    import torch

    from gankit.config import Evaluation


class Evaluators:
    """Both protocols, which are one if the experiment names no cheaper one."""

    def __init__(self, options: Evaluation, reals: RealImages, device: torch.device) -> None:
        self._full = Evaluator(options, reals, device)
        self._track = None if options.track is None else Evaluator(options.tracked(), reals, device, self._full.extract)

    def evaluate(self, source: Source, progress: Progress, full: bool) -> list[Row]:
        """The numbers of one evaluation; see Evaluator.evaluate."""
        if full or self._track is None:
            return self._full.evaluate(source, progress)
        return [row._replace(name=row.name + TRACK) for row in self._track.evaluate(source, progress)]

    def close(self) -> None:
        """Say which metrics failed, and how often."""
        self._full.sum_up()
        if self._track is not None:
            self._track.sum_up()
