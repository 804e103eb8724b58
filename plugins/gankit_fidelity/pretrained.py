"""Extractors whose weights others have published."""

from __future__ import annotations

import hashlib
import pickle
from abc import abstractmethod
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from gankit import AbsolutePath, Extractor, UserError
from gankit.core.component import as_options
from gankit_fidelity.weights import CLIP_MODELS, DINO_MODELS, INCEPTION, Published, answers

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Features


UNFIT = (OSError, RuntimeError, EOFError, LookupError, ValueError, AttributeError, TypeError, pickle.PickleError)
"""What torch raises for a file that holds something else."""
NO_TIMM = "DINOv2 needs timm: pip install 'gankit[dinov2]'"


class Pretrained(Extractor):
    """A network whose weights others publish: in a file that is named, in torch's cache of downloads, or downloaded."""

    title: ClassVar[str]
    """What its authors call it."""
    use: ClassVar[str]
    """What experiments call it."""

    weights: AbsolutePath | None = None
    """A file of weights as they are published; null: those in torch's cache, downloaded when a run starts."""

    @property
    @abstractmethod
    def published(self) -> Published:
        """What is used if no file is named."""

    @abstractmethod
    def network(self, file: Path) -> nn.Module:
        """The network with the weights of `file`, which may hold anything."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """What knows no classes gives no logits."""
        options = experiment.evaluation
        for metric in [] if self.classifies else [*options.metrics, *(options.quick.metrics if options.quick else [])]:
            if "logits" in metric.needs and options.extractor_of(metric) == self:
                yield f"{self.title} knows no classes, but metric {as_options(metric)['use']} needs them"

    def missing(self, experiment: Experiment) -> str | None:
        """The weights, unless they are there or can be had, or no metric looks at what it sees."""
        if self not in experiment.evaluation.extractors or self.file.is_file():
            return None
        if self.weights is not None:
            return f"there is no file of weights {self.weights}"
        return None if answers(self.published.url) else self._how_to_get("the network does not answer")

    def identity(self) -> str:
        """Its name and the beginning of the weights' hash; needs the file."""
        with self.file.open("rb") as file:
            return f"{self.published.name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """The network, from uint8 [N, 3, H, W] to features.

        Raises:
            UserError: if the weights are missing, cannot be downloaded or are another network's.
        """
        if not self.file.is_file():
            self._download()
        try:
            return self.network(self.file).to(device)
        except UNFIT as problem:
            reason = " ".join(str(problem).split())
            raise UserError(f"{self.file}: these are no weights of {self.title} as published: {reason:.300}") from None

    @property
    def resize(self) -> str:
        """As torch-fidelity does, and TensorFlow 1, on which all published numbers rest; not as CLIP was trained."""
        return f"bilinear to {self.published.side}x{self.published.side} as TensorFlow 1"

    @property
    def file(self) -> Path:
        """The weights, which may be missing."""
        return self.weights or self.published.path

    def _download(self) -> None:
        from http.client import HTTPException

        if self.weights is not None:
            raise UserError(f"there is no file of weights {self.weights}")
        try:
            self.published.download()
        except (OSError, HTTPException, RuntimeError) as problem:
            raise UserError(self._how_to_get(str(problem))) from None

    def _how_to_get(self, reason: str) -> str:
        model = f"model: {getattr(self, 'model')}, " if "model" in type(self).model_fields else ""  # noqa: B009
        named = f"{{use: {self.use}, {model}weights: PATH}}"
        return (
            f"the weights of {self.title} are not on this machine and cannot be downloaded ({reason}); "
            f"download {self.published.url} elsewhere and put it at {self.file}, or say where it is: "
            f"evaluation: {{extractor: {named}}}, or gankit evaluate --extractor '{named}'"
        )


class Inception(Pretrained):
    """InceptionV3 as in published FIDs and Inception Scores, by way of torch-fidelity (91 MB).

    Its batch norms are folded into its convolutions, and images pass through it a few at a time, which is twice as
    fast on a CPU; the features are torch-fidelity's to within 1e-4 of their size.
    """

    title = "InceptionV3"
    use = "inception"

    @property
    def published(self) -> Published:
        """TensorFlow's own weights of 2015, which all published FIDs rest on, as torch-fidelity converted them."""
        return INCEPTION

    def network(self, file: Path) -> nn.Module:
        """2048 features, and 1008 logits without their bias."""
        from gankit_fidelity.pretrained_modules import InceptionNetwork

        return InceptionNetwork(file)


class Clip(Pretrained):
    """The half of CLIP that sees images, by way of torch-fidelity: 512 to 1024 features, no classes.

    It was trained on 400 million images with their captions (Radford et al. 2021) and tells apart what ImageNet's
    classes do not; FID on its features is harder to please by matching classes (Kynkäänniemi et al. 2023).
    """

    title = "CLIP"
    use = "clip"
    classifies = False

    model: Literal[
        "rn50", "rn101", "rn50x4", "rn50x16", "rn50x64", "vit-b-32", "vit-b-16", "vit-l-14", "vit-l-14-336px"
    ] = "vit-b-32"
    """Which of the published networks; the default has a file of about 340 MB."""

    @property
    def published(self) -> Published:
        """OpenAI's own file, which is a TorchScript archive."""
        return CLIP_MODELS[self.model].published(self.model)

    def network(self, file: Path) -> nn.Module:
        """Features in the space that images and texts share."""
        from gankit_fidelity.pretrained_modules import ClipNetwork

        return ClipNetwork(self.published.name, file, CLIP_MODELS[self.model].parameters)


class DinoV2(Pretrained):
    """DINOv2, a vision transformer trained without labels, by way of torch-fidelity: 384 to 1536 features, no classes.

    Of the extractors that Stein et al. (2023) compared, its features agree best with people on which images are
    better. torch-fidelity runs code that torch.hub downloads; here the network is timm's, so that besides the file of
    weights it needs that: pip install 'gankit[dinov2]'.
    """

    title = "DINOv2"
    use = "dinov2"
    classifies = False

    model: Literal["vit-s-14", "vit-b-14", "vit-l-14", "vit-g-14"] = "vit-s-14"
    """Which of the published networks; the default has a file of about 90 MB."""

    @property
    def published(self) -> Published:
        """Meta's own file, without registers."""
        return DINO_MODELS[self.model].published()

    def missing(self, experiment: Experiment) -> str | None:
        """timm, and the weights as for any other."""
        if self in experiment.evaluation.extractors and not find_spec("timm"):
            return NO_TIMM
        return super().missing(experiment)

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """The network, as any other.

        Raises:
            UserError: if timm is not installed, or the weights are not to be had or another network's.
        """
        if not find_spec("timm"):
            raise UserError(NO_TIMM)
        return super().load(device)

    def network(self, file: Path) -> nn.Module:
        """The class token after the last norm."""
        from gankit_fidelity.pretrained_modules import DinoNetwork

        return DinoNetwork(DINO_MODELS[self.model], file)
