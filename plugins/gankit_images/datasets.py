"""Data sets."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from gankit import AbsolutePath, Dataset, Images, LabelledImages, UserError
from gankit.core.memory import too_large

if TYPE_CHECKING:
    import numpy as np

    from gankit.config.experiment import Experiment


class Digits(Dataset):
    """1797 real scans of handwritten digits, 8x8 in 17 levels of grey, shown up to 16x16.

    They are the ones that scikit-learn brings (load_digits): the test set of Alpaydin and Kaynak's "Optical
    Recognition of Handwritten Digits", UCI 1998. Above 8x8 they are interpolated bilinearly.
    """

    later_options: ClassVar[tuple[str, ...]] = ("channels", "attributes")

    labels: bool = False
    """Give each image the digit it shows as its class."""
    channels: Literal[1, 3] = 1
    """1: grey; 3: the same grey as RGB."""
    attributes: tuple[Literal["slant", "thickness"], ...] = ()
    """Give each image these in place of a class, measured at the final resolution and told in standard deviations from
    the mean of all digits. slant: how far ink leans to the right, -m11/m02 of the second central moments of ink, y
    downwards. thickness: that of the strokes in pixels, twice the ink over the length of its outline, the sum of
    |gradient|."""

    def image_channels(self) -> int:
        """As many as asked for."""
        return self.channels

    def class_count(self) -> int:
        """The ten digits, or 0 without labels."""
        return 10 if self.labels else 0

    def image_count(self) -> int:
        """All that there are."""
        return 1797

    def own_height(self) -> int:
        """That of the scans."""
        return 8

    def attribute_names(self) -> Sequence[str]:
        """Those that are asked for."""
        return self.attributes

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Refuse resolutions at which there would be nothing but interpolation to learn, and labels of two kinds."""
        if self.labels and self.attributes:
            yield "labels and attributes are two kinds of labels; leave out one of them"
        if len({*self.attributes}) < len(self.attributes):
            yield "attributes names one twice"
        if "slant" in self.attributes and experiment.training.mirror:
            yield "a mirrored digit leans the other way; set training.mirror: false, or leave out slant"
        final = max(stage.resolution for stage in experiment.growth.stages())
        if final > 16:
            yield f"digits are scans of 8x8 pixels, shown up to 16x16, but the growth ends at {final}x{final}"

    def load(self, resolution: int) -> LabelledImages:
        """All digits, uint8 [1797, channels, resolution, resolution]."""
        import numpy as np

        from gankit_images.pictures import resized_scans

        scans = _table_of_digits()
        images = resized_scans(scans[:, :-1].reshape(-1, 8, 8) * (255 / 16), resolution)
        if self.attributes:
            from gankit_images.strokes import standardized

            labels = standardized(images, images, self.attributes)
        else:
            labels = scans[:, -1].astype(np.int64) if self.labels else None
        return LabelledImages(_in_channels(images[:, None], self.channels), labels)


def _in_channels(grey: np.ndarray, channels: int) -> np.ndarray:
    """Grey images in so many channels; in one as they are, for how they lie in memory decides the last bits."""
    return grey if channels == 1 else grey.repeat(channels, axis=1)


@cache
def _table_of_digits() -> np.ndarray:
    """A row for each digit, 64 levels from 0 to 16 and what it shows; what load_digits reads, which imports 1.4 s."""
    import numpy as np

    file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    return np.loadtxt(str(file), delimiter=",")


DRAW = 3
"""Names the draw among all that depend on a seed."""


