"""Fakes that are shown as reals, by a probability that adapts itself."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from gankit import UserError
from gankit_ada.adapting import AdaptingAugmentation

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.training.step import AugmentedBatch, Step


class PseudoAugmentation(AdaptingAugmentation):
    """APA: the more the discriminator overfits, the more fakes it is shown as reals (Jiang et al. 2021).

    By the probability p a fake takes the place of a real, one of the same class if there are classes. p rises while r,
    the mean sign of the scores of what is shown as real, is above the target, and falls while it is below. Records p
    and r of every update as apa.p and apa.r.

    Fakes are drawn from those of the discriminator's update before, which are kept in checkpoints; the authors generate
    others. So there are none in the first update at a resolution. Gradient penalties at reals have no gradient where a
    fake took the place, so that they weaken by the share p; the authors take it at the fake.
    """

    recorded_as: ClassVar[str] = "apa"
    exchanges_images: ClassVar[bool] = True

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Of attributes no fake has those of a real."""
        yield from super().problems(experiment)
        with suppress(UserError):  # the data cannot be read here, which is said elsewhere
            if experiment.data.attribute_names():
                yield "shows fakes of the same class as reals, but the data has attributes; use ada in its place"

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Images [N, C, H, W], of which some are replaced if they are reals; fakes stay as they are."""
        import torch

        fakes, classes = batch.memory.get("fakes"), batch.memory.get("labels")
        if not batch.real or fakes is None or fakes.shape[1:] != images.shape[1:]:
            return images
        lots = torch.rand(len(images), len(fakes), device=images.device)
        if classes is not None and batch.labels is not None:
            lots = torch.where(batch.labels[:, None] == classes, lots, -1.0)
        lot, drawn = lots.max(1)
        replaced = (torch.rand(len(images), device=images.device) < self._probability(batch)) & (lot >= 0)
        return torch.where(replaced[:, None, None, None], fakes[drawn].to(images.dtype), images)

    def adapt(self, step: Step) -> None:
        """Move p, and keep the fakes of this update for the next one."""
        import torch

        super().adapt(step)
        memory = step.memory(self)
        # laid out as one that comes from a checkpoint, as the last bits of convolutions depend on the layout
        memory["fakes"] = step.fake.detach().clone(memory_format=torch.contiguous_format)
        if step.labels is not None:
            memory["labels"] = step.labels
