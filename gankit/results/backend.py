"""How matplotlib is imported where nothing but files is drawn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_backend() -> Iterator[None]:
    """Import matplotlib within: the backend that MPLBACKEND names need not be installed here.

    A notebook names its own to every command that is called from it; files are drawn by Agg in any case.
    """
    chosen = os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if chosen is not None:
            os.environ["MPLBACKEND"] = chosen
