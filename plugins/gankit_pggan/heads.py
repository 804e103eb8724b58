"""How PGGAN's discriminator ends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from gankit import BuildContext, Head, UserError

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class PgganHead(Head):
    """A 3x3 convolution, a dense layer over the whole map and a linear score (Karras et al. 2018, table 2)."""

    labels: Literal["classify", "select", "ignore"] = "classify"
    """Use of labels, if the data has them. classify: class logits beside the score, for an auxiliary classifier;
    select: one score for each class, of which the label's counts (StyleGAN); ignore: none."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Class logits have to be trained."""
        if not self.classifies() or any(regularizer.trains_classes for regularizer in experiment.regularizers):
            return
        with suppress(UserError):  # the data cannot be read here, which is said elsewhere
            if experiment.data.class_count():
                yield (
                    "gives class logits, but no regularizer trains them; add auxiliary-classifier to regularizers, "
                    "have the score depend on the label, head: {use: pggan, labels: select}, or use the data without "
                    "labels"
                )

    def classifies(self) -> bool:
        """True if labels are there to be classified."""
        return self.labels == "classify"

    def reads_labels(self) -> bool:
        """True if the label selects the score."""
        return self.labels == "select"

    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, *context.size] to scores [N, 1], or to score and logits [N, 1 + classes].

        With `labels: select` and classes it is conditioned on the label and gives [N, 1].
        """
        from torch import nn

        from gankit.networks.layers import LeakyReLU, conv, dense
        from gankit_pggan.modules import ScoreAndClasses, SelectScore

        channels = context.out_channels
        classes = context.classes if self.labels == "classify" else 0
        selects = context.classes > 0 and self.labels == "select"
        return ScoreAndClasses(
            classes,
            conv=conv(context.in_channels, channels),
            act0=LeakyReLU(0.2),
            flatten=nn.Flatten(),
            dense0=dense(channels * math.prod(context.size), channels),
            act1=LeakyReLU(0.2),
            dense1=dense(channels, context.classes if selects else 1 + classes, gain=1.0),
            select=SelectScore() if selects else nn.Identity(),
        )
