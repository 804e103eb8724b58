"""The data sets that torchvision reads and downloads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from gankit import AbsolutePath, Dataset, LabelledImages, UserError
from gankit.core.options import did_you_mean
from gankit_images.resized import Filter

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment
    from gankit_images.indexed import IndexedImages

Name: TypeAlias = Literal[
    "mnist", "fashion-mnist", "kmnist", "emnist", "cifar10", "cifar100", "svhn", "stl10", "celeba", "lsun"
]
"""What the sets are called here."""


class _Set(NamedTuple):
    """One of torchvision's sets."""

    kind: str
    """The name of its class there."""
    channels: int
    classes: int
    """0 where there are none to train on."""
    train: dict[str, Any]
    """The arguments that choose the part to train on."""
    test: dict[str, Any] | None = None
    """Those of the part to test on."""


def _by_flag(kind: str, channels: int, classes: int, **others: Any) -> _Set:
    return _Set(kind, channels, classes, {"train": True, **others}, {"train": False, **others})


def _by_name(kind: str, channels: int, classes: int, train: str = "train") -> _Set:
    return _Set(kind, channels, classes, {"split": train}, {"split": "test"})


SETS: dict[str, _Set] = {
    "mnist": _by_flag("MNIST", 1, 10),
    "fashion-mnist": _by_flag("FashionMNIST", 1, 10),
    "kmnist": _by_flag("KMNIST", 1, 10),
    "emnist": _by_flag("EMNIST", 1, 47, split="balanced"),
    "cifar10": _by_flag("CIFAR10", 3, 10),
    "cifar100": _by_flag("CIFAR100", 3, 100),
    "svhn": _by_name("SVHN", 3, 10),
    "stl10": _by_name("STL10", 3, 10),
    "celeba": _by_name("CelebA", 3, 0),
    "lsun": _Set("LSUN", 3, 0, {}),
}
"""By what they are called here."""


def _lsun_categories() -> Iterator[str]:
    """The databases of lsun."""
    for scene in (
        *("bedroom", "bridge", "church_outdoor", "classroom", "conference_room", "dining_room", "kitchen"),
        *("living_room", "restaurant", "tower"),
    ):
        yield f"{scene}_train"
        yield f"{scene}_val"
    yield "test"


class Torchvision(Dataset):
    """A data set by its name, as torchvision reads it: MNIST, CIFAR-10, SVHN, CelebA, ...

    Images are cut to the square in their middle and brought to the final resolution once; they are kept in the cache,
    as those of a folder are.
    """

    name: Name
    """mnist, fashion-mnist, kmnist, emnist (balanced, 47 classes), cifar10, cifar100, svhn, stl10 (labelled part),
    celeba, lsun (of one category)."""
    root: AbsolutePath
    """The folder that torchvision is given as root; a relative path starts from the current folder."""
    split: Literal["train", "test"] = "train"
    """Which part is trained on."""
    labels: bool = False
    """Give each image its class; celeba and lsun have none."""
    download: bool = False
    """Let torchvision download what is not there; lsun cannot be."""
    category: str = "bedroom_train"
    """Of lsun alone: which of its databases."""
    filter: Filter = "lanczos"
    """Pillow's filter by which images are brought to the final resolution; the lower ones are means of its pixels."""

    def image_channels(self) -> int:
        """1 of scans, else 3."""
        return SETS[self.name].channels

    def class_count(self) -> int:
        """Number of classes, or 0 without labels."""
        return SETS[self.name].classes if self.labels else 0

    def test_part(self) -> Torchvision | None:
        """The set's own images for testing, if this is the part for training."""
        if self.split == "test" or SETS[self.name].test is None:
            return None
        return type(self).model_validate({**self.model_dump(), "split": "test"})  # a copy would keep what is opened

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Refuse labels where there are none, and a part that is not there."""
        known = SETS[self.name]
        if self.labels and not known.classes:
            yield f"labels: {self.name} has no classes to train on"
        if self.split == "test" and known.test is None:
            yield f"split: {self.name} has no test part"
        if self.name == "lsun" and self.category not in (there := [*_lsun_categories()]):
            hint = did_you_mean(self.category, there) or f" There are: {', '.join(there)}."
            yield f"category: lsun has no {self.category!r:.60}.{hint}"

    def missing(self, experiment: Experiment) -> str | None:
        """The files, unless they may be downloaded."""
        if self.download or [*self.problems(experiment)]:
            return None
        try:
            self._images  # noqa: B018 - which opens it
        except UserError as problem:
            return str(problem)
        return None

    def load(self, resolution: int) -> LabelledImages:
        """All images, uint8 [N, channels, resolution, resolution].

        Raises:
            UserError: if torchvision does not find or cannot download them.
        """
        import numpy as np

        from gankit.data.prepared import FromDisk, prepared

        images = self._images
        kept = prepared(images, self.image_channels(), resolution, resolution)
        labels = np.array(images.labels(), np.int64) if self.labels else None
        return FromDisk.of(kept, resolution, labels)

    @cached_property
    def _images(self) -> IndexedImages:
        """The set, opened.

        Raises:
            UserError: if it is not there, or cannot be downloaded.
        """
        from gankit_images.indexed import IndexedImages
        from gankit_images.pictures import Decoding

        opened = _opened(self)
        key = [self.name, self.split, self.category, str(self.root)]
        return IndexedImages(
            opened, key, self.image_channels(), Decoding(filter=self.filter), f"{self.name} in {self.root}"
        )


def _opened(data: Torchvision) -> Sequence[tuple[Any, Any]]:
    """What torchvision makes of it."""
    known = SETS[data.name]
    arguments = known.train if data.split == "train" else known.test or {}
    if data.name == "lsun":
        arguments = {"classes": [data.category]}
    elif data.download:
        arguments = {**arguments, "download": True}
    try:
        import torchvision.datasets

        make: Callable[..., Any] = getattr(torchvision.datasets, known.kind)
        return make(str(data.root), **arguments)
    except ImportError as lack:
        raise UserError(f"{data.name} needs {lack.name}: pip install {lack.name}") from lack
    except Exception as problem:  # each set fails in ways of its own
        hint = "" if data.download or data.name == "lsun" else "; `download: true` lets torchvision get it"
        said = (str(problem).splitlines() or [type(problem).__name__])[0]
        said = re.sub(r"\.? *You (can|may) use download=True.*", "", said)  # which is no option here, but said below
        raise UserError(f"torchvision cannot have {data.name} from {data.root}: {said}{hint}") from problem
