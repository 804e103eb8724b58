"""What a discriminator makes of reals that it never learned from, and how long gradients are, beside training."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from gankit.data.images import RealImages, fade_reals
from gankit.training.critics import minimized
from gankit.training.measuring import measuring
from gankit.training.step import Step

if TYPE_CHECKING:
    from gankit.core.networks import NetworkName
    from gankit.networks.growing import TrainedNetwork
    from gankit.training.trainer import Trainer

MOST = 256
"""Images of each sort that are judged; whole batches, as layers may look at all images of one."""


def judged(trainer: Trainer) -> dict[str, float]:
    """Mean scores and lengths of gradients of the networks as they are now, on the batches that training has.

    `judged.training`, `judged.held-out` and `judged.generated` are mean scores of reals that are trained on, of reals
    of the data set's own test part, and of images of the generator in training, without augmentation. From these
    follows `judged.overfitting`, how far unseen reals have come towards generated images (r_v of Karras et al. 2020,
    section 2.1): 0 if the discriminator knows none by heart, 1 if it takes unseen reals for fakes. Without a test part
    there are neither. `gradient.generator` and `gradient.discriminator` are the lengths of the loss's gradients, those
    of regularizers left out, by all weights that are trained.

    Copies of the networks are asked, and nothing is drawn from where training draws.
    """
    reals = trainer.reals
    batch = trainer.experiment.training.batch_in(trainer.stages[trainer.grown.stage - 1])
    held_out = reals.test_part
    count = min(MOST, *(part.count for part in (reals, held_out) if part is not None))
    count = max(count // batch, 1) * batch if count >= batch else count
    with measuring():
        asked = _Asked(trainer, batch)
        training = asked.steps(reals, count)
        with torch.no_grad():
            found = {"judged.training": _mean([step.on_real.score for step in training])}
            if held_out is not None:
                unseen = asked.steps(held_out, count)
                found["judged.held-out"] = _mean([step.on_real.score for step in unseen])
            found["judged.generated"] = _mean([step.on_fake.score for step in training])
        lengths = {f"gradient.{name}": asked.length(name, training[0]) for name in trainer.optimizers}
    apart = found["judged.training"] - found["judged.generated"]
    if held_out is not None and apart:
        found["judged.overfitting"] = (found["judged.training"] - found["judged.held-out"]) / apart
    return found | lengths


def _mean(scores: Sequence[torch.Tensor]) -> float:
    return float(torch.cat([each.double().flatten() for each in scores]).mean())


class _Asked:
    """Copies of a trainer's networks, in the mode that they train in."""

    def __init__(self, trainer: Trainer, batch: int) -> None:
        self._trainer, self._batch = trainer, batch
        self._generator, self._discriminator = copy.deepcopy(trainer.generator), copy.deepcopy(trainer.discriminator)
        copies: dict[NetworkName, TrainedNetwork] = {
            "generator": self._generator,
            "discriminator": self._discriminator,
        }
        self._trained: dict[NetworkName, list[torch.Tensor]] = {}
        for name, network in copies.items():
            own = set(map(id, trainer.trained[name]))
            pairs = zip(trainer.networks[name].parameters(), network.parameters(), strict=True)
            self._trained[name] = [weight.requires_grad_() for original, weight in pairs if id(original) in own]

    def steps(self, reals: RealImages, count: int) -> list[Step]:
        """The first `count` of reals in an order of their own, batch by batch."""
        trainer = self._trainer
        chosen, at = np.sort(reals.drawn(count, trainer.experiment.seed)), trainer.grown
        blends = at.alpha < 1 and trainer.experiment.generator.join.fades_reals
        steps = []
        for start in range(0, count, self._batch):
            images, labels = reals.take(at.resolution, chosen[start : start + self._batch], trainer.device)
            images = images.contiguous(memory_format=torch.channels_last)
            steps.append(self._step("discriminator", fade_reals(images, at.alpha) if blends else images, labels, start))
        return steps

    def length(self, name: NetworkName, like: Step) -> float:
        """The length of the gradient of a network's loss by its weights, for the reals of a step."""
        step = self._step(name, like.real_images, like.labels, "gradient")
        loss = minimized(self._trainer.experiment.loss, step)
        gradients = torch.autograd.grad(loss, self._trained[name], allow_unused=True)
        squares = [gradient.double().square().sum() for gradient in gradients if gradient is not None]
        return float(torch.stack(squares).sum().sqrt()) if squares else 0.0

    def _step(self, phase: NetworkName, images: torch.Tensor, labels: torch.Tensor | None, number: int | str) -> Step:
        trainer = self._trainer
        return Step(
            phase=phase,
            key=(trainer.seed, "judged", trainer.images, number),
            generator=self._generator,
            discriminator=self._discriminator,
            augment=(),
            real_images=images,
            labels=labels,
            memory_of=lambda component: {},
            progress=trainer.progress,
        )
