"""Images to be read: a source that counts how often it is, and files as data sets are published in."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from gankit.core.errors import UserError
from gankit.data.prepared import ImageReader


class Numbered(ImageReader):
    """Images that their positions make, of which some cannot be read."""

    def __init__(self, count: int, key: str = "numbered", broken: Collection[int] = (), log: str | None = None) -> None:
        self._count, self._key, self._broken, self._log = count, key, broken, log
        self.reads = 0

    def key(self) -> str:
        return self._key

    def __len__(self) -> int:
        return self._count

    def __str__(self) -> str:
        return "numbers"

    def read(self, position: int, height: int, width: int) -> np.ndarray:
        if position in self._broken:
            raise UserError(f"image {position} is broken")
        self.reads += 1
        if self._log is not None:
            with Path(self._log).open("a") as file:
                file.write(f"{position}\n")
        draws = np.random.default_rng(position)
        return draws.integers(0, 256, (3, height, width), dtype=np.uint8)


def write_idx(folder: Path, part: str, images: int, seed: int = 0) -> np.ndarray:
    """Write images as Fashion-MNIST has them, whose classes are 0 to 9 again and again.

    Returns:
        Their pixels, uint8 [images, 28, 28].
    """
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (images, 28, 28), dtype=np.uint8)
    for name, array in (("images-idx3", pixels), ("labels-idx1", np.arange(images, dtype=np.uint8) % 10)):
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        (folder / f"{part}-{name}-ubyte").write_bytes(bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes())
    return pixels


def write_lmdb(path: Path, values: Mapping[str, bytes], size: int = 2**26) -> Path:
    """Write a database of these values by their keys."""
    import lmdb

    with lmdb.open(str(path), map_size=size) as environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key.encode(), value)
    return path


def write_tar(file: Path, members: Iterable[tuple[str, bytes]], format: int = tarfile.PAX_FORMAT) -> Path:
    """Write a tar archive of these members, in their order; a name may come again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w", format=format) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file
