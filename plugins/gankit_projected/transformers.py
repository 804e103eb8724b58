"""Vision transformers that others have trained as frozen networks: their tokens of patches, laid out as maps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Field

from gankit import AbsolutePath
from gankit_fidelity.pretrained import NO_TIMM, Clip, DinoV2
from gankit_projected.features import FeatureNetwork

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment
    from gankit_fidelity.pretrained import Pretrained

LEVELS = 4
"""How many maps there are unless blocks are named."""


class Transformer(FeatureNetwork):
    """A vision transformer: maps of one size, one for each of some of its blocks, the earliest first."""

    weights: AbsolutePath
    """A file of weights as they are published."""
    blocks: list[Annotated[int, Field(ge=1, le=64)]] | None = None
    """After which of its blocks maps are taken, 1 the first; null: four at even distances, the last one among them."""

    @property
    @abstractmethod
    def reader(self) -> Pretrained:
        """The extractor of the same network, which reads its file."""

    @property
    @abstractmethod
    def depth(self) -> int:
        """How many blocks it has."""

    @property
    def taken(self) -> Sequence[int]:
        """The blocks after which maps are taken, in order."""
        even = [round(self.depth * level / LEVELS) for level in range(1, LEVELS + 1)]
        return sorted(set(self.blocks)) if self.blocks else even

    @property
    def size(self) -> int:
        """To what its tokens of places belong."""
        return self.reader.published.side

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """It has those blocks."""
        if self.taken[-1] > self.depth:
            yield f"blocks: {self.reader.title} has {self.depth}, and the {self.taken[-1]}th is asked for"

    def missing(self, experiment: Experiment) -> str | None:
        """The file of weights."""
        return None if self.weights.is_file() else f"there is no file of weights {self.weights}"

    def identity(self) -> str:
        """The identity of the extractor, by its file's hash, and the blocks."""
        return f"{self.reader.identity()}-{'-'.join(map(str, self.taken))}"

    def load(self) -> nn.Module:
        """The network.

        Raises:
            UserError: if the file is missing or holds something else.
        """
        import torch

        return self._of(cast("nn.Module", self.reader.load(torch.device("cpu"))))

    @abstractmethod
    def _of(self, loaded: nn.Module) -> nn.Module:
        """The module that gives maps, of what its extractor has loaded."""


class DinoV2Features(Transformer):
    """DINOv2 (Oquab et al. 2023), trained without labels: maps 1/14 as high as images of 224x224.

    Needs pip install 'gankit[dinov2]'. Its tokens pass through the last norm, as its authors hand on those of blocks.
    """

    model: Literal["vit-s-14", "vit-b-14", "vit-l-14", "vit-g-14"] = "vit-s-14"
    """Which of the published networks."""

    @property
    def reader(self) -> DinoV2:
        """The extractor."""
        return DinoV2(weights=self.weights, model=self.model)

    @property
    def depth(self) -> int:
        """As published."""
        from gankit_fidelity.weights import DINO_MODELS

        return DINO_MODELS[self.model].depth

    def missing(self, experiment: Experiment) -> str | None:
        """timm, and the file of weights."""
        from importlib.util import find_spec

        return super().missing(experiment) if find_spec("timm") else NO_TIMM

    def _of(self, loaded: nn.Module) -> nn.Module:
        from gankit_projected.transformer_modules import DinoMaps

        return DinoMaps(cast("nn.Module", loaded.model), self.taken)


class ClipFeatures(Transformer):
    """The half of CLIP that sees images (Radford et al. 2021), where it is a transformer: maps 1/14 to 1/32 as high."""

    model: Literal["vit-b-32", "vit-b-16", "vit-l-14", "vit-l-14-336px"] = "vit-b-32"
    """Which of the published networks."""

    @property
    def reader(self) -> Clip:
        """The extractor."""
        return Clip(weights=self.weights, model=self.model)

    @property
    def depth(self) -> int:
        """As published."""
        return 24 if self.model.startswith("vit-l") else 12

    def _of(self, loaded: nn.Module) -> nn.Module:
        from gankit_projected.transformer_modules import ClipMaps

        return ClipMaps(cast("Any", loaded).network.model.visual, self.taken)
