"""The data set of a folder of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, PrivateAttr, WithJsonSchema
from pydantic_core import PydanticCustomError

from gankit import AbsolutePath, Dataset, LabelledImages, UserError
from gankit_images.classes import (
    class_folders,
    class_folders_by_text,
    class_in_file,
    classes_in_file,
    in_natural_order,
)
from gankit_images.reports import report_little_contrast, report_other_folders, report_skipped

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment
    from gankit.data.label_file import FolderLabels
    from gankit.data.trees import ImageTree
    from gankit_images.pictures import PictureFiles

Fit: TypeAlias = Literal["crop", "pad", "squash"]
"""What becomes of a picture of another shape: cut to its middle, framed in black, or stretched."""
Filter: TypeAlias = Literal["lanczos", "bicubic", "bilinear", "hamming", "box", "nearest"]
"""Pillow's filters, by which pictures are resized."""


def two_numbers(levels: tuple[float, float]) -> tuple[float, float]:
    """Black and white, if they differ."""
    if levels[0] == levels[1]:
        raise PydanticCustomError("range", "expected two numbers that differ, that of black and that of white")
    return levels


def a_file_of_labels(name: str) -> str:
    """The name of a file that labels are read from, if it is one."""
    if name != "dataset.json" and not name.lower().endswith(".csv"):
        raise PydanticCustomError("labels", "expected dataset.json, or the name of a .csv")
    return name


LabelFile: TypeAlias = Annotated[
    str,
    AfterValidator(a_file_of_labels),
    WithJsonSchema({"type": "string", "pattern": r"^dataset\.json$|\.[cC][sS][vV]$"}),
]
"""What says of which class each image is."""


