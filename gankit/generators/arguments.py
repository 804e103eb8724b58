"""What is given to a trained generator from Python, refused in words where it makes no sense."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from gankit.core.errors import UserError
from gankit.core.text import shortened

LONGEST_VALUE = 60
"""Characters that are shown of what was given."""


def whole_number(value: Any, name: str, least: int | None = None) -> int:
    """A whole number, of Python, numpy or torch.

    Raises:
        UserError: if it is none, or less than `least`.
    """
    try:
        number = operator.index(value)
    except (TypeError, ValueError):  # ValueError: a tensor of several
        raise UserError(f"{name}: expected a whole number, not {_shown(value)}") from None
    if least is not None and number < least:
        raise UserError(f"{name}: expected {least} or more, not {_shown(number)}")
    return number


def several_whole_numbers(values: Any, name: str) -> list[int]:
    """Whole numbers given as a list, a range, an array, ...

    Raises:
        UserError: if they are none.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) != 1:
        raise UserError(f"{name}: expected a list of whole numbers, not {_shown(values)}")
    return [whole_number(value, name) for value in values]


def finite_number(value: Any, name: str) -> float:
    """A number.

    Raises:
        UserError: if it is none, or not finite.
    """
    try:
        number = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # RuntimeError: a tensor of several
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{name}: expected a number, not {_shown(value)}")
    return number


def numbers_like(given: Any, name: str, expected: str, like: Tensor) -> Tensor:
    """A tensor of a dimension or more, where `like` is and of its type, with its gradient.

    Raises:
        UserError: if it is no tensor, or of something else than real numbers.
    """
    if not isinstance(given, Tensor) or not given.dim() or given.is_complex():
        is_odd = isinstance(given, Tensor)
        told = f"{given.dtype} {[*given.shape]}" if is_odd else type(given).__name__
        raise UserError(f"{name}: expected a tensor, {expected}, not {told}")
    return given.to(like)


def labels_given(labels: Any, device: torch.device) -> Tensor:
    """The numbers of classes as a tensor.

    Raises:
        UserError: if they are no numbers.
    """
    try:
        return torch.as_tensor(labels, device=device)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise UserError(f"labels: expected the numbers of classes, or the name of one, not {_shown(labels)}") from None


def _shown(value: Any) -> str:
    return shortened(" ".join(repr(value).split()), LONGEST_VALUE)
