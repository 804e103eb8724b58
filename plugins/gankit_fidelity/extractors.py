"""Extractors that are small classifiers: those that come with gankit, and those that users train."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gankit import AbsolutePath, Dataset, Extractor, UserError
from gankit.core.registry import registries
from gankit_fidelity.classifier_file import Shape, read_card

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Features


class BundledClassifier(Extractor):
    """A small classifier whose weights come with gankit."""

    file: ClassVar[Path]
    """Its weights, float16."""
    sha256: ClassVar[str]
    """Hash of that file; FIDs through other weights are on another scale."""
    shape: ClassVar[Shape]
    learned: ClassVar[str]
    """What it has seen in training, in words."""
    at_home: ClassVar[frozenset[str]]
    """The data sets whose images are such, by their full names; those of torchvision by the names that they have here.
    """

    def doubt_about(self, data: Dataset) -> str | None:
        """That it has learned other images, where the data are none of its own, nor a part of such."""
        while isinstance(inner := getattr(data, "of", None), Dataset):
            data = inner
        name = registries["dataset"].entry_of(type(data)).full_name
        if {name, getattr(data, "name", None)} & self.at_home:
            return None
        return (
            f"it has learned {self.learned} alone and sees little of other images, so that numbers come out low; they "
            "may order runs on these data, and say nothing of how good images are. inception knows photographs, and "
            "gankit extractor train makes an extractor for images of your own"
        )

    def identity(self) -> str:
        """Its name and the beginning of the weights' hash."""
        return f"{self.file.stem}-{self.sha256[:12]}"

    @property
    def resize(self) -> str:
        """Whole squares of pixels where that is possible."""
        return self.shape.resize

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """The network: from uint8 [N, 3, H, W] to as many features as its last convolution gives, and its logits.

        Raises:
            UserError: if the file of weights is not the one that this version of gankit came with.
        """
        from gankit_fidelity.modules import Classifier

        weights = self.file.read_bytes()
        if hashlib.sha256(weights).hexdigest() != self.sha256:
            raise UserError(f"{self.file} is not the file that gankit came with; install gankit again")
        return Classifier.of(weights, self.shape).to(device)


class Digits(BundledClassifier):
    """A small classifier of handwritten digits that comes with gankit: for the quick start and for tests.

    It has seen four of five of the digits in training, so that its FIDs order runs on them but are no unbiased scores.
    """

    file = Path(__file__).with_name("digits.safetensors")
    sha256 = "99087405e24076b29cd3440fb3217fdcaddb18070b2f48145a9f2866b49ad395"
    shape = Shape(size=16, widths=(16, 32, 64), classes=10)
    learned = "handwritten digits"
    at_home = frozenset({"images/digits", "images/stacked-digits", "mnist"})


class FashionMnist(BundledClassifier):
    """A small classifier of clothing that comes with gankit: for runs on Fashion-MNIST.

    It tells 91.4% of the test split right. It has seen all 60,000 images of the train split in training, so that its
    FIDs order runs on them but are no unbiased scores.
    """

    file = Path(__file__).with_name("fashion-mnist.safetensors")
    sha256 = "72d60bc1fa4abf7bad8f246cdf419d9267c86d142e4b143b0dd759d55e21f485"
    shape = Shape(size=32, widths=(32, 64, 128), classes=10)
    learned = "clothing"
    at_home = frozenset({"images/fashion-mnist", "fashion-mnist"})


class TrainedClassifier(Extractor):
    """A small classifier that `gankit extractor train` made from your own labelled images.

    For domains in which networks trained on photographs see little. It has seen most of its images in training, so
    that FIDs on the same images order runs but are no unbiased scores; they are on a scale of their own, which the
    weights' hash in every number's protocol names.
    """

    weights: AbsolutePath
    """The file that the command wrote."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """The file must be such a one, if it is there."""
        if self.weights.is_file():
            try:
                read_card(self.weights)
            except UserError as problem:
                yield str(problem)

    def missing(self, experiment: Experiment) -> str | None:
        """The file, unless no metric looks at what it sees."""
        if self not in experiment.evaluation.extractors or self.weights.is_file():
            return None
        return self._how_to_get()

    def takes(self, channels: int) -> bool:
        """What it was trained on: grey and colours, or bands; anything as long as the file is not there."""
        if not self.weights.is_file():
            return True
        given = read_card(self.weights).given
        return super().takes(channels) if given == 3 else channels == given

    def identity(self) -> str:
        """The beginning of the file's hash; needs the file."""
        with self.weights.open("rb") as file:
            return f"classifier-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"

    @property
    def resize(self) -> str:
        """As the bundled classifiers do; needs the file."""
        return read_card(self.weights).resize

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """The network: from uint8 [N, 3, H, W], or of its bands, to what its last convolution gives, and logits.

        Raises:
            UserError: if there is no such file, or it is another one.
        """
        from gankit_fidelity.modules import Classifier

        if not self.weights.is_file():
            raise UserError(self._how_to_get())
        shape = read_card(self.weights)
        try:
            return Classifier.of(self.weights.read_bytes(), shape).to(device)
        except RuntimeError as problem:
            reason = " ".join(str(problem).split())
            raise UserError(f"{self.weights}: its weights are not those of its description: {reason:.300}") from None

    def _how_to_get(self) -> str:
        return (
            f"there is no file of weights {self.weights}; "
            f"train one: gankit extractor train --data DATA -o {self.weights.name}"
        )
