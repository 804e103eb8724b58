"""What lets the discriminator classify, and the generator be classified."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Regularizer, Scheduled, UserError

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.networks.discriminator import DiscriminatorOutput
    from gankit.training.step import Step


class AuxiliaryClassifier(Regularizer):
    """Has the discriminator name the class of reals and fakes, and the generator make fakes whose class it can name.

    weight * (CE(real) + CE(fake)) in the discriminator's step and weight * CE(fake) in the generator's, where CE is
    the mean cross-entropy of the class logits with the labels (Odena et al. 2017, equation 3).
    """

    trains_classes: ClassVar[bool] = True
    derives_twice: ClassVar[bool] = False

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 1.0
    """Share of the cross-entropies, the same in both steps."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """There must be classes, and logits for them."""
        own = experiment.discriminator
        if experiment.critics and self.critics != ["discriminator"]:
            yield "trains class logits, which discriminator alone gives: critics: [discriminator]"
        elif own is None or not own.head.classifies():
            yield "needs class logits, but discriminator.head gives none; use {use: pggan, labels: classify}"
        with suppress(UserError):  # the data cannot be read here, which is said elsewhere
            if experiment.data.class_count() == 0:
                yield "needs classes, but the data has none; set data.labels: true, or use data that has labels"

    def discriminator(self, step: Step) -> Tensor:
        """The weighted cross-entropies of reals and fakes."""
        return self.weight * (_cross_entropy(step.on_real, step) + _cross_entropy(step.on_fake, step))

    def generator(self, step: Step) -> Tensor:
        """The weighted cross-entropy of fakes."""
        return self.weight * _cross_entropy(step.on_fake, step)


def _cross_entropy(verdict: DiscriminatorOutput, step: Step) -> Tensor:
    """Batch mean, in nats."""
    import torch.nn.functional as F

    assert verdict.classes is not None
    assert step.labels is not None
    return F.cross_entropy(verdict.classes, step.labels)
