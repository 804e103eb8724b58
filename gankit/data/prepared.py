"""Images that are decoded once, at one size, and from then on read from the cache by every process that wants them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, Self

import numpy as np

from gankit.core.cache import sealed, unsealed
from gankit.core.errors import UserError
from gankit.core.files import parse_json, write_at_once, written_at_once
from gankit.core.memory import nearest_folder, too_large_for_disk
from gankit.data.prepared_files import (
    JOURNAL,
    MANIFEST,
    UNFINISHED,
    Journal,
    Skipped,
    alone,
    images_folder,
    keeping,
    mapped,
    pixels_file,
    writable,
    write_sealed,
)
from gankit.data.progress import PreparationProgress
from gankit.kinds import LabelledImages

VERSION = 1
"""Raised when the same source would be prepared otherwise."""
AT_A_TIME = 2**25
"""Bytes of images that are decoded before they are written."""
CHUNK = 1024
"""Images that are reduced at a time, which bounds the memory of their floating-point copies."""


class ImageReader(ABC):
    """Images that are had one at a time, each by its position, in any order and by several threads at once."""

    @abstractmethod
    def key(self) -> str:
        """Names the images and all that decides on how they are decoded: whatever is equal is decoded once."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of images."""

    @abstractmethod
    def read(self, position: int, height: int, width: int) -> np.ndarray:
        """One image, uint8 [channels, height, width].

        Raises:
            UserError: if it cannot be read, naming it.
        """

    @abstractmethod
    def __str__(self) -> str:
        """Where the images come from, for people."""