class Folder(Dataset):
    """The images of a folder or a zip archive and of all folders in it, in the order of their paths.

    Read are PNG, JPEG, WebP, BMP, GIF (the first frame), TIFF, PNM, AVIF, JPEG 2000 and TGA, from regular files and
    links to them; names that begin with a dot are passed over. Images are turned as their EXIF orientation says and
    brought to the final resolution once, on all cores, by `gankit prepare` or by whatever needs them first; they are
    kept in the cache (`gankit cache`) and read from there.
    """

    path: AbsolutePath
    """The folder or .zip; a relative path starts from the current folder and is saved as an absolute one."""
    channels: Literal[1, 3, 4] = 3
    """1: grey, 3: RGB, laid on black where they are transparent; 4: RGB multiplied by opacity, and the opacity."""
    shape: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = (1, 1)
    """Height and width of the images in any unit: [1, 2] or [4, 8] makes them twice as wide as high."""
    labels: bool | LabelFile = False
    """true: make each folder directly inside `path` a class, numbered in natural order of their names: 2 before 10.
    Hidden ones and those of systems (__MACOSX, @eaDir, lost+found, ...) are none, one without images is refused.
    dataset.json: read them from that file in `path`, as StyleGAN2-ADA's data sets and folders that gankit sample fills
    have it. A name that ends in .csv, relative to `path` (../labels.csv lies beside it): read them from its columns
    `file` and `label`, which its first line names; classes are the texts in natural order. A run keeps the classes that
    it began with."""
    broken: Literal["stop", "skip"] = "stop"
    """What to do about an image that cannot be read. stop: refuse to train, naming its file. skip: leave it out, and
    say how many were; classes are numbered as if it were there."""
    max_megapixels: Annotated[float, Field(gt=0)] = 180.0
    """Millions of pixels that are decoded at a time, each of which takes 4 to 24 bytes meanwhile; an image of more
    cannot be read."""
    fit: Fit = "crop"
    """What becomes of images of another shape. crop: their middle is cut out; pad: they are framed in black (or in
    nothing, with four channels); squash: they are stretched."""
    filter: Filter = "lanczos"
    """Pillow's filter by which they are brought to the final resolution; the lower ones are means of its pixels."""
    range: Annotated[tuple[float, float], AfterValidator(two_numbers)] | None = None
    """Which numbers are black and white in grey images of more than 8 bits: [0, 4095] for 12 bits kept in 16, [0, 1]
    for floating-point numbers; what lies beyond is cut off. Default: 0 and 65535, and images of 32 bits that need not
    be meant so are refused."""

    later_options: ClassVar[tuple[str, ...]] = ("max_megapixels", "range", "fit", "filter")

    _classes: tuple[str, ...] | None = PrivateAttr(None)
    """Those that a run began with."""
    _by_text: bool = PrivateAttr(False)
    """Whether it began before runs kept them."""

    def image_channels(self) -> int:
        """As many as asked for."""
        return self.channels

    def aspect(self) -> float:
        """As `shape` says."""
        height, width = self.shape
        return width / height

    def class_count(self) -> int:
        """Number of classes, or 0 without labels.

        Raises:
            UserError: see `class_names`.
        """
        return len(self.class_names())

    def class_names(self) -> list[str]:
        """The folders that are classes, in the order of their numbers; none without labels.

        Raises:
            UserError: if no run has kept them and the folder is missing or empty, an image lies in no class, or a class
                holds no images.
        """
        if not self.labels:
            return []
        if self._classes is not None:
            return [*self._classes]
        if self._in_file is not None:
            return classes_in_file(self.path, self._in_file, self.tree.found.files)
        return (class_folders_by_text if self._by_text else class_folders)(self.tree)

    def with_classes(self, names: Sequence[str] | None) -> Self:
        """With these folders as classes; images in others are passed over."""
        data = self.model_copy()
        data._classes, data._by_text = None if names is None or not self.labels else tuple(names), names is None
        return data

    def describe(self) -> str:
        """How many images there are, of each class, and what else lies there, by its endings.

        Raises:
            UserError: see `class_names`.
        """
        names = self.class_names()
        counts = Counter(self._class_of(file, names) for file in self.tree.found.files if names)
        return self.tree.found.in_words({name: counts[name] for name in names} if names else None)

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Look for images that lie in no class."""
        if self.labels and self.missing(experiment) is None:
            try:
                self.class_names()
            except UserError as problem:
                yield str(problem)

    def missing(self, experiment: Experiment) -> str | None:
        """The folder, images in it, or room in the cache to hold them."""
        from gankit.data.prepared import lack_of_room

        final = max(stage.resolution for stage in experiment.growth.stages())
        try:
            source = self._source(self.tree.found.files)
        except UserError as problem:
            return str(problem)
        if experiment.data is not self:  # it stands in another data set, which may not want all of it
            return None
        return lack_of_room(source, self.channels, final, round(final * self.aspect()))

    def load(self, resolution: int) -> LabelledImages:
        """All images, uint8 [N, channels, resolution, width], as wide as `shape` demands.

        Raises:
            UserError: if the folder is missing or empty, there is no room for its images, or one cannot be read; if
                those are skipped, when nothing is left.
        """
        import numpy as np

        from gankit.data.prepared import FromDisk, prepared

        files = self._labelled_files() if self.labels else self.tree.found.files
        width = round(resolution * self.aspect())
        kept = prepared(self._source(files), self.channels, resolution, width, skip=self.broken == "skip")
        if kept.skipped:
            report_skipped(self.path, len(files), [str(files[each.position]) for each in kept.skipped])
        report_little_contrast(self.path, kept.darkest, kept.lightest)
        if not self.labels:
            return FromDisk.of(kept, resolution, None)
        names = self.class_names()
        numbers = {name: number for number, name in enumerate(names)}
        labels = [numbers[self._class_of(files[position], names)] for position in kept.positions]
        return FromDisk.of(kept, resolution, np.array(labels, np.int64))

    def _source(self, files: Sequence[Path]) -> PictureFiles:
        """Some of the images, to be decoded."""
        from gankit_images.pictures import Decoding, PictureFiles

        decoding = Decoding(self.range, self.fit, self.filter, self.max_megapixels)
        return PictureFiles(self.tree, files, self.channels, decoding)

    @cached_property
    def tree(self) -> ImageTree:
        """The folder or archive."""
        from gankit.data.trees import image_tree

        return image_tree(self.path)

    @cached_property
    def _in_file(self) -> FolderLabels | None:
        """What the label file says; None if the folders tell of classes.

        Raises:
            UserError: if it cannot be read.
        """
        from gankit.data.label_file import LABEL_FILE, read_labels
        from gankit_images.label_table import read_label_table

        if not isinstance(self.labels, str):
            return None
        return read_labels(self.tree) if self.labels == LABEL_FILE else read_label_table(self.tree, self.labels)

    def _class_of(self, file: Path, names: Sequence[str]) -> str:
        """What the class of an image is called, which need not be one of `names`.

        Raises:
            UserError: if it has none.
        """
        return file.parts[0] if self._in_file is None else class_in_file(self.path, self._in_file, file, names)

    def _labelled_files(self) -> list[Path]:
        """All images but those of classes that are none of the run's, which are named on standard error.

        Raises:
            UserError: if no class holds any.
        """
        files, names = self.tree.found.files, self.class_names()
        classes, known = [self._class_of(file, names) for file in files], {*names}
        kept = [file for file, name in zip(files, classes, strict=True) if name in known]
        if not kept:
            raise UserError(f"{self.path}: none of its images lies in a class; they are {', '.join(names)}")
        if others := in_natural_order([*{*classes} - known]):
            report_other_folders(self.path, len(files) - len(kept), others)
        return kept
