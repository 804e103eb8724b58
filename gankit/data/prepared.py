"""Images that are decoded once, at one size, and from then on read from the cache by every process that wants them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from gankit.core.cache import cache_folder, lock_of
from gankit.core.errors import UserError
from gankit.core.failures import warn
from gankit.core.files import parse_json, remove_drafts, write_at_once, written_at_once
from gankit.core.memory import too_large_for_disk
from gankit.data.progress import PreparationProgress
from gankit.kinds import LabelledImages

VERSION = 1
"""Raised when the same source would be prepared otherwise."""
AT_A_TIME = 2**25
"""Bytes of images that are decoded before they are written."""
CHUNK = 1024
"""Images that are reduced at a time, which bounds the memory of their floating-point copies."""
MANIFEST, JOURNAL, UNFINISHED = "manifest.json", "journal.json", "unfinished"
"""What a prepared set says of itself, how far an unfinished one is, and its pixels."""


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


class Skipped(NamedTuple):
    """An image that could not be read."""

    position: int
    """In its source."""
    reason: str
    """Why, with its name."""


class PreparedImages:
    """The images of a source at one size, and what was made of them: a folder of the cache."""

    def __init__(
        self, folder: Path, count: int, shape: Sequence[int], skipped: Sequence[Skipped], levels: Sequence[int]
    ):
        """Open what lies there.

        Args:
            folder: That of the cache.
            count: How many images it holds.
            shape: Channels, height and width of each.
            skipped: Those of the source that it lacks.
            levels: The darkest and the lightest value of all colours.
        """
        self.folder, self.count, self.skipped = folder, count, [*skipped]
        self._channels, self._height, self._width = shape
        self.darkest, self.lightest = levels

    @property
    def positions(self) -> np.ndarray:
        """Where in the source each image is, int64 [count]."""
        missing = [each.position for each in self.skipped]
        return np.delete(np.arange(self.count + len(missing)), missing)

    def at(self, height: int) -> np.ndarray:
        """All images at a height that divides theirs, uint8 [count, channels, height, width], read-only on the disk.

        Lower ones are made when they are first asked for, as `reduced` says.

        Raises:
            OSError: if there is no room for them.
        """
        shape = (self.count, self._channels, height, self._width * height // self._height)
        file = _pixels(self.folder, height)
        if not _has_size(file, shape):
            with _alone(self.folder):
                if not _has_size(file, shape):
                    _write_reduced(file, self.at(self._height), height)
        return np.memmap(file, np.uint8, mode="r", shape=shape)

    def remembered(self, name: str, count: int, make: Callable[[], np.ndarray]) -> np.ndarray:
        """What `make` gives, `count` numbers: kept under `name` beside the images, where it is looked for first."""
        file = self.folder / f"{name}.npy"
        try:
            kept = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            kept = np.empty(0)
        if kept.shape == (count,):
            return kept
        made = make()
        try:
            with written_at_once(file) as opened:
                np.save(opened, made)
        except OSError:  # a full disk costs the next run time, no more
            pass
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
        OSError: if the disk is full.
    """
    shape = (channels, height, width)
    content = _content(source, shape)
    folder = _writable(cache_folder_of_images()) / _name(content)
    found = _opened(folder, content)
    if found is None:
        with _alone(folder):
            found = _opened(folder, content)
            if found is None:
                if lack := _lack_of_room(source, shape, folder):
                    raise UserError(lack)
                found = _decoded(source, shape, folder, content, skip)
    if found.skipped and not skip:
        raise UserError(found.skipped[0].reason)
    if not found.count:
        raise UserError(f"none of {len(source)} images can be read; the first: {found.skipped[0].reason}")
    return found


def cache_folder_of_images() -> Path:
    """Where prepared images are kept."""
    return cache_folder() / "images"


def _writable(folder: Path) -> Path:
    """This folder, or where nothing can be written one that ends with this process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError) as failure:
        return _stand_in(str(failure))


_stand_ins: list[tempfile.TemporaryDirectory[str]] = []


def _stand_in(reason: str) -> Path:
    """A folder of this process alone."""
    if not _stand_ins:
        warn(f"images are prepared for this process alone, as none can be kept ({reason}); GANKIT_CACHE names a folder")
        _stand_ins.append(tempfile.TemporaryDirectory(prefix="gankit-"))
    return Path(_stand_ins[0].name)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time fills a folder of the cache, and clears away what those before it left when killed."""
    with lock_of(folder):
        remove_drafts(folder)
        yield


def _opened(folder: Path, content: dict[str, Any]) -> PreparedImages | None:
    """What a folder holds, if that is all there and made of `content`."""
    try:
        manifest = parse_json((folder / MANIFEST).read_bytes())
        skipped = [Skipped(int(position), str(reason)) for position, reason in manifest["skipped"]]
        darkest, lightest = map(int, manifest["levels"])
        count, shape = content["count"] - len(skipped), content["shape"]
        if manifest["content"] != content or not _has_size(_pixels(folder, shape[1]), (count, *shape)):
            return None
    except (OSError, ValueError, LookupError, TypeError):  # there is none, or it is damaged
        return None
    return PreparedImages(folder, count, shape, skipped, (darkest, lightest))


