"""What a generator that draws noise inside is given in place of fresh noise each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gankit.core.errors import UserError
from gankit.generators.arguments import several_whole_numbers
from gankit.training import randomness
from gankit.training.draws import DRAWS, INTO_A_TENSOR, OF_A_SIZE, size_of_draw

Noise: TypeAlias = Literal["random", "fixed", "none"] | Sequence[int]
"""random: by torch's generators as they stand; fixed: the same for every image, always; none: zeros; or for each image
a seed, which decides its noise alone."""

WORDS = ("random", "fixed", "none")

NORMAL = (torch.randn, torch.randn_like)
"""Draws that are noise with a mean of zero."""


def checked_noise(noise: Noise, count: int) -> Noise:
    """Which noise is meant for `count` images.

    Raises:
        UserError: if that makes no sense.
    """
    if isinstance(noise, str):
        if noise not in WORDS:
            raise UserError(f"noise: expected one of {', '.join(WORDS)}, or a seed for each image, not {noise!r}")
        return noise
    if len(seeds := several_whole_numbers(noise, "noise")) != count:
        raise UserError(f"noise: expected a seed for each of {count} images, not {len(seeds)}")
    return seeds


@contextmanager
def drawn(noise: Noise, count: int) -> Iterator[None]:
    """Within it what modules draw for `count` images is as `noise` says, whatever component has built them.

    Draws whose first dimension is the images count as theirs, as in `gankit.training.draws`; all others are made anew.

    Raises:
        UserError: if that makes no sense.
    """
    noise = checked_noise(noise, count)
    if noise == "random":
        yield
    elif noise == "none":
        with _Zeros():
            yield
    else:
        with randomness.untouched(), _OfSeeds([0] * count if noise == "fixed" else noise):
            yield


class _Zeros(TorchFunctionMode):
    """Normal noise is zero."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.normal_:
            return args[0].fill_(kwargs.get("mean", args[1] if len(args) > 1 else 0.0))
        return func(*args, **kwargs).zero_() if func in NORMAL else func(*args, **kwargs)


class _OfSeeds(TorchFunctionMode):
    """Draw number k of an image is a function of the image's seed and k."""

    def __init__(self, seeds: Sequence[int]) -> None:
        super().__init__()
        self._seeds, self._draws = seeds, 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in DRAWS:
            return func(*args, **kwargs)
        count, self._draws = len(self._seeds), self._draws + 1
        sized = size_of_draw(args, kwargs) if func in OF_A_SIZE else None
        if sized is not None:
            size, (others, named) = sized
            if not size or size[0] != count:
                return func(*args, **kwargs)
            return self._each(lambda row: func(*others, **{**named, "size": (1, *size[1:])}))
        like = next((each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)), None)
        if like is None or not like.dim() or len(like) != count:
            return func(*args, **kwargs)

        def of_row(value: Any, row: int) -> Any:
            is_of_images = isinstance(value, Tensor) and value.dim() > 0 and len(value) == count
            return value[row : row + 1] if is_of_images else value

        def draw(row: int) -> Tensor:
            return func(*(of_row(each, row) for each in args), **{name: of_row(kwargs[name], row) for name in kwargs})

        rows = self._each(draw)
        return like if func in INTO_A_TENSOR or kwargs.get("inplace") else rows  # filled through views of its rows

    def _each(self, draw: Callable[[int], Tensor]) -> Tensor:
        """What is drawn for each image, by its own seed."""
        rows = []
        for row, seed in enumerate(self._seeds):
            randomness.seed(seed, "noise", self._draws)
            rows.append(draw(row))
        return torch.cat(rows)
