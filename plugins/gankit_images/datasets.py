"""Data sets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from gankit import Dataset, LabelledImages, UserError

if TYPE_CHECKING:
    from gankit.config import Experiment

AbsolutePath = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
"""A path made absolute when it is read, so that a saved experiment means the same from any folder."""


class Digits(Dataset):
    """1797 real scans of handwritten digits, 8x8 in 17 levels of grey, shown up to 16x16.

    They are the ones that scikit-learn brings (load_digits): the test set of Alpaydin and Kaynak's "Optical
    Recognition of Handwritten Digits", UCI 1998. Above 8x8 they are interpolated bilinearly.
    """

    labels: bool = False
    """Give each image the digit it shows as its class."""

    def image_channels(self) -> int:
        """One, grey."""
        return 1

    def class_count(self) -> int:
        """The ten digits, or 0 without labels."""
        return 10 if self.labels else 0

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Refuse resolutions at which there would be nothing but interpolation to learn."""
        final = max(stage.resolution for stage in experiment.growth.stages())
        if final > 16:
            yield f"digits are scans of 8x8 pixels, shown up to 16x16, but the growth ends at {final}x{final}"

    def load(self, resolution: int) -> LabelledImages:
        """All digits, uint8 [1797, 1, resolution, resolution]."""
        import numpy as np
        from sklearn.datasets import load_digits

        from gankit_images.pictures import resized_scan

        scans, digits = load_digits(return_X_y=True)
        images = np.stack([resized_scan(scan.reshape(8, 8) * (255 / 16), resolution) for scan in scans])
        return LabelledImages(images[:, None], digits.astype(np.int64) if self.labels else None)


class Folder(Dataset):
    """The images of a folder and of all folders in it, in the order of their paths.

    Read are PNG, JPEG, WebP, BMP, GIF (the first frame), TIFF and PNM; names that begin with a dot are passed over.
    Images are turned as their EXIF orientation says, laid on black where they are transparent, cut to the square in
    their middle and resized with Pillow's Lanczos filter. All are held in memory at the final resolution.
    """

    path: AbsolutePath
    """The folder; a relative path starts from the current folder and is saved as an absolute one."""
    channels: Literal[1, 3] = 3
    """3: RGB, 1: grey."""
    labels: bool = False
    """Make each folder directly inside `path` a class, numbered in the order of their names."""

    def image_channels(self) -> int:
        """As many as asked for."""
        return self.channels

    def class_count(self) -> int:
        """Number of folders that hold images, or 0 without labels."""
        return len(self._class_names()) if self.labels else 0

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Look for the folder, and for images in it."""
        try:
            self._class_names()
        except UserError as problem:
            yield str(problem)

    def load(self, resolution: int) -> LabelledImages:
        """All images, uint8 [N, channels, resolution, resolution].

        Raises:
            UserError: if the folder is missing or empty, or an image cannot be read.
        """
        import numpy as np

        from gankit_images.pictures import read_all

        files = self._files()
        images = read_all([self.path / file for file in files], resolution, self.channels)
        if not self.labels:
            return LabelledImages(images, None)
        numbers = {name: number for number, name in enumerate(self._class_names())}
        return LabelledImages(images, np.array([numbers[file.parts[0]] for file in files], np.int64))

    def _files(self) -> list[Path]:
        """Paths of the images relative to the folder, at least one."""
        from gankit_images.pictures import SUFFIXES, image_files

        if not self.path.is_dir():
            raise UserError(f"there is no folder {self.path}")
        files = image_files(self.path)
        if not files:
            raise UserError(f"there are no images in {self.path}; looked for {', '.join(sorted(SUFFIXES))}")
        return files

    def _class_names(self) -> list[str]:
        """Names of the folders directly inside that hold images."""
        files = self._files()
        loose = [file for file in files if len(file.parts) == 1]
        if self.labels and loose:
            raise UserError(f"labels: {self.path / loose[0]} lies in no folder that could be its class")
        return sorted({file.parts[0] for file in files})
