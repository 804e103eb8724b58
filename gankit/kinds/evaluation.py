"""Data, and how samples are measured against it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self, get_args

from pydantic import Field

from gankit.core.component import Component, as_options, named
from gankit.core.options import did_you_mean
from gankit.core.registry import registries

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from gankit.evaluation.images import Features, Samples


Need = Literal["statistics", "features", "logits", "images"]
"""What a metric may ask of an image set, by the name of its attribute; it names what it asks for in its `needs`.

Nothing else is kept in the pass that extracts; `labels`, `count` and `resolution` are always there.
"""


class LabelledImages(NamedTuple):
    """A data set in memory (or memory-mapped)."""

    images: np.ndarray
    """uint8 [N, channels, height, width]; of four channels the last is opacity, which the colours are multiplied by."""
    labels: np.ndarray | None
    """Numbers of classes, int64 [N], or the values of attributes, float32 [N, attributes]; None without labels."""


class Dataset(Component):
    """Real images, with labels if asked for."""

    kind: ClassVar[str] = "dataset"

    @abstractmethod
    def image_channels(self) -> int:
        """Channels of the images: 1 grey, 3 RGB, 4 RGB with opacity; of any other number each is a band of its own."""

    def aspect(self) -> float:
        """Width of the images over their height."""
        return 1.0

    def class_count(self) -> int:
        """Number of classes; 0 trains without labels, or by attributes."""
        return 0

    def class_names(self) -> Sequence[str]:
        """What the classes are called, in the order of their numbers, each unlike the others; default: the numbers."""
        return [str(number) for number in range(self.class_count())]

    def attribute_names(self) -> Sequence[str]:
        """What the numbers are called that each image has in place of a class, in their order; default: none.

        They are 0 or 1 where several labels may hold at once, or measured, any finite numbers. Labels are then vectors,
        float32 [N, attributes], and there are no classes. Networks see the numbers as they are.
        """
        return ()

    def with_classes(self, names: Sequence[str] | None) -> Self:
        """The same data with the classes that a run began with, whatever the disk holds by now; default: itself.

        To be overridden where classes are found on the disk: runs keep their number, names and order, and whoever
        asks for some classes alone need not wait for the images of others.

        Args:
            names: What `class_names` gave when the run began; None: the run was begun before they were kept, and its
                classes are numbered as they were then.
        """
        return self

    def describe(self) -> str | None:
        """What there is, such as "60 images in 3 classes: ...", for `gankit validate` and `run` to say; None: nothing.

        Asked when nothing is missing, without torch; no image is decoded for it.

        Raises:
            gankit.core.errors.UserError: if it cannot be found out.
        """
        return None

    def image_count(self) -> int | None:
        """How many images there are, if that can be told without decoding any; None: it is not known beforehand."""
        return None

    def own_height(self) -> int | None:
        """The height in pixels above which images are only enlarged, if all have the same; None: it is not known."""
        return None

    def test_part(self) -> Dataset | None:
        """The data set's own images for testing, none of which is among these; None if it has none."""
        return None

    @abstractmethod
    def load(self, resolution: int) -> LabelledImages:
        """All images, `resolution` high and `aspect` times as wide, always in the same order.

        Args:
            resolution: The highest that the experiment grows to.

        Raises:
            gankit.core.errors.UserError: if they cannot be read.
        """


class Extractor(Component):
    """A fixed network that turns images into features and class logits for metrics."""

    kind: ClassVar[str] = "extractor"

    classifies: ClassVar[bool] = True
    """False if it knows no classes: its logits are then [N, 0], and metrics that need logits cannot use it."""

    def takes(self, channels: int) -> bool:
        """Whether it sees data of so many channels: by default grey, RGB and RGB with opacity.

        These come to it as RGB, images of all other numbers of channels as they are.
        """
        return channels in (1, 3, 4)

    def doubt_about(self, data: Dataset) -> str | None:
        """Why its numbers may say little of such images, for people to read, as it has learned others; None: nothing.

        A note beside numbers, which are computed all the same.
        """
        return None

    @abstractmethod
    def identity(self) -> str:
        """Name and weights hash; numbers of unlike identities are never compared."""

    @property
    @abstractmethod
    def resize(self) -> str:
        """How images come to the network's input size, as it stands in the protocol."""

    @abstractmethod
    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """The network, ready on `device`: from uint8 [N, 3, H, W] to features; of other channels if it `takes` them.

        Raises:
            gankit.core.errors.UserError: if the weights cannot be had.
        """


