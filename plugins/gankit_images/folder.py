"""The data set of a folder of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Self, TypeAlias, cast

from pydantic import AfterValidator, PrivateAttr, WithJsonSchema
from pydantic_core import PydanticCustomError

from gankit import AbsolutePath, UserError
from gankit.core.text import names_in_short, printable
from gankit_images.classes import (
    class_folders,
    class_folders_by_text,
    class_in_file,
    classes_in_file,
    in_natural_order,
)
from gankit_images.reports import report_other_folders
from gankit_images.resized import Pictures

if TYPE_CHECKING:
    import numpy as np

    from gankit.config.experiment import Experiment
    from gankit.data.label_file import FolderLabels
    from gankit.data.trees import ImageTree
    from gankit_images.label_table import Attributes
    from gankit_images.pictures import PictureFiles


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


class Folder(Pictures):
    """The images of a folder or a zip archive and of all folders in it, in the order of their paths.

    Read are PNG, JPEG, WebP, BMP, GIF (the first frame), TIFF, PNM, AVIF, JPEG 2000 and TGA, from regular files and
    links to them; names that begin with a dot are passed over. Images are turned as their EXIF orientation says and
    brought to the final resolution once, on all cores, by `gankit prepare` or by whatever needs them first; they are
    kept in the cache (`gankit cache`) and read from there.
    """

    path: AbsolutePath
    """The folder or .zip; a relative path starts from the current folder and is saved as an absolute one."""
    labels: bool | LabelFile = False
    """true: make each folder directly inside `path` a class, numbered in natural order of their names: 2 before 10.
    Hidden ones and those of systems (__MACOSX, @eaDir, lost+found, ...) are none, one without images is refused.
    dataset.json: read them from that file in `path`, as StyleGAN2-ADA's data sets and folders that gankit sample fills
    have it. A name that ends in .csv, relative to `path` (../labels.csv lies beside it): read them from its columns
    `file` and `label`, which its first line names; classes are the texts in natural order. If it has no column `label`,
    all others but `file` are attributes, whose numbers each image has in place of a class. A run keeps the classes that
    it began with."""
    later_options: ClassVar[tuple[str, ...]] = ("max_megapixels", "range", "fit", "filter")

    _by_text: bool = PrivateAttr(False)
    """Whether a run began before runs kept their classes."""

    def class_names(self) -> list[str]:
        """The folders that are classes, in the order of their numbers; none without labels.

        Raises:
            UserError: if no run has kept them and the folder is missing or empty, an image lies in no class, or a class
                holds no images.
        """
        if not self.labels:
            return []
        if self._kept is not None:
            return [*self._kept]
        if self._attributes is not None:
            return []
        if (labels := self._in_file) is not None:
            return classes_in_file(self.path, labels, self.tree.found.files)
        return (class_folders_by_text if self._by_text else class_folders)(self.tree)

    def attribute_names(self) -> list[str]:
        """The columns of a table that has none of classes.

        Raises:
            UserError: if it cannot be read, or an image is not in it.
        """
        if (attributes := self._attributes) is None:
            return []
        for file in self.tree.found.files:
            self._values_of(file)
        return attributes.names

    def with_classes(self, names: Sequence[str] | None) -> Self:
        """With these folders as classes; images in others are passed over."""
        data = self.model_copy()
        data._kept, data._by_text = None if names is None or not self.labels else tuple(names), names is None
        return data

    def image_count(self) -> int:
        """How many there are, with those that cannot be read.

        Raises:
            UserError: if there are none.
        """
        return len(self.tree.found.files)

    def describe(self) -> str:
        """How many images there are, of each class, and what else lies there but their labels, by its endings.

        Raises:
            UserError: see `class_names`.
        """
        names = self.class_names()
        counts = Counter(self._class_of(file, names) for file in self.tree.found.files if names)
        found = self.tree.found
        if (told := self._told) is not None and told.file.is_relative_to(self.path):
            label_file = Counter({told.file.suffix.lower(): 1})
            found = found._replace(passed_over=found.passed_over - label_file)
        said = found.in_words({name: counts[name] for name in names} if names else None)
        attributes = self.attribute_names()
        return f"{said}; attributes: {names_in_short(attributes)}" if attributes else said

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Look for images that lie in no class."""
        if self.labels and self.missing(experiment) is None:
            try:
                self.class_names()
                self.attribute_names()
            except UserError as problem:
                yield str(problem)

    def _all(self) -> PictureFiles:
        return self._source(self.tree.found.files)

    def _chosen(self) -> tuple[PictureFiles, np.ndarray | None]:
        """Those of classes that the run has, if there are classes, and their classes or attributes."""
        import numpy as np

        if not self.labels:
            return self._all(), None
        if self._attributes is not None:
            files = self.tree.found.files
            return self._source(files), np.array([self._values_of(file) for file in files], np.float32)
        files, names = self._labelled_files(), self.class_names()
        numbers = {name: number for number, name in enumerate(names)}
        classes = [numbers[self._class_of(file, names)] for file in files]
        return self._source(files), np.array(classes, np.int64)

    def _source(self, files: Sequence[Path]) -> PictureFiles:
        """Some of the images, to be decoded."""
        from gankit_images.pictures import PictureFiles

        return PictureFiles(self.tree, files, self.channels, self._decoding)

    @cached_property
    def tree(self) -> ImageTree:
        """The folder or archive."""
        from gankit.data.trees import image_tree

        return image_tree(self.path)

    @property
    def _in_file(self) -> FolderLabels | None:
        """What the label file says of classes; None if the folders tell of these, or it has attributes."""
        return None if self._attributes is not None else cast("FolderLabels | None", self._told)

    @property
    def _attributes(self) -> Attributes | None:
        """What the label file says if it has attributes."""
        from gankit_images.label_table import Attributes

        return told if isinstance(told := self._told, Attributes) else None

    def _values_of(self, file: Path) -> tuple[float, ...]:
        """The attributes of an image.

        Raises:
            UserError: if it has none.
        """
        attributes = self._attributes
        assert attributes is not None
        if (values := attributes.values.get(file.as_posix())) is None:
            raise UserError(f"labels: {printable(str(self.path / file))} has no line in {attributes.file}")
        return values

    @cached_property
    def _told(self) -> FolderLabels | Attributes | None:
        """What the label file says; None if the folders tell of classes, or there are no labels.

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