class PreparedImages:
    """The images of a source at one size, and what was made of them: a folder of the cache."""

    def __init__(self, folder: Path, images: np.ndarray, skipped: Sequence[Skipped], levels: Sequence[int]) -> None:
        """Take what lies there.

        Args:
            folder: That of the cache.
            images: All images, which stay readable when the folder is cleared.
            skipped: Those of the source that it lacks.
            levels: The darkest and the lightest value of all colours.
        """
        self.folder, self.skipped = folder, [*skipped]
        self._images = images
        self.darkest, self.lightest = levels

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self._images)

    @property
    def positions(self) -> np.ndarray:
        """Where in the source each image is, int64 [count]."""
        missing = [each.position for each in self.skipped]
        return np.delete(np.arange(self.count + len(missing)), missing)

    def at(self, height: int) -> np.ndarray:
        """All images at a height that divides theirs, uint8 [count, channels, height, width], read-only on the disk.

        Lower ones are made when they are first asked for, as `reduced` says.

        Raises:
            RunError: if there is no room for them.
        """
        count, channels, highest, width = self._images.shape
        if height == highest:
            return self._images
        shape = (count, channels, height, width * height // highest)
        if (there := mapped(pixels_file(self.folder, height), shape)) is not None:
            return there
        folder = writable(self.folder.parent) / self.folder.name
        with alone(folder):
            if (there := mapped(pixels_file(folder, height), shape)) is None:
                with keeping(folder):
                    folder.mkdir(exist_ok=True)  # it may have been cleared
                    _write_reduced(pixels_file(folder, height), self._images, height)
                    there = mapped(pixels_file(folder, height), shape)
        assert there is not None
        return there

    def remembered(self, name: str, dtype: str, count: int, make: Callable[[], np.ndarray]) -> np.ndarray:
        """What `make` gives, `count` numbers: kept under `name` beside the images, where it is looked for first."""
        file = self.folder / name
        try:
            kept = np.frombuffer(unsealed(file), dtype)
        except (OSError, ValueError):
            kept = np.empty(0)
        if len(kept) == count:
            return kept
        made = make().astype(dtype, copy=False)
        with suppress(OSError):  # a full disk costs the next run time, no more
            write_at_once(file, sealed(made.tobytes()))
        return made


class FromDisk(LabelledImages):
    """Images that are read from where they were prepared."""

    prepared: PreparedImages
    """Keeps their lower resolutions, too."""

    @classmethod
    def of(cls, prepared: PreparedImages, height: int, labels: np.ndarray | None) -> Self:
        """All images at the height that they were prepared at, and their labels."""
        loaded = cls(prepared.at(height), labels)
        loaded.prepared = prepared
        return loaded


def prepared(source: ImageReader, channels: int, height: int, width: int, skip: bool = False) -> PreparedImages:
    """The images of a source at one size: from the cache, or else decoded now on all cores and kept there.

    Several processes that want the same wait for the one that came first; one that was killed is gone on with.

    Args:
        source: Where the images are.
        channels: Of each.
        height: Of each, in pixels.
        width: The same.
        skip: Leave out what cannot be read.

    Raises:
        UserError: naming the first image that cannot be read; if those are to be skipped, only when none can be, or if
            there is no room on the disk.
        RunError: if the disk is full.
    """
    shape = (channels, height, width)
    content = _content(source, shape)
    if (found := _kept(content)) is None:
        folder = writable() / _name(content)
        with alone(folder):
            found = _opened(folder, content)
            if found is None:
                if lack := _lack_of_room(source, shape, folder):
                    raise UserError(lack)
                found = _decoded(source, folder, content, skip)
    if found.skipped and not skip:
        raise UserError(found.skipped[0].reason)
    if not found.count:
        raise UserError(f"none of {len(source)} images can be read; the first: {found.skipped[0].reason}")
    return found


def _kept(content: dict[str, Any]) -> PreparedImages | None:
    """What the cache holds of `content`, where nothing need be written."""
    try:
        return _opened(images_folder() / _name(content), content)
    except RuntimeError:  # without a home folder there is none
        return None


def _opened(folder: Path, content: dict[str, Any]) -> PreparedImages | None:
    """What a folder holds, if that is all there and made of `content`."""
    try:
        manifest = parse_json(unsealed(folder / MANIFEST))
    except (OSError, ValueError):  # there is none, or it is damaged
        return None
    if manifest["content"] != content:
        return None
    skipped = [Skipped(*each) for each in manifest["skipped"]]
    shape = (content["count"] - len(skipped), *content["shape"])
    images = mapped(pixels_file(folder, shape[2]), shape)
    return None if images is None else PreparedImages(folder, images, skipped, manifest["levels"])


def _decoded(source: ImageReader, folder: Path, content: dict[str, Any], skip: bool) -> PreparedImages:
    """Decode what is not yet in a folder; nobody else is at it."""
    shape = content["shape"]
    size = int(np.prod(shape))
    journal = Journal.of(folder, content, size)
    with keeping(folder):
        if journal == Journal():
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        file = (folder / UNFINISHED).open("ab", buffering=0)
        file.truncate(size * (journal.done - len(journal.skipped)))
    threads = min(16, os.cpu_count() or 1)
    step = max(2 * threads, min(CHUNK, AT_A_TIME // size))
    pool = ThreadPoolExecutor(threads)  # Pillow decodes outside the interpreter's lock
    what = f"preparing {len(source):,} images of {shape[2]}x{shape[1]} pixels"
    try:
        with file, PreparationProgress(what, len(source)) as progress:
            for start in range(journal.done, len(source), step):
                chunk = range(start, min(start + step, len(source)))
                read = [*pool.map(lambda position: _read(source, position, shape), chunk)]
                broken = [each for each in read if isinstance(each, Skipped)]
                images = [each for each in read if not isinstance(each, Skipped)]
                if broken and not skip:
                    raise UserError(broken[0].reason)
                journal = journal._replace(done=chunk.stop, skipped=(*journal.skipped, *broken))
                is_time = progress.moved_to(chunk.stop) or chunk.stop == len(source)
                with keeping(folder):
                    if images:
                        journal = _appended(images, file, journal)
                    if is_time:
                        os.fsync(file.fileno())
                        journal.write(folder, content)
    finally:
        pool.shutdown(cancel_futures=True)
    if source.key() != content["source"]:
        shutil.rmtree(folder, ignore_errors=True)  # what of it is old and what new, nobody can tell
        raise UserError(f"{source} was changed while its images were prepared; prepare them when it is left alone")
    levels = (journal.darkest, journal.lightest)
    with keeping(folder):  # the manifest first: if there is no room for it, all pixels are still known to the journal
        said = {"of": str(source), "content": content, "skipped": journal.skipped, "levels": levels}
        write_sealed(folder / MANIFEST, said)
        (folder / UNFINISHED).replace(pixels_file(folder, shape[1]))
        (folder / JOURNAL).unlink(missing_ok=True)
        found = _opened(folder, content)
    assert found is not None
    return found


def _appended(images: Sequence[np.ndarray], file: FileIO, journal: Journal) -> Journal:
    """Write images behind those of a file; returns the journal with their levels."""
    pixels = np.stack(images, out=np.empty((len(images), *images[0].shape), np.uint8))
    left = memoryview(pixels.data).cast("B")
    while left:
        left = left[file.write(left) :]
    colours = pixels[:, :3] if len(images[0]) == 4 else pixels  # without opacity
    darkest, lightest = int(colours.min()), int(colours.max())
    return journal._replace(darkest=min(journal.darkest, darkest), lightest=max(journal.lightest, lightest))


def _read(source: ImageReader, position: int, shape: Sequence[int]) -> np.ndarray | Skipped:
    """An image, or why it cannot be read."""
    try:
        image = source.read(position, shape[1], shape[2])
    except UserError as problem:
        return Skipped(position, str(problem))
    if image.shape != (*shape,) or image.dtype != np.uint8:
        raise UserError(
            f"data: {type(source).__name__} read {image.dtype} {list(image.shape)} instead of uint8 {list(shape)}"
        )
    return image


def lack_of_room(source: ImageReader, channels: int, height: int, width: int) -> str | None:
    """Say that the cache's disk has no room for images that are not yet prepared; None if it has."""
    shape = (channels, height, width)
    content = _content(source, shape)
    try:
        folder = images_folder() / _name(content)
    except RuntimeError:  # without a home folder they are prepared elsewhere
        return None
    if not os.access(nearest_folder(folder), os.W_OK) or _opened(folder, content):
        return None
    return _lack_of_room(source, shape, folder)


def _lack_of_room(source: ImageReader, shape: Sequence[int], folder: Path) -> str | None:
    what = f"{len(source):,} images of {shape[2]}x{shape[1]} pixels"
    try:
        there = (folder / UNFINISHED).stat().st_size
    except OSError:
        there = 0
    lack = too_large_for_disk(what, len(source) * int(np.prod(shape)) - there, folder)
    return lack and f"{lack}; GANKIT_CACHE names a folder for them, and `gankit cache` lists what is kept"


def _content(source: ImageReader, shape: Sequence[int]) -> dict[str, Any]:
    """All that decides on what is prepared."""
    return {"version": VERSION, "source": source.key(), "count": len(source), "shape": [*shape]}


def _name(content: dict[str, Any]) -> str:
    """Of the folder in which that is kept."""
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()


def _write_reduced(file: Path, images: np.ndarray, height: int) -> None:
    """Write images at a lower height."""
    with written_at_once(file) as opened:
        for start in range(0, len(images), CHUNK):
            opened.write(reduced(images[start : start + CHUNK], height).data)


def reduced(images: np.ndarray, resolution: int) -> np.ndarray:
    """Images, uint8 [N, C, H, W], at a lower height that divides H: means of square blocks, rounded to even.

    Raises:
        ValueError: if it does not.
    """
    count, channels, height, width = images.shape
    factor, rest = divmod(height, resolution)
    if rest or width % factor:
        raise ValueError(f"images of {height}x{width} cannot be reduced to a height of {resolution}")
    small = np.empty((count, channels, resolution, width // factor), np.uint8)
    for start in range(0, count, CHUNK):
        blocks = images[start : start + CHUNK].reshape(-1, channels, resolution, factor, width // factor, factor)
        small[start : start + CHUNK] = np.rint(blocks.mean(axis=(3, 5)))
    return small