class _Journal(NamedTuple):
    """How far an unfinished set is."""

    done: int = 0
    """Images of the source that were tried."""
    skipped: tuple[Skipped, ...] = ()
    """Those that could not be read."""
    darkest: int = 255
    lightest: int = 0

    @classmethod
    def of(cls, folder: Path, content: dict[str, Any], size: int) -> Self:
        """What is said by the journal of a folder, if its pixels of `size` bytes an image are there; else a new one."""
        try:
            said = parse_json((folder / JOURNAL).read_bytes())
            skipped = tuple(Skipped(int(position), str(reason)) for position, reason in said["skipped"])
            journal = cls(int(said["done"]), skipped, int(said["darkest"]), int(said["lightest"]))
            there = (folder / UNFINISHED).stat().st_size
            if said["content"] == content and there >= size * (journal.done - len(skipped)) >= 0:
                return journal
        except (OSError, ValueError, LookupError, TypeError):
            pass
        return cls()

    def write(self, folder: Path, content: dict[str, Any]) -> None:
        """Say it to whoever goes on."""
        write_at_once(folder / JOURNAL, json.dumps({"content": content, **self._asdict()}).encode())


def _decoded(
    source: ImageReader, shape: tuple[int, int, int], folder: Path, content: dict[str, Any], skip: bool
) -> PreparedImages:
    """Decode what is not yet in a folder; nobody else is at it."""
    size = int(np.prod(shape))
    journal = _Journal.of(folder, content, size)
    if journal == _Journal():
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    threads = min(16, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(threads)  # Pillow decodes outside the interpreter's lock
    what = f"preparing {len(source):,} images of {shape[2]}x{shape[1]} pixels"
    try:
        with PreparationProgress(what, len(source)) as progress, (folder / UNFINISHED).open("ab") as file:
            file.truncate(size * (journal.done - len(journal.skipped)))
            step = max(2 * threads, min(CHUNK, AT_A_TIME // size))
            for start in range(journal.done, len(source), step):
                chunk = range(start, min(start + step, len(source)))
                read = [*pool.map(lambda position: _read(source, position, shape), chunk)]
                broken = [each for each in read if isinstance(each, Skipped)]
                images = [each for each in read if not isinstance(each, Skipped)]
                if broken and not skip:
                    raise UserError(broken[0].reason)
                if images:
                    pixels = np.stack(images, out=np.empty((len(images), *shape), np.uint8))
                    file.write(pixels.data)
                    colours = pixels[:, :3] if shape[0] == 4 else pixels  # without opacity
                    darkest, lightest = int(colours.min()), int(colours.max())
                    levels = min(journal.darkest, darkest), max(journal.lightest, lightest)
                    journal = journal._replace(darkest=levels[0], lightest=levels[1])
                journal = journal._replace(done=chunk.stop, skipped=(*journal.skipped, *broken))
                if progress.moved_to(chunk.stop):
                    _to_disk(file)
                    journal.write(folder, content)
            _to_disk(file)
    finally:
        pool.shutdown(cancel_futures=True)
    (folder / UNFINISHED).replace(_pixels(folder, shape[1]))
    levels = (journal.darkest, journal.lightest)
    write_at_once(
        folder / MANIFEST,
        json.dumps({"of": str(source), "content": content, "skipped": journal.skipped, "levels": levels}).encode(),
    )
    (folder / JOURNAL).unlink(missing_ok=True)
    return PreparedImages(folder, len(source) - len(journal.skipped), shape, journal.skipped, levels)


def _read(source: ImageReader, position: int, shape: tuple[int, int, int]) -> np.ndarray | Skipped:
    """An image, or why it cannot be read."""
    try:
        image = source.read(position, shape[1], shape[2])
    except UserError as problem:
        return Skipped(position, str(problem))
    if image.shape != shape or image.dtype != np.uint8:
        raise UserError(
            f"data: {type(source).__name__} read {image.dtype} {list(image.shape)} instead of uint8 {list(shape)}"
        )
    return image


def lack_of_room(source: ImageReader, channels: int, height: int, width: int) -> str | None:
    """That images which are not yet prepared would find no room on the disk of the cache; None if they do."""
    content = _content(source, (channels, height, width))
    try:
        folder = cache_folder_of_images() / _name(content)
    except RuntimeError:  # without a home folder they are prepared elsewhere
        return None
    return None if _opened(folder, content) else _lack_of_room(source, (channels, height, width), folder)


def _lack_of_room(source: ImageReader, shape: tuple[int, int, int], folder: Path) -> str | None:
    what = f"{len(source):,} images of {shape[2]}x{shape[1]} pixels"
    lack = too_large_for_disk(what, len(source) * int(np.prod(shape)), folder)
    return lack and f"{lack}; GANKIT_CACHE names a folder for them, and `gankit cache` lists what is kept"


def _content(source: ImageReader, shape: tuple[int, int, int]) -> dict[str, Any]:
    """All that decides on what is prepared."""
    return {"version": VERSION, "source": source.key(), "count": len(source), "shape": [*shape]}


def _name(content: dict[str, Any]) -> str:
    """Of the folder in which that is kept."""
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()


def _pixels(folder: Path, height: int) -> Path:
    """Where the images at a height lie, one after the other."""
    return folder / f"height-{height}.uint8"


def _has_size(file: Path, shape: Sequence[int]) -> bool:
    """Whether a file holds so many bytes."""
    try:
        return file.stat().st_size == int(np.prod(shape, dtype=np.int64))
    except OSError:
        return False


def _to_disk(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


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
