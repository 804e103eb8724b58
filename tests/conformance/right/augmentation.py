"""Augmentations that are right: one that remembers nothing, and one that adapts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Augmentation, Component, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import AugmentedBatch, Step


class Brightness(Augmentation):
    """Makes each image brighter or darker (Zhao et al. 2020)."""

    most: float = Field(default=0.5, ge=0, le=1)
    """By how much at most, in network range."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Images and a number for each."""
        import torch

        return images + self.most * (2 * torch.rand(len(images), 1, 1, 1).to(images) - 1)


class Adaptive(Augmentation):
    """Mirrors images the more often the surer the discriminator is of the reals (Karras et al. 2020, section 3)."""

    target: float = Field(default=0.6, ge=0, le=1)
    """How often the discriminator may be right about reals before the strength rises."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Some of the images mirrored left to right."""
        import torch

        strength = batch.memory.setdefault("strength", torch.zeros(()))
        mirrored = torch.rand(len(images), 1, 1, 1) < strength.cpu()
        return torch.where(mirrored.to(images.device), images.flip(3), images)

    def adapt(self, step: Step) -> None:
        """Move the strength by 0.1 an update."""
        import torch

        memory = step.memory(self)
        surer = (step.on_real.score > 0).float().mean() > self.target
        memory["strength"] = (memory["strength"] + torch.where(surer, 0.1, -0.1)).clamp(0, 1)


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register both."""
    register("brightness", Brightness)
    register("adaptive", Adaptive)
