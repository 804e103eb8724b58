"""The data set of an array in a file."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from gankit import AbsolutePath, LabelledImages, UserError
from gankit_images.resized import Range, Resized

if TYPE_CHECKING:
    import numpy as np

    from gankit.config.experiment import Experiment
    from gankit_images.array_files import ArrayImages

Layout: TypeAlias = Literal["channels-last", "channels-first"]
"""Whether images are [N, height, width, channels] or [N, channels, height, width]."""


class Arrays(Resized):
    """Images of an array in a file: .npy, .npz or .safetensors, which is never read as a whole but for .npz.

    An array is [N, height, width], or has channels too, last or first. uint8 are levels from 0 to 255; of all other
    numbers `range` says which are black and white. Images of another size or shape than wanted are resized. They are
    brought to the final resolution once and kept in the cache, as those of a folder are.
    """

    path: AbsolutePath
    """The file; a relative path starts from the current folder and is saved as an absolute one."""
    array: str = "images"
    """The name of the images' array where a file has several."""
    layout: Layout | None = None
    """channels-last: [N, height, width, channels]; channels-first: [N, channels, height, width]. Default: whichever
    gives 1, 3 or 4 channels; with it there may be any number."""
    labels: bool | AbsolutePath = False
    """true: classes are the whole numbers from 0 of the file's array `labels`. Or the .npy that holds them."""
    range: Range | None = None
    """Which numbers are black and white, such as [0, 1] or [-1, 1]; what lies beyond is cut off. Default: 0 and 255, in
    arrays of uint8 alone."""

    def image_channels(self) -> int:
        """As many as the array has.

        Raises:
            UserError: if it cannot be read.
        """
        return self._images.channels

    def class_count(self) -> int:
        """One more than the highest label, or 0 without labels.

        Raises:
            UserError: if they cannot be read, or are no classes.
        """
        return 0 if self._classes is None else int(self._classes.max()) + 1

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Look at the array and its labels."""
        if self.path.is_file():
            try:
                self.image_channels()
                self.class_count()
            except UserError as problem:
                yield str(problem)

    def missing(self, experiment: Experiment) -> str | None:
        """The file, or room in the cache."""
        if not self.path.is_file():
            return f"there is no file {self.path}"
        try:
            images = self._images
        except UserError:  # said by `problems`
            return None
        return self._lack_of_room(images, experiment)

    def load(self, resolution: int) -> LabelledImages:
        """All images, uint8 [N, channels, resolution, width].

        Raises:
            UserError: if the file cannot be read, or there is no room for what is made of it.
        """
        from gankit.data.prepared import FromDisk, prepared

        width = round(resolution * self.aspect())
        kept = prepared(self._images, self._images.channels, resolution, width)
        return FromDisk.of(kept, resolution, self._classes)

    @cached_property
    def _images(self) -> ArrayImages:
        from gankit_images.array_files import ArrayImages
        from gankit_images.pictures import Decoding

        return ArrayImages(self.path, self.array, self.layout, Decoding(self.range, self.fit, self.filter))

    @cached_property
    def _classes(self) -> np.ndarray | None:
        from gankit_images.array_files import read_classes

        if self.labels is False:
            return None
        file, name = (self.path, "labels") if self.labels is True else (self.labels, None)
        return read_classes(Path(file), name, len(self._images))
