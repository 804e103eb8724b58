"""A probability that follows how much the discriminator overfits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Augmentation, Images

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import AugmentedBatch, Step


class AdaptingAugmentation(Augmentation):
    """An augmentation by a probability p that rises while reals are told too surely (Karras et al. 2020, section 3).

    Overfitting shows in r, the mean sign of the scores of what is shown as real: 0 if the discriminator cannot tell
    reals from fakes, 1 if it is sure of each real that it trains on.
    """

    recorded_as: ClassVar[str]
    """What stands before the names of p and r where they are recorded."""

    target: float = Field(default=0.6, ge=-1, le=1)
    """Where r is held."""
    over: Annotated[Images, Field(ge=1)] = 500_000
    """Images in which p goes from 0 to 1 at the fastest."""
    interval: int = Field(default=4, ge=1)
    """Updates of the discriminator after which p moves, by their mean r."""
    start: float = Field(default=0.0, ge=0, le=1)
    """Where p begins; it is never below 0."""

    def adapt(self, step: Step) -> None:
        """Count this update, and move p if it is the last of an interval."""
        import torch

        score, memory = step.on_real.score.detach(), step.memory(self)
        r = score.sign().mean()
        updates = memory.get("updates", torch.zeros_like(r)) + 1
        total = memory.get("total", torch.zeros_like(r)) + r
        p = memory.get("p", torch.full_like(r, self.start))
        by = len(score) * self.interval / self.over
        moved = (p + by * (total / self.interval - self.target).sign()).clamp(min=0)
        due = updates == self.interval  # decided on the device, which nothing waits for
        memory["p"] = torch.where(due, moved, p)
        memory["total"], memory["updates"] = (torch.where(due, 0.0, each) for each in (total, updates))
        step.log(f"{self.recorded_as}.p", memory["p"])
        step.log(f"{self.recorded_as}.r", r)

    def _probability(self, batch: AugmentedBatch) -> Tensor | float:
        return batch.memory.get("p", self.start)
