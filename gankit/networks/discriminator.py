"""The discriminator: from images to scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor, nn

from gankit.config.experiment import DiscriminatorOptions
from gankit.core.options import at
from gankit.kinds import Regularizer
from gankit.networks.growing import GrowingNetwork, ImageShape
from gankit.networks.layers import Chain, Condition, built, made_by
from gankit.networks.protocols import classes_of, out_channels_of


class DiscriminatorOutput(NamedTuple):
    """What a discriminator says of a batch of images."""

    score: Tensor
    """[N], or [N, patches] if the head judges patches; higher is more real."""
    classes: Tensor | None
    """Class logits [N, K] if the head classifies too."""
    features: dict[int, Tensor]
    """Feature maps by resolution, from the image inwards."""


class Discriminator(GrowingNetwork):
    """From images to scores: the mirror of the generator, with the regularizers' layers before its head."""

    def __init__(
        self, options: DiscriminatorOptions, shape: ImageShape, regularizers: Iterable[Regularizer] = ()
    ) -> None:
        super().__init__(options, "discriminator", shape, latent=0, width=0)
        self.rgb = self.rgb_blocks()
        self.blocks = nn.ModuleDict()
        for resolution in reversed(self.resolutions[1:]):
            here, below = self.channels[resolution], self.channels[resolution // 2]
            context = replace(self.context, in_channels=here, out_channels=below, resample="down")
            self.blocks[str(resolution)] = self.blocks_at(resolution, at(options.block, resolution), context)
        self.base_blocks = self.blocks_at(options.base, options.base_blocks, self.context)
        self.layers, channels = self._layers(regularizers)
        head = built(options.head, replace(self.context, in_channels=channels))
        self.classes = classes_of(head)
        self.head = self.finished(head, options.base)

    def _layers(self, regularizers: Iterable[Regularizer]) -> tuple[nn.Module, int]:
        channels, layers = self.channels[self.options.base], []
        for regularizer in regularizers:
            context = replace(self.context, in_channels=channels, out_channels=channels)
            layer = made_by(regularizer, regularizer.layer(context), context)
            if layer is not None:
                layers.append(layer)
                channels = out_channels_of(layer, channels)
        return self.finished(Chain.of(layers), self.options.base), channels

    def forward(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Scores of images [N, channels, H, W], `resolution` high.

        Where its join says so, the features after a block are joined with those of the halved image. What comes after
        the blocks, the regularizers' layers and the head, is float32 in mixed precision too.
        """
        condition, features = Condition(labels=labels), {}
        x = features[self.resolution] = self._enter(images, self.resolution, condition)
        for resolution in reversed(self.above_base()):
            x = self.ran(self.blocks[str(resolution)], resolution, x, condition)
            if resolution in self.joins:
                images = self.join(resolution).resample(images)
                x = self.joined(self._enter(images, resolution // 2, condition), x, resolution)
            features[resolution // 2] = x
        x = self.ran(self.base_blocks, self.options.base, x, condition)
        for part in (self.layers, self.head):
            x = self.ran(part, None, x, condition)
        classes = x[:, x.shape[1] - self.classes :] if self.classes else None
        score = x[:, : x.shape[1] - self.classes]
        return DiscriminatorOutput(score[:, 0] if score.shape[1] == 1 else score, classes, features)

    def _enter(self, images: Tensor, resolution: int, condition: Condition) -> Tensor:
        return self.ran(self.rgb[str(resolution)], resolution, images, condition) if self.rgb else images
