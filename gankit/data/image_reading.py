"""Image files opened: regular files of promised formats alone, upright, and not more pixels at a time than allowed."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from threading import Lock

from PIL import ExifTags, Image, UnidentifiedImageError

from gankit.core.errors import UserError
from gankit.core.files import refuse_irregular
from gankit.core.memory import Allowance
from gankit.core.text import printable
from gankit.data.image_files import ENDINGS
from gankit.data.trees import ImageTree, PackedFile

MAX_MEGAPIXELS = 180.0
"""Millions of pixels that are decoded at a time unless told otherwise: as many as Pillow decodes of one image."""
MOST_PASSES = 100
"""How often a JPEG may draw over as many pixels as are allowed, which takes seconds; cameras draw ten times."""
MOST_WRITTEN_OUT = 20e6
"""Numbers of an image that is written out in decimal digits; Pillow reads some millions a second."""
MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")
"""What begins a segment of a JPEG, which its length follows, or ends it."""
UNSIGNED = frozenset({"TGA"})
"""Formats that no first bytes tell of, so that any content may pass for them; they are known by their endings."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings an image upright, by its EXIF orientation."""
GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
"""Pillow's names of what has no room for colour."""
PNG = b"\x89PNG\r\n\x1a\n"
"""What a PNG begins with."""
NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"eXIf"})
"""Chunks of a PNG that its pixels and their orientation are made of."""


class PixelBound:
    """No image of more pixels is decoded, nor more pixels than these at a time, whatever the number of threads."""

    def __init__(self, megapixels: float = MAX_MEGAPIXELS) -> None:
        self.pixels = round(megapixels * 1e6)
        self._allowance = Allowance(self.pixels)

    @contextmanager
    def room_for(self, size: tuple[int, int]) -> Iterator[None]:
        """Wait until an image of a width and a height may be decoded, and count it as long as the block lasts.

        Raises:
            UserError: if it is too large ever to be.
        """
        pixels = math.prod(size)
        if pixels > self.pixels:
            raise UserError(
                f"it has {size[0]}x{size[1]} pixels, {pixels / 1e6:,.1f} million, "
                f"more than max_megapixels: {self.pixels / 1e6:g} allows"
            )
        with self._allowance.taking(pixels):
            yield


class _PillowsGuards:
    """Pillow's own bound on pixels and its warnings, which name no file; each is one for the whole process.

    Both give way while images are read within our bound and refused by name.
    """

    def __init__(self) -> None:
        self._lock, self._readers = Lock(), 0
        self._pixels: int | None = None
        self._warnings = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._readers:
                self._pixels, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
                self._warnings = warnings.catch_warnings()
                self._warnings.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                self._warnings.__exit__(None, None, None)
                Image.MAX_IMAGE_PIXELS = self._pixels


_pillows_guards = _PillowsGuards()


@contextmanager
def open_image(path: Path | PackedFile, bound: PixelBound) -> Iterator[Image.Image]:
    """One image, decoded and upright.

    Raises:
        UserError: if it cannot be read, or what the block does with it fails; but not for want of memory, which is
            no fault of the image.
    """
    try:
        with _pillows_guards, ExitStack() as stack:
            yield _upright(stack.enter_context(_decoded(path, bound)))
    except MemoryError:
        raise
    except Exception as problem:  # each of Pillow's decoders fails in ways of its own
        raise unreadable_image(str(path), problem) from problem


def image_sizes(tree: ImageTree, bound: PixelBound) -> Counter[tuple[int, int]]:
    """How many images of a tree have which width and height, upright; hardly any is decoded for it.

    Raises:
        UserError: if there are none, or one cannot be read.
    """
    return Counter(_size_in(tree, file, bound) for file in tree.found.files)


def files_in_colour(tree: ImageTree) -> int:
    """How many image files of a tree have room for colour, be there any or not; none is decoded for it.

    Raises:
        UserError: if there are none, or one cannot be read.
    """
    return sum(_is_in_colour(tree, file) for file in tree.found.files)


def _is_in_colour(tree: ImageTree, file: Path) -> bool:
    try:
        with tree.image(file) as path, _pillows_guards, _opened(path) as image:
            if image.mode != "P":
                return image.mode not in GREY_MODES
            palette = image.getpalette() or []
            return any(len({*palette[start : start + 3]}) > 1 for start in range(0, len(palette), 3))
    except MemoryError:
        raise
    except Exception as problem:
        raise unreadable_image(f"{tree.path}/{file}", problem) from problem


def _size_in(tree: ImageTree, file: Path, bound: PixelBound) -> tuple[int, int]:
    try:
        with tree.image(file) as path:
            return _upright_size(path, bound)
    except OSError as problem:  # of an archive
        raise unreadable_image(f"{tree.path}/{file}", problem) from problem


