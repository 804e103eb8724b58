"""Which of a test's parameters every run tries, and which the slow ones alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow_but(fast: Iterable[Any], values: Iterable[Any], together: bool = False) -> list[Any]:
    """The values for `pytest.mark.parametrize`; all but the fast ones are slow, as those show the same.

    Args:
        fast: Those that every run tries.
        values: All of them.
        together: Whether each is a tuple of what several parameters are.

    Raises:
        ValueError: if one that should be fast is not among them, which else nothing would try.
    """
    values, fast = list(values), list(fast)
    if missing := [value for value in fast if value not in values]:
        raise ValueError(f"not among the parameters: {missing}")
    slow = [pytest.param(*(value if together else (value,)), marks=pytest.mark.slow) for value in values]
    return [value if value in fast else marked for value, marked in zip(values, slow, strict=True)]