class StackedDigits(Dataset):
    """Three of scikit-learn's digits in the three colour channels: 1,000 modes that can be counted.

    After Metz et al. 2017 ("Unrolled GANs", section 3.3.1), who stacked MNIST; measured by
    {use: mode-coverage, stacked: true} with the extractor `digits`.
    """

    images: Annotated[Images, Field(ge=1)] = 25_600
    """How many triples are drawn, as many as Lin et al. 2018 (PacGAN) measure by."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Decides which."""
    labels: bool = False
    """Give each image its three digits, read as a number below 1,000, as its class."""

    def image_channels(self) -> int:
        """Three, one a digit."""
        return 3

    def image_count(self) -> int:
        """As many as are drawn."""
        return self.images

    def own_height(self) -> int:
        """That of the scans."""
        return 8

    def class_count(self) -> int:
        """The 1,000 triples, or 0 without labels."""
        return 1000 if self.labels else 0

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Refuse what digits refuse."""
        return Digits().problems(experiment)

    def missing(self, experiment: Experiment) -> str | None:
        """Memory to hold them."""
        return too_many(self.images, self, [stage.resolution for stage in experiment.growth.stages()])

    def load(self, resolution: int) -> LabelledImages:
        """All triples, uint8 [images, 3, resolution, resolution]."""
        import numpy as np

        digits, classes = Digits(labels=True).load(resolution)
        assert classes is not None
        bits = np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(DRAW,))).random_raw(3 * self.images)
        chosen = (bits % np.uint64(len(digits))).astype(np.int64).reshape(self.images, 3)
        triples = classes[chosen] @ np.array([100, 10, 1])
        return LabelledImages(digits[chosen, 0], triples if self.labels else None)


DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""
CLOTHING = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
"""What its classes show, in the order of their numbers."""


class FashionMnist(Dataset):
    """70,000 grey pictures of clothing, 28x28 in a frame of two black pixels, in ten classes (Xiao et al. 2017).

    Read are the IDX files as Debian's package dataset-fashion-mnist and as torchvision lay them out; nothing is
    downloaded. Below 32x32 each pixel is the mean of a square block of pixels, rounded.
    """

    later_options: ClassVar[tuple[str, ...]] = ("channels",)

    path: AbsolutePath = DEBIAN_FASHION_MNIST
    """The folder of the files, compressed or not, or the root that torchvision was given; by default where Debian's
    package puts them."""
    split: Literal["train", "test"] = "train"
    """train: 60,000 images, test: 10,000."""
    labels: bool = False
    """Give each image its class: T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot."""
    channels: Literal[1, 3] = 1
    """1: grey; 3: the same grey as RGB."""

    def image_channels(self) -> int:
        """As many as asked for."""
        return self.channels

    def own_height(self) -> int:
        """With the frame."""
        return 32

    def class_count(self) -> int:
        """The ten kinds of clothing, or 0 without labels."""
        return len(CLOTHING) if self.labels else 0

    def class_names(self) -> Sequence[str]:
        """As Xiao et al. call them."""
        return CLOTHING if self.labels else ()

    def test_part(self) -> FashionMnist | None:
        """The test split, if this is the train split."""
        return self.model_copy(update={"split": "test"}) if self.split == "train" else None

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Refuse resolutions that whole squares of pixels do not lead to."""
        final = max(stage.resolution for stage in experiment.growth.stages())
        if 32 % final:
            yield f"images have 32x32 pixels or that halved some times, but the growth ends at {final}x{final}"

    def missing(self, experiment: Experiment) -> str | None:
        """The files that would be read, unless they are there."""
        try:
            self._file("images-idx3-ubyte")
            if self.labels:
                self._file("labels-idx1-ubyte")
            if experiment.evaluation.quick_protocol().metrics and (test := self.test_part()) is not None:
                test._file("images-idx3-ubyte")
        except UserError as problem:
            return str(problem)
        return None

    def load(self, resolution: int) -> LabelledImages:
        """All images of the split, uint8 [N, channels, resolution, resolution].

        Raises:
            UserError: if a file is missing or damaged.
        """
        import numpy as np

        from gankit.data.images import reduced
        from gankit_images.idx import read_idx

        file = self._file("images-idx3-ubyte")
        pixels = read_idx(file, dimensions=3)
        if pixels.shape[1:] != (28, 28) or not len(pixels):
            raise UserError(f"{file} should hold images of 28x28 pixels, not an array {list(pixels.shape)}")
        framed = np.pad(pixels, ((0, 0), (2, 2), (2, 2)))[:, None]
        images = framed if resolution == 32 else reduced(framed, resolution)
        labels = self._read_labels(len(images)) if self.labels else None
        return LabelledImages(_in_channels(images, self.channels), labels)

    def _read_labels(self, images: int) -> np.ndarray:
        """The labels of so many images, int64 [images]."""
        import numpy as np

        from gankit_images.idx import read_idx

        file = self._file("labels-idx1-ubyte")
        labels = read_idx(file, dimensions=1)
        if len(labels) != images:
            raise UserError(f"{file} holds {len(labels)} labels, but there are {images} images")
        if labels.max() >= self.class_count():
            raise UserError(f"{file} should hold classes from 0 to {self.class_count() - 1}, not {labels.max()}")
        return labels.astype(np.int64)

    def _file(self, name: str) -> Path:
        """A file of the split, in `path` or in the folder that torchvision has for it."""
        name = f"{'train' if self.split == 'train' else 't10k'}-{name}"
        for folder in (self.path, self.path / "raw", self.path / "FashionMNIST" / "raw"):
            for file in (folder / name, folder / f"{name}.gz"):
                if os.path.isfile(file):
                    return file
        raise UserError(
            f"there is no {name}, with or without .gz, in {self.path} nor in FashionMNIST/raw below it; get it by "
            f"`apt-get install dataset-fashion-mnist`, which puts it in {DEBIAN_FASHION_MNIST}, "
            "or by torchvision.datasets.FashionMNIST(root, download=True), whose root can be the path"
        )


def too_many(images: int, dataset: Dataset, resolutions: Sequence[int]) -> str | None:
    """Say that so many images, held at each of `resolutions`, do not fit into memory; None if they do."""
    pixels = sum(resolution * round(resolution * dataset.aspect()) for resolution in set(resolutions))
    size = f"{round(max(resolutions) * dataset.aspect())}x{max(resolutions)}"
    return too_large(f"{images:,} images of {size} pixels", images * dataset.image_channels() * pixels)
