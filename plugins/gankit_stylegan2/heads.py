"""How StyleGAN2's discriminator ends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gankit import BuildContext, Head, UserError
from gankit_stylegan.mappings import MOST_LAYERS, without_effect

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class Stylegan2Head(Head):
    """A 3x3 convolution, a dense layer over the whole map and a linear score (Karras et al. 2020).

    With labels the last layer gives as many numbers as there are channels, and the score is their inner product with a
    vector that a mapping network makes of the label, be it a class or the values of attributes, over the root of their
    number (StyleGAN2-ADA's projection).
    """

    labels: Literal["project", "ignore"] = "project"
    """Use of labels, if the data has them. project: a projection discriminator; ignore: none."""
    layers: int = Field(default=8, ge=1, le=MOST_LAYERS)
    """Dense layers of the label's mapping network, each with leaky ReLU."""
    lr_multiplier: float = Field(default=0.01, gt=0)
    """How fast these layers learn, compared with the rest of the discriminator; needs the equalized norm."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """A multiplier does nothing to weights that are not scaled."""
        with suppress(UserError):  # the data cannot be read here, which is said elsewhere
            if self.reads_labels() and (experiment.data.class_count() or experiment.data.attribute_names()):
                yield from without_effect(self.lr_multiplier, experiment, "discriminator")

    def reads_labels(self) -> bool:
        """True if it projects."""
        return self.labels == "project"

    def reads_attributes(self) -> bool:
        """As it reads classes."""
        return self.reads_labels()

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, *context.size] to scores [N, 1], conditioned on the label if it projects."""
        from torch import nn

        from gankit.networks.layers import Chain, conv, dense
        from gankit_sngan.modules import Projection
        from gankit_stylegan2.modules import GainedLeakyReLU, LabelVector

        channels = context.out_channels
        projects = self.labels == "project" and context.classes + context.attributes > 0
        score = dense(channels, channels if projects else 1, gain=1.0)
        return Chain(
            conv=conv(context.in_channels, channels, gain=1.0),
            act0=GainedLeakyReLU(),
            flatten=nn.Flatten(),
            dense=dense(channels * math.prod(context.size), channels, gain=1.0),
            act1=GainedLeakyReLU(),
            score=Projection(score, LabelVector(context, self.layers, channels, self.lr_multiplier))
            if projects
            else score,
        )
