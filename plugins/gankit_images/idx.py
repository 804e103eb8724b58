"""The IDX format of MNIST and its successors: a header of big-endian numbers, then the bytes of an array.

It is read here because no library fits: torchvision knows only the folders of its own downloads, and importing it
takes seconds.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from gankit import UserError
from gankit.core.files import read_regular

UNSIGNED_BYTES = 0x08
"""How the header names the type of the elements."""


def read_idx(file: Path, dimensions: int) -> np.ndarray:
    """The array of unsigned bytes in `file`, uint8 with so many `dimensions`, read-only.

    Args:
        file: Compressed if its name ends in .gz.
        dimensions: 1 for labels, 3 for grey images.

    Raises:
        UserError: if it cannot be read, or is not what it should be from the first byte to the last.
    """
    content = _uncompressed(file)
    magic = bytes((0, 0, UNSIGNED_BYTES, dimensions))
    header = len(magic) + 4 * dimensions
    if content[: len(magic)] != magic:
        found = content[: len(magic)].hex() or "nothing"
        raise UserError(f"{file} is damaged or another file: it should begin with {magic.hex()}, not {found}")
    if len(content) < header:
        raise UserError(f"{file} is damaged: it ends within its header")
    shape = tuple(np.frombuffer(content, ">u4", dimensions, offset=len(magic)).tolist())
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise UserError(f"{file} is damaged: it should hold {expected} bytes by its header, not {len(content)}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _uncompressed(file: Path) -> bytes:
    """The content of a file, compressed or not.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        content = read_regular(file)
    except OSError as problem:
        raise UserError(f"{file}: cannot be read: {problem.strerror}") from None
    try:
        return gzip.decompress(content) if file.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as problem:  # wrong beginning or checksum; cut short; damaged within
        raise UserError(f"{file} is damaged: {problem}") from None
