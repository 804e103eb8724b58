"""The best evaluation of a run, whose checkpoint is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gankit.core.failures import warn
from gankit.core.options import did_you_mean
from gankit.kinds.callbacks import Row


class BestEvaluation:
    """The best value of one metric so far, at the highest resolution reached."""

    def __init__(self, name: str | None) -> None:
        """Look out for the metric called `name`; for none if it is None."""
        self._name = name
        self._complained = False
        self.found: dict[str, Any] | None = None
        """Its value, the images shown and the resolution; plain values, for checkpoints."""

    @property
    def images(self) -> int | None:
        """Images shown at the best evaluation."""
        return None if self.found is None else self.found["images"]

    def is_beaten(self, rows: Sequence[Row], full: bool) -> bool:
        """Whether an evaluation is better than all before; it is the best then.

        Args:
            rows: Its numbers.
            full: Whether it was by the full protocol, whose numbers must have the metric among them.
        """
        if self._name is None:
            return False
        named = [row for row in rows if row.name == self._name]
        if full and not named and not self._complained:
            self._complained = True
            hint = did_you_mean(self._name, [row.name for row in rows])
            warn(f"checkpoints.best: the evaluation gave no {self._name}, so no checkpoint is kept for it.{hint}")
        better = [row for row in named if self._improves(row)]
        for row in better:
            self.found = {"value": row.value, "images": row.images, "resolution": row.resolution}
        return bool(better)

    def _improves(self, row: Row) -> bool:
        if row.protocol is None or row.value != row.value:
            return False
        if self.found is None or row.resolution > self.found["resolution"]:
            return True
        if row.resolution < self.found["resolution"]:  # a smaller scale
            return False
        best = self.found["value"]
        return row.value > best if row.protocol["better"] == "higher" else row.value < best