class Metric(Component):
    """Numbers that say how good generated images are."""

    kind: ClassVar[str] = "metric"
    later_options: ClassVar[tuple[str, ...]] = ("extractor", "suffix")

    extractor: Extractor | None = None
    """What it looks through in place of `evaluation.extractor`; its numbers then have names of their own, as those
    through unlike extractors cannot be compared."""
    suffix: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Ends the names of its numbers, as `fid_SUFFIX`. Default: what an extractor of its own is called; else nothing."""

    needs: ClassVar[frozenset[Need]] = frozenset()
    """What is kept of the images in the one pass that extracts them."""

    version: ClassVar[int] = 1
    """Raised when the same images would give another number; numbers of unlike versions are never compared."""

    higher_is_better: ClassVar[bool | frozenset[str]] = False
    """Which way runs are ranked; of several numbers that differ in this, the names of those that are to be high."""

    has_floor: ClassVar[bool] = False
    """True if the same number between two sets of reals is worth showing beside it, as <name>_floor."""

    bootstraps: ClassVar[bool] = True
    """False if it would take the repeated images of a resample for a lack of variety; no error is estimated then."""

    reference_only: ClassVar[bool] = False
    """True if it measures nothing but reals, in place of generated images, as something to read the others by."""

    per_class: ClassVar[bool] = False
    """True if it looks at classes one by one: of a generator with classes it is then given images of each as often,
    where other metrics are given them as often as the data have them. A number of a single class has a name that ends
    in `_` and the number of the class; the protocol says what that is called."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        known = get_args(Need)
        if not isinstance(cls.needs, Set | property):
            raise TypeError(f"{cls.__name__}.needs is {cls.needs!r}, not a set, as frozenset({{'features'}})")
        for need in () if isinstance(cls.needs, property) else cls.needs:
            if need not in known:
                hint = did_you_mean(str(need), known) or f" There are: {', '.join(known)}."
                raise TypeError(f"{cls.__name__}.needs names {need!r}, which images do not have.{hint}")

    @property
    def extracts(self) -> bool:
        """Whether it looks at what an extractor sees, rather than at images or the generator alone."""
        return bool(self.needs & {"statistics", "features", "logits"})

    @property
    def ending(self) -> str:
        """What ends the names of its numbers; empty if nothing does."""
        if self.suffix is not None or self.extractor is None:
            return self.suffix or ""
        return registries["extractor"].entry_of(type(self.extractor)).name

    @property
    def own_options(self) -> dict[str, Any]:
        """Its name and options, without those that say what it looks through and how its numbers are called."""
        return {name: value for name, value in as_options(self).items() if name not in Metric.later_options}

    @abstractmethod
    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One or several numbers by name.

        A name that ends in `_std` beside the name without it, as `kid_std` beside `kid`, is that number's spread: runs
        are not ranked by it. Any other number counts for itself. gankit adds `<name>_floor`, `<name>_error` and
        `<name>_seeds_std` beside `<name>`, `<name>_current` for the trained generator itself, `<name>_slow` for one of
        `training.averages` that is called slow, and `<name>_quick` for the cheaper protocol. So names that end in
        `_floor`, `_current`, `_quick` or what an average is called, and `<name>_error` or `<name>_seeds_std` beside
        `<name>`, are refused: the metric counts as failed. It does too if another metric of the evaluation has given
        the same name.
        """


class MetricPreset(Metric):
    """Several metrics by one name, each as if it stood in its place; with an extractor, all look through that."""

    metrics: ClassVar[Sequence[str | Mapping[str, Any]]] = ()
    """The metrics as an experiment names them."""

    def expanded(self) -> list[Metric]:
        """The metrics; those that look through no extractor are not given that of the preset.

        Raises:
            PydanticCustomError: if one is not installed, or its options are wrong.
        """
        return [self._through_mine(named(Metric, metric)) for metric in self.metrics]

    def _through_mine(self, metric: Metric) -> Metric:
        if self.extractor is not None and metric.extracts:
            return metric.model_copy(update={"extractor": self.extractor, "suffix": self.suffix})
        return metric if self.suffix is None else metric.model_copy(update={"suffix": self.suffix})

    def evaluate(self, samples: Samples) -> dict[str, float]:
        """Never asked for: `evaluation.metrics` holds the metrics in its place."""
        raise TypeError(f"{type(self).__name__} stands for {', '.join(map(str, self.metrics))}")
