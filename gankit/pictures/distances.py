"""How unlike two images look, for optimizers to make it less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gankit.core.errors import UserError
from gankit.core.registry import registries
from gankit.data.images import to_uint8

if TYPE_CHECKING:
    from gankit.evaluation.images import Features
    from gankit.kinds import Extractor

Distance: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Of two images [1, C, H, W] in network range, a scalar."""
COARSEST = 4
"""Pixels of the lower side of the smallest images that are compared."""


def pixel_distance(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared differences of pixels, summed over the images at full, half, quarter, ... size."""
    difference = one - other
    total = difference.square().mean()
    while min(difference.shape[2:]) >= 2 * COARSEST:
        difference = F.avg_pool2d(difference, 2)
        total = total + difference.square().mean()
    return total


class _Seeing(TorchFunctionMode):
    """Within it the bytes of an image become floats as the image itself is, so that gradients reach it."""

    def __init__(self, bytes_of: Tensor, image: Tensor) -> None:
        super().__init__()
        self._bytes, self._image = bytes_of, image

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        is_ours = bool(args) and args[0] is self._bytes and isinstance(made, Tensor) and made.shape == self._bytes.shape
        is_conversion = func in (torch.Tensor.float, torch.Tensor.to, torch.Tensor.type, torch.Tensor.double)
        return self._image.to(made.dtype) if is_ours and is_conversion and made.is_floating_point() else made


def feature_distance(extractor: Extractor, channels: int, device: torch.device) -> Distance:
    """Mean squared differences of what an extractor sees, beside `pixel_distance`, which alone tells places.

    Raises:
        UserError: if it does not take such images, its weights cannot be had, or gradients do not come through it.
    """
    name = registries["extractor"].entry_of(type(extractor)).name
    if not extractor.takes(channels):
        raise UserError(f"--extractor: {name} does not take images of {channels} channels")
    network: Callable[[Tensor], Features] = extractor.load(device)

    def seen(image: Tensor) -> Tensor:
        image = image.expand(-1, 3, -1, -1) if channels == 1 else image[:, :3] if channels == 4 else image
        as_bytes = to_uint8(image.detach())
        with _Seeing(as_bytes, (image + 1) * 127.5):
            return network(as_bytes).pooled

    def distance(one: Tensor, other: Tensor) -> Tensor:
        features, wanted = seen(one), seen(other.detach()).detach()
        if one.requires_grad and not features.requires_grad:
            raise UserError(f"--extractor: no gradients come through {name}; leave it out, to compare pixels")
        scale = wanted.square().mean().clamp_min(1e-8)
        return pixel_distance(one, other) + (features - wanted).square().mean() / scale

    return distance
