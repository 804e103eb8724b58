"""Extractors."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

from pydantic import AfterValidator

from gankit import Extractor, UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gankit.config import Experiment
    from gankit.evaluation.samples import Features

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILE}"
"""Where torch-fidelity has the weights from: TensorFlow's own of 2015, which all published FIDs rest on."""


class Inception(Extractor):
    """InceptionV3 as in published FIDs and Inception Scores, by way of torch-fidelity.

    Its weights (91 MB) are looked for in torch's cache of downloads and otherwise downloaded when a run starts.
    """

    weights: Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())] | None = None
    """A file of weights as torch-fidelity has them; null: the usual ones, from torch's cache or the network."""

    def missing(self, experiment: Experiment) -> str | None:
        """The weights, unless they are there or can be had, or nothing is to be measured."""
        if not experiment.evaluation.metrics or self._file().is_file():
            return None
        if self.weights is not None:
            return f"there is no file of weights {self.weights}"
        return None if answers(INCEPTION_URL) else self._how_to_get("the network does not answer")

    def identity(self) -> str:
        """Its name and the beginning of the weights' hash; needs the file."""
        with self._file().open("rb") as file:
            return f"inception-v3-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"

    @property
    def resize(self) -> str:
        """As in TensorFlow 1, which all published numbers rest on."""
        return "bilinear to 299x299 as TensorFlow 1"

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """The network: from uint8 [N, 3, H, W] to 2048 features and 1008 logits without their bias.

        Raises:
            UserError: if the weights are missing, cannot be downloaded or are not InceptionV3's.
        """
        import pickle

        from gankit_fidelity.modules import InceptionNetwork

        file = self._file()
        if not file.is_file():
            self._download(file)
        try:
            return InceptionNetwork(file).to(device)
        except (OSError, RuntimeError, EOFError, ValueError, AttributeError, pickle.UnpicklingError) as problem:
            raise UserError(
                f"{file}: these are no weights of InceptionV3 as torch-fidelity has them: {problem}"
            ) from None

    def _file(self) -> Path:
        return self.weights or hub_folder() / "checkpoints" / INCEPTION_FILE

    def _download(self, file: Path) -> None:
        from http.client import HTTPException

        from torch.hub import download_url_to_file

        if self.weights is not None:
            raise UserError(f"there is no file of weights {self.weights}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            download_url_to_file(INCEPTION_URL, str(file))
        except (OSError, HTTPException) as problem:
            raise UserError(self._how_to_get(str(problem))) from None

    def _how_to_get(self, reason: str) -> str:
        return (
            f"the weights of InceptionV3 are not on this machine and cannot be downloaded ({reason}); "
            f"download {INCEPTION_URL} elsewhere and put it at {self._file()}, or say where it is: "
            "evaluation: {extractor: {use: inception, weights: PATH}}"
        )


class Shape(NamedTuple):
    """What a small classifier is made of."""

    size: int
    """Height and width of the images that its convolutions see, in pixels."""
    widths: tuple[int, ...]
    """Channels of each convolution; sizes are halved between them."""
    classes: int


class BundledClassifier(Extractor):
    """A small classifier whose weights come with gankit."""

    file: ClassVar[Path]
    """Its weights, float16."""
    sha256: ClassVar[str]
    """Hash of that file; FIDs through other weights are on another scale."""
    shape: ClassVar[Shape]

    def identity(self) -> str:
        """Its name and the beginning of the weights' hash."""
        return f"{self.file.stem}-{self.sha256[:12]}"

    @property
    def resize(self) -> str:
        """Whole squares of pixels where that is possible."""
        return f"bilinear up or mean down to {self.shape.size}x{self.shape.size}"

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


class FashionMnist(BundledClassifier):
    """A small classifier of clothing that comes with gankit: for runs on Fashion-MNIST.

    It tells 91.4% of the test split right. It has seen all 60,000 images of the train split in training, so that its
    FIDs order runs on them but are no unbiased scores.
    """

    file = Path(__file__).with_name("fashion-mnist.safetensors")
    sha256 = "72d60bc1fa4abf7bad8f246cdf419d9267c86d142e4b143b0dd759d55e21f485"
    shape = Shape(size=32, widths=(32, 64, 128), classes=10)


def hub_folder() -> Path:
    """Where torch.hub keeps its downloads, found without importing torch."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(home).expanduser() / "hub"


def answers(url: str, seconds: float = 2.0) -> bool:
    """Whether a download from `url` can begin, found out in `seconds` at most; nothing is downloaded."""
    import threading
    from http.client import HTTPException
    from urllib.request import urlopen

    answered = threading.Event()

    def ask() -> None:
        try:
            urlopen(url, timeout=seconds).close()
        except (OSError, HTTPException):
            return
        answered.set()

    # a thread of its own, because looking up a name knows no time limit
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return answered.is_set()
