"""Augmentations that are wrong, each under the name of the rule that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from gankit import Augmentation, Component, hookimpl

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import AugmentedBatch, Step


class Cropped(Augmentation):
    """Cuts off a border."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Without the outermost pixels."""
        return images[:, :, 1:-1, 1:-1]


class InFloat32(Augmentation):
    """Turns everything into float32."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """The same in another type."""
        return images.float() * 0.5


class Contrast(Augmentation):
    """Brings images to one contrast."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Divided by the deviation of brightness over the batch, which one image does not have."""
        brightness = images.mean((1, 2, 3), keepdim=True)
        return images / (brightness - brightness.mean()).square().mean().sqrt()


class Detached(Augmentation):
    """Mirrors by way of numpy."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Mirrored left to right."""
        import torch

        return torch.from_numpy(images.detach().numpy()[..., ::-1].copy())


class Gamma(Augmentation):
    """Brightens dark pixels by a root, whose slope has no bound at black."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """The root of the brightness."""
        return ((images + 1) / 2).sqrt() * 2 - 1


class InPlace(Augmentation):
    """Saves memory."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Darkened."""
        import torch

        with torch.no_grad():
            images.mul_(0.9)
        return images * 1.0


class PlainNumber(Augmentation):
    """Keeps its strength as a plain number."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Darkened."""
        return images * (1 - float(batch.memory.get("strength", 0)))

    def adapt(self, step: Step) -> None:
        """Get stronger."""
        kept: dict[str, Any] = step.memory(self)
        kept["strength"] = min(0.5, kept.get("strength", 0) + 0.1)


class Hidden(Augmentation):
    """Keeps its strength where no checkpoint looks."""

    strength: ClassVar[list[float]] = [0.0]

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Darkened."""
        return images * (1 - self.strength[0])

    def adapt(self, step: Step) -> None:
        """Get stronger."""
        self.strength[0] = 0.5 + self.strength[0] / 2


class DrawnByPython(Augmentation):
    """Draws with a generator that the trainer does not seed."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Darkened."""
        import random

        return images * random.uniform(0.5, 1)


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register each under the rule that it breaks."""
    register("augmented-are-images", Cropped)
    register("augmented-are-images.2", InFloat32)
    register("augmented-are-images.3", Contrast)
    register("gradients-pass", Detached)
    register("gradients-pass.2", Gamma)
    register("augments-a-copy", InPlace)
    register("remembers-in-tensors", PlainNumber)
    register("goes-on-to-the-bit", Hidden)
    register("goes-on-to-the-bit.2", DrawnByPython)
