"""Images of all scales at once as one tensor, where a growth gives and takes an image at every resolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor

from gankit.core.errors import ContractError
from gankit.networks.draw_states import draws_put_back
from gankit.networks.layers import double, halve


class Scales(NamedTuple):
    """How images of several resolutions are packed into one tensor [N, C, 1, P], and got out of it again.

    It holds the P pixels of all of them, row by row, those of the highest resolution first, and nothing else. So what
    is computed pixel by pixel or over all pixels of a sample, as points between reals and fakes, noise, norms of
    gradients and means, is that of all scales together, as if the sample were an image.
    """

    resolutions: tuple[int, ...]
    """Their heights in pixels, lowest first."""
    aspect: float = 1.0
    """Width of each over its height."""

    @property
    def sizes(self) -> dict[int, tuple[int, int]]:
        """Height and width by resolution, highest first, as they are packed."""
        return {each: (each, round(each * self.aspect)) for each in reversed(self.resolutions)}

    @property
    def pixels(self) -> int:
        """How many pixels a sample has in all."""
        return sum(height * width for height, width in self.sizes.values())

    def pack(self, images: Mapping[int, Tensor]) -> Tensor:
        """Images [N, C, H, W] of each resolution as one tensor [N, C, 1, P], laid out with channels last."""
        rows = [images[resolution].permute(0, 2, 3, 1).flatten(1, 2) for resolution in self.sizes]
        return torch.cat(rows, 1).permute(0, 2, 1)[:, :, None]

    def unpack(self, packed: Tensor) -> dict[int, Tensor]:
        """Images [N, C, H, W] by resolution, highest first, of one tensor [N, C, 1, P]; views of it.

        Raises:
            ContractError: if it is no such tensor.
        """
        if packed.dim() != 4 or (*packed.shape[2:],) != (1, self.pixels):
            scales = ", ".join(map(str, self.resolutions))
            raise ContractError(
                f"expected images of all scales ({scales}) packed as [N, C, 1, {self.pixels}], not {[*packed.shape]}; "
                "unpack them by Step.by_scale before they are looked at as images"
            )
        parts = packed.squeeze(2).split([height * width for height, width in self.sizes.values()], 2)
        return {each: part.unflatten(2, size) for (each, size), part in zip(self.sizes.items(), parts, strict=True)}

    def changed(self, packed: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Packed images of which each scale was changed by itself, to images of the same size."""
        return self.pack({resolution: change(images) for resolution, images in self.unpack(packed).items()})

    def alike(self, packed: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Packed images of which each scale was changed at the size of the largest, by the same random draws.

        Smaller ones are made as large by repeating pixels and brought back by means of square blocks, so that what is
        drawn, or counted in pixels, means the same for all of them. Torch's generators are left as after one change.
        """
        changed = dict[int, Tensor]()
        for resolution, images in self.unpack(packed).items():
            is_last = resolution == self.resolutions[0]
            with nullcontext() if is_last else draws_put_back():
                changed[resolution] = self._at_full_size(images, resolution, change)
        return self.pack(changed)

    def _at_full_size(self, images: Tensor, resolution: int, change: Callable[[Tensor], Tensor]) -> Tensor:
        doublings = (self.resolutions[-1] // resolution).bit_length() - 1
        for _ in range(doublings):
            images = double(images)
        images = change(images)
        for _ in range(doublings):
            images = halve(images)
        return images


def by_scale(images: Tensor, scales: Scales | None) -> list[Tensor]:
    """Images of each scale [N, C, H, W], highest first, of packed ones; where there are no scales those alone."""
    return [images] if scales is None else [*scales.unpack(images).values()]
