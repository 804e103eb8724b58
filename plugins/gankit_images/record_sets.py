"""What data sets share that hold image files by the thousand in a few larger files."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from gankit import AbsolutePath, UserError
from gankit_images.reports import report_other_folders
from gankit_images.resized import Pictures

if TYPE_CHECKING:
    import numpy as np

    from gankit.config.experiment import Experiment
    from gankit_images.records import Labels, RecordPictures, Records


class RecordSet(Pictures):
    """Images out of a few larger files, in the order in which they lie there."""

    package: ClassVar[str | None] = None
    """What it needs beside gankit; the extra that brings it is called as the data set is."""
    extra: ClassVar[str] = ""

    labels: bool | AbsolutePath = False
    """true: each image has the class that is written beside it: whole numbers from 0, or text, whose classes are in
    natural order. Or the .npy that holds a whole number for each image, in their order. A run keeps the classes that it
    began with."""
    classes: tuple[str, ...] = ()
    """What the classes 0, 1, ... are called where labels are numbers; default: by their numbers."""

    @abstractmethod
    def _open(self) -> Records:
        """Where the images lie.

        Raises:
            UserError: if they are not there, or cannot be read.
        """

    def class_names(self) -> list[str]:
        """What the classes are called; none without labels.

        Raises:
            UserError: if no run has kept them and the images cannot be read, or have no classes.
        """
        if self.labels is False:
            return []
        return [*(self._labels.names if self._kept is None else self._kept)]

    def with_classes(self, names: Sequence[str] | None) -> Self:
        """With these classes; images of others are passed over."""
        data = self.model_copy()
        data._kept = None if names is None or self.labels is False else tuple(names)
        return data

    def describe(self) -> str:
        """How many images there are, of each class, and what else lies there.

        Raises:
            UserError: see `class_names`.
        """
        import numpy as np

        from gankit.data.image_files import found_in_words

        counts, passed_over = None, self._records.passed_over
        if self.labels is True and self._records.labels_are is not None:  # each image has one, which is read
            passed_over = passed_over - Counter({self._records.labels_are: len(self._records)})
        if self.labels is not False:
            names, numbers = self.class_names(), self._numbers
            each = np.bincount(numbers[numbers >= 0], minlength=len(names)).tolist()
            counts = dict(zip(names, each, strict=True))
        return found_in_words(len(self._records), passed_over, counts)

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Look for images that have no class."""
        if self.labels is not False and self.missing(experiment) is None:
            try:
                self.class_names()
            except UserError as problem:
                yield str(problem)

    def _all(self) -> RecordPictures:
        return self._pictures(None)

    def _chosen(self) -> tuple[RecordPictures, np.ndarray | None]:
        """Those of classes that the run has, if there are classes."""
        import numpy as np

        if self.labels is False:
            return self._all(), None
        numbers = self._numbers
        chosen = np.flatnonzero(numbers >= 0)
        if len(chosen) == len(numbers):
            return self._all(), numbers
        names = self.class_names()
        if not len(chosen):
            raise UserError(f"{self.path}: none of its images is of a class; they are {', '.join(names)}")
        others = [name for name in self._labels.names if name not in names]
        report_other_folders(self.path, len(numbers) - len(chosen), others)
        return self._pictures(chosen), numbers[chosen]

    def _pictures(self, chosen: np.ndarray | None) -> RecordPictures:
        from gankit_images.records import RecordPictures

        return RecordPictures(self._records, chosen, self.channels, self._decoding)

    @cached_property
    def _records(self) -> Records:
        """Where the images lie.

        Raises:
            UserError: if they are not there or cannot be read, or what reads them is not installed.
        """
        if self.package is not None and not find_spec(self.package):
            raise UserError(f"the data set needs {self.package}: pip install 'gankit[{self.extra}]'")
        return self._open()

    @cached_property
    def _labels(self) -> Labels:
        """The classes as they are found.

        Raises:
            UserError: if there are none, or they are not as many as `classes`.
        """
        from gankit_images.array_files import read_classes
        from gankit_images.records import numbered

        if isinstance(self.labels, Path):
            found = numbered(read_classes(self.labels, None, len(self._records)), str(self.labels))
        else:
            found = self._records.labels()
        if not self.classes:
            return found
        if not found.are_numbers:
            raise UserError(f"classes: they have names already: {', '.join(found.names):.200}")
        if len(self.classes) != len(found.names):
            raise UserError(f"classes: gives {len(self.classes)} names, but labels are of {len(found.names)} classes")
        return found._replace(names=[*self.classes], are_numbers=False)

    @property
    def _numbers(self) -> np.ndarray:
        """The class of each image as `class_names` numbers them, int64 [N]; -1 if it is none of them."""
        import numpy as np

        places = {name: number for number, name in enumerate(self.class_names())}
        return np.array([places.get(name, -1) for name in self._labels.names], np.int64)[self._labels.numbers]
