"""What data sets of pictures share: how these are decoded and come to their size, and that this is done once."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from gankit import AbsolutePath, Dataset, LabelledImages, UserError
from gankit_images.reports import report_little_contrast, report_skipped

if TYPE_CHECKING:
    import numpy as np

    from gankit.config.experiment import Experiment
    from gankit.data.prepared import ImageReader
    from gankit_images.pictures import Decoding, EncodedPictures

Fit: TypeAlias = Literal["crop", "pad", "squash"]
"""What becomes of a picture of another shape: cut to its middle, framed in black, or stretched."""
Filter: TypeAlias = Literal["lanczos", "bicubic", "bilinear", "hamming", "box", "nearest"]
"""Pillow's filters, by which pictures are resized."""


def _two_numbers(levels: tuple[float, float]) -> tuple[float, float]:
    """Black and white, if they differ."""
    if levels[0] == levels[1]:
        raise PydanticCustomError("range", "expected two numbers that differ, that of black and that of white")
    return levels


Range: TypeAlias = Annotated[tuple[float, float], AfterValidator(_two_numbers)]
"""Which numbers are black and white."""


class Resized(Dataset):
    """Images of any size that lie somewhere, are brought to one size once and kept in the cache."""

    path: AbsolutePath
    """Where they lie; a relative path starts from the current folder and is saved as an absolute one."""
    shape: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = (1, 1)
    """Height and width of the images in any unit: [1, 2] or [4, 8] makes them twice as wide as high."""
    fit: Fit = "crop"
    """What becomes of images of another shape. crop: their middle is cut out; pad: they are framed in black (or in
    nothing, with four channels); squash: they are stretched."""
    filter: Filter = "lanczos"
    """Pillow's filter by which they are brought to the final resolution; the lower ones are means of its pixels."""

    def aspect(self) -> float:
        """As `shape` says."""
        height, width = self.shape
        return width / height

    def _lack_of_room(self, reader: ImageReader, experiment: Experiment) -> str | None:
        """Say that the cache has no room for what is made of the images of a reader."""
        from gankit.data.prepared import lack_of_room

        final = max(stage.resolution for stage in experiment.growth.stages())
        return lack_of_room(reader, self.image_channels(), final, round(final * self.aspect()))


class Pictures(Resized):
    """Image files, wherever they lie."""

    channels: Literal[1, 3, 4] = 3
    """1: grey, 3: RGB, laid on black where they are transparent; 4: RGB multiplied by opacity, and the opacity."""
    broken: Literal["stop", "skip"] = "stop"
    """What to do about an image that cannot be read. stop: refuse to train, naming it. skip: leave it out, and say how
    many were; classes are numbered as if it were there."""
    max_megapixels: Annotated[float, Field(gt=0)] = 180.0
    """Millions of pixels that are decoded at a time, each of which takes 4 to 24 bytes meanwhile; an image of more
    cannot be read."""
    range: Range | None = None
    """Which numbers are black and white in grey images of more than 8 bits: [0, 4095] for 12 bits kept in 16, [0, 1]
    for floating-point numbers; what lies beyond is cut off. Default: 0 and 65535, and images of 32 bits that need not
    be meant so are refused."""

    _kept: tuple[str, ...] | None = PrivateAttr(None)
    """The classes that a run began with."""

    @abstractmethod
    def class_names(self) -> list[str]:
        """What the classes are called, in the order of their numbers: those of the run; none without labels.

        Raises:
            UserError: if no run has kept them and they cannot be found out.
        """

    def class_count(self) -> int:
        """Number of classes, or 0 without labels.

        Raises:
            UserError: see `class_names`.
        """
        return len(self.class_names())

    @abstractmethod
    def _all(self) -> EncodedPictures:
        """All of them.

        Raises:
            UserError: if there are none, or what holds them cannot be read.
        """

    @abstractmethod
    def _chosen(self) -> tuple[EncodedPictures, np.ndarray | None]:
        """Those to train on, and the class of each, int64 [N]; None without labels.

        Raises:
            UserError: if what holds them cannot be read, or one has no class.
        """

    def image_channels(self) -> int:
        """As many as asked for."""
        return self.channels

    def missing(self, experiment: Experiment) -> str | None:
        """What holds the images, images in it, or room in the cache to hold them."""
        try:
            reader = self._all()
        except UserError as problem:
            return str(problem)
        if experiment.data is not self:  # it stands in another data set, which may not want all of it
            return None
        return self._lack_of_room(reader, experiment)

    def load(self, resolution: int) -> LabelledImages:
        """All images, uint8 [N, channels, resolution, width], as wide as `shape` demands.

        Raises:
            UserError: if what holds them is missing or empty, there is no room for its images, or one cannot be read;
                if those are skipped, when nothing is left.
        """
        from gankit.data.prepared import FromDisk, prepared

        reader, classes = self._chosen()
        width = round(resolution * self.aspect())
        kept = prepared(reader, self.channels, resolution, width, skip=self.broken == "skip")
        if kept.skipped:
            report_skipped(self.path, len(reader), [reader.name(each.position) for each in kept.skipped])
        report_little_contrast(self.path, kept.darkest, kept.lightest)
        return FromDisk.of(kept, resolution, None if classes is None else classes[kept.positions])

    @property
    def _decoding(self) -> Decoding:
        from gankit_images.pictures import Decoding

        return Decoding(self.range, self.fit, self.filter, self.max_megapixels)
