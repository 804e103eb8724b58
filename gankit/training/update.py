"""Updates of one network, by the loss and all regularizers that act on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer as TorchOptimizer

from gankit.config.experiment import Experiment
from gankit.core.errors import blaming
from gankit.core.networks import NetworkName
from gankit.core.progress import Progress
from gankit.kinds import Optimizer, Regularizer
from gankit.networks.critics import Critics
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import TrainedNetwork
from gankit.networks.reuse import weights_reused
from gankit.training.compiling import NetworkPair
from gankit.training.constraints import Constraints
from gankit.training.critics import minimized, penalized, scores_by_critic
from gankit.training.memory import Memory
from gankit.training.parameters import acts_on, named_regularizers
from gankit.training.parts import BatchPart, Joint, Scalars, average_gradients, parts_of
from gankit.training.precision import Precision
from gankit.training.ranks import ALONE, Ranks
from gankit.training.step import Step
from gankit.training.whole import WholeStep, without_graph


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
    discriminator: Discriminator | Critics
    parameters: Mapping[NetworkName, Sequence[Parameter]]
    """Of each network those that are not frozen."""
    optimizers: Mapping[NetworkName, TorchOptimizer]
    precision: Precision
    """In which it is moved."""
    compiled: NetworkPair | None = None
    """The networks for passes that are derived once; None: as they are."""


class Reals(NamedTuple):
    """The reals of an update: those of the batch that are this process's share."""

    images: Tensor
    """[N, channels, H, W], faded like the generator's images."""
    labels: Tensor | None = None
    """Their classes, int64 [N], or the values of their attributes, float [N, attributes], which fakes are made with
    too; None without."""
    times: int = 1
    """How many such batches, one behind the other, are the batch of this update."""

    def of(self, part: BatchPart) -> tuple[Tensor, Tensor | None]:
        """Images and labels of a part of the batch."""
        images, labels = self.images[part.images], None if self.labels is None else self.labels[part.images]
        if self.times == 1:
            return images, labels
        labels = None if labels is None else torch.cat([labels] * self.times)
        return images.repeat(self.times, 1, 1, 1), labels


class Minimized(NamedTuple):
    """What one part of a batch gives to be minimized."""

    loss: Tensor | None
    """A scalar, or nothing this time."""
    record: Scalars
    """What is recorded of it."""
    step: Step
    """What it was computed of."""


