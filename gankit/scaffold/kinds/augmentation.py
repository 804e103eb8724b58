from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import Augmentation, hookimpl
from pydantic import Field

if TYPE_CHECKING:
    from gankit.training.step import AugmentedBatch
    from torch import Tensor


class ExampleAugmentation(Augmentation):
    """Makes each image brighter or darker by an amount of its own."""

    strength: float = Field(default=0.5, ge=0, le=2)
    """The most that is added to an image or taken from it; black is -1 and white 1."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Images [N, C, H, W], each shifted as a whole."""
        import torch

        shift = 2 * torch.rand(len(images), 1, 1, 1, dtype=images.dtype, device=images.device) - 1
        return images + self.strength * shift


@hookimpl
def gankit_register(register):
    register("example", ExampleAugmentation)
