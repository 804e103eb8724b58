"""Updates of one network, by the loss and all regularizers that act on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer as TorchOptimizer

from gankit.config.experiment import Experiment
from gankit.core.errors import blaming
from gankit.core.progress import Progress
from gankit.kinds import Optimizer, Regularizer
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.reuse import weights_reused
from gankit.training.contracts import check_scalar
from gankit.training.memory import Memory
from gankit.training.parameters import acts_on, named_regularizers
from gankit.training.precision import Precision
from gankit.training.step import Step

NetworkName = Literal["generator", "discriminator"]


class Moment(NamedTuple):
    """When an update is made, from which its draws and all that moves follow."""

    seed: int
    """Decides every draw."""
    images: int
    """Reals shown before it."""
    iteration: int
    """Iterations before the one that it is part of."""
    progress: Progress
    """Where the run stands before it."""


class Trained(NamedTuple):
    """What training moves."""

    generator: Generator
    discriminator: Discriminator
    parameters: Mapping[NetworkName, Sequence[Parameter]]
    """Of each network those that are not frozen."""
    optimizers: Mapping[NetworkName, TorchOptimizer]
    precision: Precision
    """In which it is moved."""


class Updater:
    """Makes the updates of both networks, one at a time."""

    def __init__(self, experiment: Experiment, trained: Trained, memory: Memory) -> None:
        """Update by the loss, the regularizers and the augmentations of `experiment`, whose numbers are in force."""
        self._experiment, self._trained, self._memory = experiment, trained, memory
        self._names = {id(regularizer): name for name, regularizer in named_regularizers(experiment.regularizers)}

    def update(self, name: NetworkName, real: Tensor, labels: Tensor | None, at: Moment) -> dict[str, Tensor]:
        """One update of one network by its loss and regularizers, then one for each lazy regularizer that is due.

        Args:
            name: The network.
            real: Reals [N, channels, H, W], faded like the generator's images.
            labels: Their classes, int64 [N]; fakes are made with the same.
            at: When.

        Returns:
            Scalars by name, still on the device: the loss, penalties, mean scores and what components log.
        """
        for each, parameters in self._trained.parameters.items():
            for parameter in parameters:
                parameter.requires_grad_(each == name)  # the other's gradients would be work for nothing
        step = self.step(name, real, labels, at)
        acting = [regularizer for regularizer in self._experiment.regularizers if acts_on(regularizer, name)]
        with weights_reused():
            loss = self.loss(step)
            record = {f"loss.{name}": loss.detach()}
            for regularizer in acting:
                if regularizer.every == 1 and (penalty := self.penalty(regularizer, step, record)) is not None:
                    loss = loss + penalty
            record |= self._descend(name, loss)
        for regularizer in acting:
            if regularizer.every > 1 and at.iteration % regularizer.every == 0:
                lazy = self.step(name, real, labels, at, self._names[id(regularizer)])
                with weights_reused():
                    if (penalty := self.penalty(regularizer, lazy, record)) is not None:
                        record |= self._descend(name, penalty * regularizer.every)
                record |= lazy.logged
        if name == "discriminator":
            record |= {
                "score.real": step.on_real.score.detach().mean(),
                "score.fake": step.on_fake.score.detach().mean(),
            }
            with torch.no_grad():
                for regularizer in self._experiment.regularizers:
                    regularizer.constrain(self._trained.discriminator)
                for augmentation in self._experiment.augment:
                    augmentation.adapt(step)
        return record | step.logged

    def step(self, name: NetworkName, real: Tensor, labels: Tensor | None, at: Moment, purpose: str = "main") -> Step:
        """What the loss and the regularizers see of an update, or for another `purpose` of a part of it."""
        return Step(
            phase=name,
            key=(at.seed, name, purpose, at.images),
            generator=self._trained.generator,
            discriminator=self._trained.discriminator,
            augment=self._experiment.augment,
            real_images=real,
            labels=labels,
            memory_of=self._memory.of,
            progress=at.progress,
            scale=self._trained.precision.scale(name),
        )

    def loss(self, step: Step) -> Tensor:
        """What the loss gives to be minimized."""
        loss = self._experiment.loss
        with blaming(loss):
            if step.phase == "discriminator":
                return check_scalar(loss.discriminator(step.on_real.score, step.on_fake.score))
            return check_scalar(loss.generator(step.on_fake.score, step.on_real.score if loss.relativistic else None))

    def penalty(self, regularizer: Regularizer, step: Step, record: dict[str, Tensor]) -> Tensor | None:
        """What a regularizer adds to what is minimized, if it does this time; noted in `record`."""
        name = self._names[id(regularizer)]
        step.seed(name)
        if (given := getattr(regularizer, step.phase)(step)) is None:
            return None
        with blaming(regularizer):
            penalty = check_scalar(given)
        record[f"penalty.{name}.{step.phase}"] = penalty.detach()
        return penalty

    def _descend(self, name: NetworkName, loss: Tensor) -> dict[str, Tensor]:
        """Move the network's parameters against the gradient of a loss; what is to be recorded of that by name."""
        options: Optimizer = getattr(self._experiment.training.optimizer, name)
        optimizer, parameters = self._trained.optimizers[name], self._trained.parameters[name]
        optimizer.zero_grad(set_to_none=True)
        precision = self._trained.precision
        precision.scaled(name, loss).backward(inputs=parameters)
        return precision.step(name, optimizer, parameters, options.clip_norm)
