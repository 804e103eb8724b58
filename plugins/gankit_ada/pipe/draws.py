"""What befalls each image of a batch, and how strongly."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


class Draws:
    """Random strengths of transforms, one row an image, from torch's generators.

    A transform draws the same amount of numbers whatever comes of them, and none if `chances` does not name it.
    """

    def __init__(self, images: Tensor, chances: Mapping[str, Tensor | float]) -> None:
        """Draw for `images` [N, ...], each of which a transform befalls by its chance."""
        self.like, self.chances = images, chances

    def uniform(
        self, transform: str, low: float, high: float, columns: int = 1, *, spared: float = 0.0, tries: int = 1
    ) -> Tensor:
        """Uniform numbers [N, columns] where the transform befalls an image, and `spared` where it does not.

        If it is tried more than once, each time by such a chance that all tries together have the chance given.
        """
        if transform not in self.chances:
            return self._all(spared, columns)
        return self._where(transform, low + (high - low) * self._uniform(columns), spared, tries)

    def normal(self, transform: str, deviation: float, columns: int = 1) -> Tensor:
        """Normal numbers [N, columns] of mean 0 where the transform befalls an image, and 0 where it does not."""
        if transform not in self.chances:
            return self._all(0.0, columns)
        return self._where(transform, deviation * self._normal(columns), 0.0)

    def _where(self, transform: str, values: Tensor, spared: float, tries: int = 1) -> Tensor:
        chance = self.chances[transform]
        if not isinstance(chance, Tensor):
            chance = torch.full((), chance, device=values.device)
        if tries > 1:
            chance = 1 - (1 - chance).clamp(min=0) ** (1 / tries)
        return torch.where(self._uniform(1) < chance, values, spared)

    def _all(self, value: float, columns: int) -> Tensor:
        return self.like.new_full((len(self.like), columns), value)

    def _uniform(self, columns: int) -> Tensor:
        return torch.rand(len(self.like), columns, dtype=self.like.dtype, device=self.like.device)

    def _normal(self, columns: int) -> Tensor:
        return torch.randn(len(self.like), columns, dtype=self.like.dtype, device=self.like.device)


def replaced(images: Tensor, where: Tensor, by: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Replace the images [N, ...] at which `where` [N] is true by `by(these images, their numbers)`.

    The others stay as they are, to the bit, and cost nothing on a CPU. On a GPU all are replaced and those put back: to
    know how many there are would be to wait for it.
    """
    if images.device.type != "cpu":
        everywhere = torch.arange(len(images), device=images.device)
        return torch.where(where.view(-1, *[1] * (images.dim() - 1)), by(images, everywhere), images)
    numbers = where.nonzero()[:, 0]
    return images.index_copy(0, numbers, by(images[numbers], numbers)) if len(numbers) else images
