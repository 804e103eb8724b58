"""Augmentation that befalls every image, reals and fakes alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from gankit import Augmentation, Many

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import AugmentedBatch

Transform = Literal["color", "translation", "cutout"]
"""What `policy` may name."""


class DiffAugment(Augmentation):
    """Changes the color of every image, moves it and cuts a hole into it, by draws of its own (Zhao et al. 2020).

    Unlike `stochastic` it spares no image; its strengths are mild enough for the generator to tell what images are.
    """

    policy: Annotated[Many[Transform], Field(min_length=1)] = ["color", "translation", "cutout"]
    """What is done, in the order given. color: brightness from -0.5 to 0.5 added, then saturation times 0 to 2, then
    contrast times 0.5 to 1.5; of grey images saturation leaves all as it is. translation: up to 1/8 of height and width
    in whole pixels, 0 coming in. cutout: half of height and width set to 0, its middle anywhere in the image. All
    three are the paper's for 100 images."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Images [N, C, H, W], each by draws of its own."""
        for name in self.policy:
            images = TRANSFORMS[name](images)
        return images


def _colored(images: Tensor) -> Tensor:
    """Brightness, saturation and contrast, in this order."""
    import torch

    def drawn() -> Tensor:
        return torch.rand(len(images), 1, 1, 1, dtype=images.dtype, device=images.device)

    images = images + (drawn() - 0.5)
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * (2 * drawn()) + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (drawn() + 0.5) + mean


def _translated(images: Tensor) -> Tensor:
    """Moved along both axes."""
    import torch

    reaches = [int(size / 8 + 0.5) for size in images.shape[2:]]
    shifts = [torch.randint(-reach, reach + 1, (len(images), 1, 1), device=images.device) for reach in reaches]
    for axis, shift in enumerate(shifts, start=2):
        size = images.shape[axis]
        origin = torch.arange(size, device=images.device) + shift[:, 0]  # [N, size]
        along = [len(images), 1, 1, 1]
        along[axis] = size
        index = origin.clamp(0, size - 1).view(along).expand_as(images)
        images = images.gather(axis, index) * ((origin >= 0) & (origin < size)).view(along)
    return images


def _cut_out(images: Tensor) -> Tensor:
    """With a hole of half the size, of which some may lie outside."""
    import torch

    within: list[Tensor] = []
    for size in images.shape[2:]:
        hole = int(size / 2 + 0.5)
        middle = torch.randint(0, size + 1 - hole % 2, (len(images), 1, 1), device=images.device)
        first = middle[:, 0] - hole // 2
        at = torch.arange(size, device=images.device)
        within.append((at >= first) & (at < first + hole))  # [N, size]
    rows, columns = within
    return images * ~(rows[:, None, :, None] & columns[:, None, None, :])


TRANSFORMS = {"color": _colored, "translation": _translated, "cutout": _cut_out}
"""What each name of a policy does to images [N, C, H, W]."""
