"""The IDX format of MNIST and its successors: a header of big-endian numbers, then the bytes of an array.

It is read here because no library fits: torchvision knows only the folders of its own downloads, and importing it
takes seconds.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import numpy as np

from gankit import UserError
from gankit.core.files import refuse_irregular
from gankit.core.memory import too_large

UNSIGNED_BYTES = 0x08
"""How the header names the type of the elements."""


def read_idx(file: Path, dimensions: int) -> np.ndarray:
    """The array of unsigned bytes in `file`, uint8 with so many `dimensions`, read-only.

    Args:
        file: Compressed if its name ends in .gz.
        dimensions: 1 for labels, 3 for grey images.

    Raises:
        UserError: if it cannot be read, is more than memory holds, or is not what it should be from the first byte to
            the last.
    """
    magic = bytes((0, 0, UNSIGNED_BYTES, dimensions))
    with _opened(file) as stream:
        header = stream.read(len(magic) + 4 * dimensions)
        if header[: len(magic)] != magic:
            found = header[: len(magic)].hex() or "nothing"
            raise UserError(f"{file} is damaged or another file: it should begin with {magic.hex()}, not {found}")
        if len(header) < len(magic) + 4 * dimensions:
            raise UserError(f"{file} is damaged: it ends within its header")
        shape = tuple(np.frombuffer(header, ">u4", offset=len(magic)).tolist())
        size = math.prod(shape)
        if lack := too_large(f"{file} is damaged or too large: the {size:,} bytes by its header", size):
            raise UserError(lack)
        content = stream.read(size + 1)  # a file of few bytes may unpack to any number
    if len(content) != size:
        found = "more" if len(content) > size else len(header) + len(content)
        raise UserError(f"{file} is damaged: it should hold {len(header) + size} bytes by its header, not {found}")
    return np.frombuffer(content, np.uint8).reshape(shape)


@contextmanager
def _opened(file: Path) -> Iterator[gzip.GzipFile | BufferedReader]:
    """The content of a file, compressed or not.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        refuse_irregular(file)
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            yield stream
    except (gzip.BadGzipFile, EOFError, zlib.error) as problem:  # wrong beginning or checksum; cut short; damaged
        raise UserError(f"{file} is damaged: {problem}") from None
    except OSError as problem:
        raise UserError(f"{file}: cannot be read: {problem.strerror}") from None