class Updater:
    """Makes the updates of both networks, one at a time."""

    def __init__(self, experiment: Experiment, trained: Trained, memory: Memory, ranks: Ranks = ALONE) -> None:
        """Update by the loss, the regularizers and the augmentations of `experiment`, whose numbers are in force.

        Args:
            experiment: The experiment.
            trained: What is updated.
            memory: What components remember.
            ranks: The processes that make each update together.
        """
        self._experiment, self._trained, self._memory, self._ranks = experiment, trained, memory, ranks
        networks: dict[NetworkName, TrainedNetwork] = {
            "generator": trained.generator,
            "discriminator": trained.discriminator,
        }
        self._constraints = Constraints(experiment.regularizers, networks, trained.parameters)
        self._joint = Joint([trained.generator, trained.discriminator], memory, ranks)
        self._names = {id(regularizer): name for name, regularizer in named_regularizers(experiment.regularizers)}

    def update(self, name: NetworkName, reals: Reals, at: Moment) -> Scalars:
        """One update of one network by its loss and regularizers, then one for each lazy regularizer that is due.

        Returns:
            Scalars by name, still on the device: the loss, penalties, mean scores and what components log.
        """
        for each, parameters in self._trained.parameters.items():
            for parameter in parameters:
                parameter.requires_grad_(each == name)  # the other's gradients would be work for nothing
        parts = parts_of(len(reals.images), self._experiment.training.at_once(at.progress.resolution), self._ranks)
        acting = [regularizer for regularizer in self._experiment.regularizers if acts_on(regularizer, name)]
        seen: list[Step] = []

        def of_batch(part: BatchPart) -> Minimized:
            step = self.step(name, *reals.of(part), at)
            loss = self.loss(step)
            record = {f"loss.{name}": loss.detach()}
            for regularizer in acting:
                if regularizer.every == 1 and (penalty := self.penalty(regularizer, step, record)) is not None:
                    loss = loss + penalty
            if name == "discriminator":
                record |= {name: scores.detach().mean() for name, scores in scores_by_critic(step)}
                if self._experiment.augment:
                    seen.append(step if part.is_all else without_graph(step))
            return Minimized(loss, record, step)

        shown = self._descend(name, parts, of_batch)
        record = {scalar: shown.pop(scalar) for scalar in [*shown] if scalar.startswith(("loss.", "penalty."))}
        for regularizer in acting:
            if regularizer.every > 1 and at.iteration % regularizer.every == 0:
                record |= self._descend(name, parts, partial(self._lazy, regularizer, name, reals, at))
        self._constraints.hold(name)
        if seen:
            shown |= self._adapted(seen[0] if parts[0].is_all else WholeStep.of(seen, self._ranks))
        return record | shown | self._trained.precision.scalars(name)  # as the last of these updates has left them

    def _lazy(
        self, regularizer: Regularizer, name: NetworkName, reals: Reals, at: Moment, part: BatchPart
    ) -> Minimized:
        """What a lazy regularizer gives to be minimized of a part of the batch."""
        step, record = self.step(name, *reals.of(part), at, self._names[id(regularizer)]), Scalars()
        penalty = self.penalty(regularizer, step, record)
        return Minimized(None if penalty is None else penalty * regularizer.every, record, step)

    @torch.no_grad()
    def _adapted(self, step: Step) -> Scalars:
        """What augmentations log once they have seen how an update went."""
        for augmentation in self._experiment.augment:
            augmentation.adapt(step)
        return step.logged

    def _networks(self, name: NetworkName, purpose: str) -> NetworkPair:
        """The networks as a step calls them: compiled where they are not derived twice in it."""
        plain, compiled = NetworkPair(self._trained.generator, self._trained.discriminator), self._trained.compiled
        if compiled is None:
            return plain
        acting = [each for each in self._experiment.regularizers if each.every == 1 and acts_on(each, name)]
        if purpose == "main" and not any(each.derives_twice for each in acting):
            return compiled
        return plain._replace(generator=compiled.generator) if name == "discriminator" else plain

    def step(self, name: NetworkName, real: Tensor, labels: Tensor | None, at: Moment, purpose: str = "main") -> Step:
        """What the loss and the regularizers see of an update, or for another `purpose` of a part of it."""
        generator, discriminator = self._networks(name, purpose)
        return Step(
            phase=name,
            key=(at.seed, name, purpose, at.images),
            generator=generator,
            discriminator=discriminator,
            augment=self._experiment.augment,
            real_images=real,
            labels=labels,
            memory_of=self._memory.of,
            progress=at.progress,
            scale=self._trained.precision.scale(name),
            scales=self._trained.generator.scales,
        )

    def loss(self, step: Step) -> Tensor:
        """What the loss gives to be minimized."""
        loss = self._experiment.loss
        with blaming(loss):
            return minimized(loss, step)

    def penalty(self, regularizer: Regularizer, step: Step, record: dict[str, Tensor]) -> Tensor | None:
        """What a regularizer adds to what is minimized, if it does this time; noted in `record`."""
        name = self._names[id(regularizer)]
        step.seed(name)
        if (penalty := penalized(regularizer, step, self._memory.of)) is None:
            return None
        record[f"penalty.{name}.{step.phase}"] = penalty.detach()
        return penalty

    def _descend(
        self, name: NetworkName, parts: Sequence[BatchPart], minimized: Callable[[BatchPart], Minimized]
    ) -> Scalars:
        """Move the network's parameters against the gradient of the mean over all parts, if there is any.

        Returns:
            What was recorded and logged of it; means over all parts.
        """
        options: Optimizer = getattr(self._experiment.training.optimizer, name)
        optimizer, parameters = self._trained.optimizers[name], self._trained.parameters[name]
        precision, has_gradient = self._trained.precision, False

        def with_gradient(part: BatchPart) -> Scalars:
            nonlocal has_gradient
            with weights_reused():
                loss, record, step = minimized(part)
                if loss is not None:
                    if not has_gradient:
                        optimizer.zero_grad(set_to_none=True)
                    precision.scaled(name, loss).backward(inputs=parameters)
                    has_gradient = True
            return record | step.logged

        record = self._joint.of_each(parts, with_gradient)
        if has_gradient:
            average_gradients(parameters, parts[0].parts, self._ranks)
            precision.step(name, optimizer, parameters, options.clip_norm)
        return record
