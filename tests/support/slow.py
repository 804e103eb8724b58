"""Which of a test's parameters every run tries, and which the slow ones alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def slow_but(fast: Iterable[Any], values: Iterable[Any]) -> list[Any]:
    """The values for `pytest.mark.parametrize`; all but the fast ones are slow, as those show the same.

    Raises:
        ValueError: if one that should be fast is not among them, which else nothing would try.
    """
    values, fast = list(values), list(fast)
    if missing := [value for value in fast if value not in values]:
        raise ValueError(f"not among the parameters: {missing}")
    return [value if value in fast else pytest.param(value, marks=pytest.mark.slow) for value in values]
