"""The discriminator: from images to scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor, nn

from gankit.config.experiment import DiscriminatorOptions
from gankit.core.tables import at
from gankit.kinds import Regularizer
from gankit.networks.growing import GrowingNetwork, ImageShape
from gankit.networks.layers import Chain, Condition, built, made_by
from gankit.networks.protocols import classes_of, out_channels_of


class Judgement(NamedTuple):
    """Scores that a loss looks at by themselves."""

    score: Tensor
    """[N] or [N, patches]; higher is more real."""
    weight: float
    """What their loss counts."""


class DiscriminatorOutput(NamedTuple):
    """What a discriminator says of a batch of images, or several of them together."""

    score: Tensor
    """[N], or [N, patches] if the head judges patches; higher is more real. Of several: theirs side by side."""
    classes: Tensor | None
    """Class logits [N, K] if the head classifies too."""
    features: dict[int, Tensor]
    """Feature maps by resolution, from the image inwards."""
    critics: Mapping[str, DiscriminatorOutput] = MappingProxyType({})
    """What each of several discriminators says, by its name; of one: nothing."""
    several: tuple[Judgement, ...] = ()
    """What of `score` the loss looks at one by one; nothing: at all of it at once."""

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """All that the loss looks at, one by one."""
        return self.several or (Judgement(self.score, 1.0),)


class Discriminator(GrowingNetwork):
    """From images to scores: the mirror of the generator, with the regularizers' layers before its head."""

    def __init__(
        self, options: DiscriminatorOptions, shape: ImageShape, regularizers: Iterable[Regularizer] = ()
    ) -> None:
        super().__init__(options, "discriminator", shape, latent=0, width=0)
        self.rgb = self.rgb_blocks()
        self.blocks = nn.ModuleDict()
        for resolution in reversed(self.resolutions[1:]):
            below = self.channels[resolution // 2]
            entering = self.joined_channels(resolution)
            context = replace(self.context, in_channels=entering, out_channels=below, resample="down")
            self.blocks[str(resolution)] = self.blocks_at(resolution, at(options.block, resolution), context)
        joined = replace(self.context, in_channels=self.joined_channels(options.base))
        self.base_blocks = self.blocks_at(options.base, options.base_blocks, joined)
        self.layers, channels = self._layers(regularizers)
        head = built(options.head, replace(self.context, in_channels=channels))
        self.classes = classes_of(head)
        self.head = self.finished(head, options.base)

    def _layers(self, regularizers: Iterable[Regularizer]) -> tuple[nn.Module, int]:
        base, layers = self.options.base, list[nn.Module]()
        channels = self.channels[base] if self.options.base_blocks else self.joined_channels(base)
        for regularizer in regularizers:
            context = replace(self.context, in_channels=channels, out_channels=channels)
            layer = made_by(regularizer, regularizer.layer(context), context)
            if layer is not None:
                layers.append(layer)
                channels = out_channels_of(layer, channels)
        return self.finished(Chain.of(layers), self.options.base), channels

    def forward(self, images: Tensor, labels: Tensor | None = None) -> DiscriminatorOutput:
        """Scores of images [N, channels, H, W], `resolution` high, or of samples of all its scales, packed.

        Where its join says so, the features after a block are joined with those of the image of that scale, or of the
        halved one. What comes after the blocks, the regularizers' layers and the head, is float32 in mixed precision
        too.
        """
        condition, features = Condition(labels=labels), {}
        of_scales = {} if self.scales is None else self.scales.unpack(images)
        images = of_scales.get(self.resolution, images)
        x = features[self.resolution] = self._enter(images, self.resolution, condition)
        for resolution in reversed(self.above_base()):
            x = self.ran(self.blocks[str(resolution)], resolution, x, condition)
            if resolution in self.joins:
                below = resolution // 2
                images = of_scales[below] if below in of_scales else self.join(resolution).resample(images)
                entered = images if self.options.join.joins_images() else self._enter(images, below, condition)
                x = self.joined(entered, x, resolution)
            features[resolution // 2] = x
        x = self.ran(self.base_blocks, self.options.base, x, condition)
        for part in (self.layers, self.head):
            x = self.ran(part, None, x, condition)
        classes = x[:, x.shape[1] - self.classes :] if self.classes else None
        score = x[:, : x.shape[1] - self.classes]
        return DiscriminatorOutput(score[:, 0] if score.shape[1] == 1 else score, classes, features)

    def _enter(self, images: Tensor, resolution: int, condition: Condition) -> Tensor:
        return self.ran(self.rgb[str(resolution)], resolution, images, condition) if self.rgb else images