def begins_as_image(file: Path | PackedFile) -> bool:
    """Whether the header of a file is that of an image; nothing is decoded."""
    try:
        with _pillows_guards, _opened(file):
            return True
    except Exception:  # each of Pillow's decoders fails in ways of its own
        return False


def _upright_size(path: Path | PackedFile, bound: PixelBound) -> tuple[int, int]:
    """Width and height of an image.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        with _pillows_guards, _opened(path) as image, bound.room_for(image.size):
            if image.width == image.height or _orientation(image) == 1:
                return image.size
            _refuse_slow(image, path, bound)
            return _upright(image).size
    except MemoryError:
        raise
    except Exception as problem:
        raise unreadable_image(str(path), problem) from problem


@contextmanager
def _decoded(path: Path | PackedFile, bound: PixelBound) -> Iterator[Image.Image]:
    """An image with its pixels in memory."""
    with ExitStack() as stack:
        image = stack.enter_context(_opened(path))
        stack.enter_context(bound.room_for(image.size))
        _refuse_slow(image, path, bound)
        try:
            image.load()
        except ValueError:  # as in `_opened`, where text stands behind the pixels
            if not _is_png(path):
                raise
            image = stack.enter_context(_png_without_metadata(path))
            image.load()
        yield image


def _refuse_slow(image: Image.Image, path: Path | PackedFile, bound: PixelBound) -> None:
    """Refuse an image of few bytes, or few pixels, that would take minutes.

    Raises:
        ValueError: then.
    """
    pixels = math.prod(image.size)
    if image.format in ("JPEG", "MPO"):
        passes = _passes(path.read_bytes())
        if passes * pixels > MOST_PASSES * bound.pixels:
            raise ValueError(
                f"it draws {passes:,} times over its {pixels / 1e6:,.1f} million pixels, as no camera does"
            )
    tiles = getattr(image, "tile", None)  # what a file of Pillow's says of how it is decoded
    if tiles and tiles[0][0] == "ppm_plain" and pixels * len(image.getbands()) > MOST_WRITTEN_OUT:
        raise ValueError("its numbers are written out, which takes minutes to read of so many; save it as binary PNM")


def _passes(jpeg: bytes) -> int:
    """How many scans a JPEG has, each of which goes over all its pixels."""
    passes, start = 0, 2
    while (marker := MARKER.search(jpeg, start)) and marker[1] != b"\xd9":  # its end, behind which may be anything
        passes += marker[1] == b"\xda"
        start = marker.end()
        start += int.from_bytes(jpeg[start : start + 2], "big")  # which may hold such bytes, too, as of a thumbnail
    return passes


def _opened(path: Path | PackedFile) -> Image.Image:
    """An image of which hardly more than the header has been read."""
    if isinstance(path, Path):
        refuse_irregular(path)
    try:
        return Image.open(path if isinstance(path, Path) else path.open(), formats=_formats(path.suffix.lower()))
    except (ValueError, UnidentifiedImageError):  # Pillow refuses long text, and stops at chunks that are damaged
        if not _is_png(path):
            raise
        return _png_without_metadata(path)


def _is_png(path: Path | PackedFile) -> bool:
    with path.open("rb") as file:
        return file.read(len(PNG)) == PNG


def _png_without_metadata(path: Path | PackedFile) -> Image.Image:
    """A PNG of which nothing but pixels and orientation is looked at."""
    content = path.read_bytes()
    chunks, start = [PNG], len(PNG)
    while start < len(content):
        end = start + 12 + int.from_bytes(content[start : start + 4], "big")  # length, name, what it holds, checksum
        if content[start + 4 : start + 8] in NEEDED:
            chunks.append(content[start:end])
        start = end
    return Image.open(BytesIO(b"".join(chunks)), formats=["PNG"])


def _formats(suffix: str) -> list[str]:
    """The formats that a file of this ending may have."""
    Image.init()
    known = ((name, suffixes) for name, suffixes in ENDINGS.items() if name in Image.OPEN)  # AVIF came with Pillow 11.3
    return [name for name, suffixes in known if name not in UNSIGNED or suffix in suffixes]


def _upright(image: Image.Image) -> Image.Image:
    """An image turned as its EXIF orientation says."""
    image.load()  # which turns a TIFF
    turn = TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """Its EXIF orientation, from 1 to 8; 1 if it has none that can be read."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # cameras and converters write anything there, which spoils no pixel
        return 1


def unreadable_image(place: str, problem: Exception) -> UserError:
    """What is said of an image that cannot be read, on one line."""
    if isinstance(problem, UnidentifiedImageError):
        reason = f"its content is none of {', '.join(ENDINGS)}"
    else:  # of system errors without the path, which they repeat
        reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return UserError(printable(f"{place}: cannot read this image: {reason}"))
