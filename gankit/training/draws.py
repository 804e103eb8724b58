"""Random draws of a part of a batch: its own of those that are made for the whole batch.

Modules and components simply call torch.randn, see `gankit.training.randomness`. Where an update is computed in parts,
each from the same place of torch's generators, a draw for the images of one part is made for those of all parts, of
which the part takes its own. So the parts together see what the whole batch would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

Function = Callable[..., Any]

OF_A_SIZE: frozenset[Function] = frozenset({torch.rand, torch.randn, torch.randint, torch.normal})
"""Draws of a size that is given as numbers."""
LIKE_A_TENSOR: frozenset[Function] = frozenset(
    {
        *(torch.rand_like, torch.randn_like, torch.randint_like, torch.normal, torch.bernoulli, torch.poisson),
        *(torch.Tensor.bernoulli, torch.dropout, torch.feature_dropout, torch.alpha_dropout, torch.rrelu),
        *(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout),
        *(F.rrelu, F.gumbel_softmax),
    }
)
"""Draws for each element of a tensor, or each map or row of it."""
INTO_A_TENSOR: frozenset[Function] = frozenset(
    {
        *(torch.Tensor.normal_, torch.Tensor.uniform_, torch.Tensor.bernoulli_, torch.Tensor.exponential_),
        *(torch.Tensor.geometric_, torch.Tensor.log_normal_, torch.Tensor.cauchy_, torch.Tensor.random_),
    }
)
"""Draws that a tensor is filled with."""
OF_CLASSES: frozenset[Function] = frozenset({torch.multinomial, torch.Tensor.multinomial})
"""Draws by weights, of each row or of a single one as often as asked."""
DRAWS = OF_A_SIZE | LIKE_A_TENSOR | INTO_A_TENSOR | OF_CLASSES
"""All of them."""


class DrawsOfPart(TorchFunctionMode):
    """Within it each draw whose first dimension is images of a part is that part's share of the draw for all parts.

    These are draws of N rows, where a part has N images, of a multiple of N, as of batches one behind the other, and of
    a share of N, as of penalties on fewer images. All others are the same in each part: single numbers, as one that all
    images share, permutations, and what is drawn inside functions of torch that are not listed here, as the dropout of
    its attention. Draws of numpy and Python are not known here.
    """

    def __init__(self, images: int, number: int, parts: int) -> None:
        """Draw for one part.

        Args:
            images: How many each part has.
            number: Which part it is, counted from 0.
            parts: How many there are.
        """
        super().__init__()
        self._images, self._number, self._parts = images, number, parts

    def __torch_function__(
        self, func: Function, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Draw for all parts and take this one's, or do what was asked for if that is no draw for images."""
        kwargs = kwargs or {}
        if func not in DRAWS:  # one look, as every function of torch comes by here
            return func(*args, **kwargs)
        if func in OF_A_SIZE and (sized := size_of_draw(args, kwargs)) is not None:
            size, again = sized
            if self._is_of_images(size):
                rows = size[0]
                return self._own(func(*again[0], **{**again[1], "size": (rows * self._parts, *size[1:])}), rows)
        elif func in LIKE_A_TENSOR or func in INTO_A_TENSOR or func in OF_CLASSES:
            like = next((each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)), None)
            if func in OF_CLASSES and like is not None and like.dim() == 1:
                return self._of_one_row(func, *args, **kwargs)
            if like is not None and self._is_of_images(like.shape):
                return self._like(func, like, args, kwargs)
        return func(*args, **kwargs)

    def _like(self, func: Function, like: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """What is drawn for the elements of a tensor, or into it."""
        rows = len(like)

        def repeated(value: Any) -> Any:
            is_of_rows = isinstance(value, Tensor) and value.dim() > 0 and len(value) == rows
            return (
                torch.cat([each for each in value.chunk(self._batches(rows)) for _ in range(self._parts)])
                if (is_of_rows)
                else value
            )

        drawn = func(*map(repeated, args), **{name: repeated(value) for name, value in kwargs.items()})
        own = self._own(drawn, rows)
        if func in INTO_A_TENSOR or kwargs.get("inplace"):
            return like.copy_(own)
        return own

    def _of_one_row(
        self, func: Function, weights: Tensor, num_samples: int, replacement: bool = False, **others: Any
    ) -> Tensor:
        """Classes drawn by the same weights for each image."""
        if not self._is_of_images((num_samples,)) or not replacement:
            return func(weights, num_samples, replacement, **others)
        return self._own(func(weights, num_samples * self._parts, replacement, **others), num_samples)

    def _is_of_images(self, size: Sequence[int]) -> bool:
        """Whether a draw of such a size has rows for images."""
        if not size or not size[0]:
            return False
        return size[0] % self._images == 0 or (self._images % size[0] == 0 and math.prod(size) > 1)

    def _batches(self, rows: int) -> int:
        """How many batches of a part lie behind each other in so many rows."""
        return max(1, rows // self._images)

    def _own(self, drawn: Tensor, rows: int) -> Tensor:
        """Those of what was drawn for all parts that are this part's."""
        batches = self._batches(rows)
        pieces = drawn.chunk(batches * self._parts)[self._number :: self._parts]
        return pieces[0].clone() if batches == 1 else torch.cat(pieces)


def size_of_draw(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Sequence[int], tuple[tuple[Any, ...], dict[str, Any]]] | None:
    """The size that is asked for, and the arguments beside it; None if it is that of a tensor."""
    if "size" in kwargs:
        return kwargs["size"], (args, {name: value for name, value in kwargs.items() if name != "size"})
    if args and all(isinstance(each, int) for each in args):  # torch.rand(2, 3)
        return args, ((), kwargs)
    if args and isinstance(args[-1], Sequence):  # torch.rand((2, 3)), torch.randint(5, (2, 3))
        return args[-1], (args[:-1], kwargs)
    return None
