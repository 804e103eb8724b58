"""The adversarial half of other people's loops: losses, penalties, augmentations and averages beside any modules."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from gankit.api.parts import AdversaryOptions, AverageOptions, read_options
from gankit.core.component import Component
from gankit.core.errors import UserError
from gankit.core.networks import NetworkName
from gankit.core.progress import Progress
from gankit.networks.critics import Critics, Judge
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.training import randomness
from gankit.training.averages import Weights
from gankit.training.constraints import Constraints
from gankit.training.critics import minimized, penalized
from gankit.training.memory import OF_CRITIC
from gankit.training.parameters import acts_on, named_regularizers
from gankit.training.step import Step

Parts = str | Mapping[str, Any] | Component
"""A component: its name, {"use": NAME, ...} with options, or itself."""


@dataclass
class _GivenStep(Step):
    """An update of networks that are any modules, on fakes that are given."""

    given: Tensor | None = None
    """The fakes."""

    def __post_init__(self) -> None:
        fake = cast(Tensor, self.given)
        # in place of what Step would have its generator draw
        self.fake = fake if self.phase == "generator" else fake.detach().requires_grad_()


class _NoGenerator:
    """Stands where a penalty would call the generator."""

    def __getattr__(self, name: str) -> Any:
        raise UserError("generator: one of the regularizers calls the generator; hand it to Adversary")

    def __call__(self, *given: Any) -> Any:
        return self.__getattr__("__call__")


class Adversary:
    """A discriminator with its loss, penalties and augmentations, for a loop of your own.

        adversary = gankit.Adversary(discriminator, "relativistic", regularizers=[{"use": "r1", "gamma": 0.1}])
        ...
        adversary.discriminator_loss(real, fake).backward()  # and a step of the discriminator's optimizer
        adversary.updated()
        adversary.generator_loss(fake, real).backward()  # and a step of the generator's

    The discriminator is any module from images [N, C, H, W], and labels if there are some, to scores [N], [N, 1] or
    [N, patches, ...], to a list of such, each of which the loss looks at by itself, or to a tuple of these and class
    logits. Images lie in [-1, 1], as augmentations take them to.

    Lazy penalties (`every`) are added in every n-th update, n times as strong. Draws of penalties and augmentations are
    functions of the seed and of how many reals were shown, and leave torch's generators as they were. What components
    remember, such as an adaptive probability, is in `state_dict`.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        loss: Parts,
        regularizers: Sequence[Parts] = (),
        augment: Sequence[Parts] = (),
        *,
        generator: nn.Module | None = None,
        seed: int = 0,
    ) -> None:
        """Compose it of components, as an experiment does.

        Args:
            discriminator: What judges images.
            loss: The adversarial objective.
            regularizers: Penalties. Layers, as of statistics of a batch, belong into the discriminator itself.
            augment: What changes reals and fakes before they are judged.
            generator: What makes fakes of latents, for penalties that call it, as path lengths do.
            seed: Decides their draws.

        Raises:
            UserError: if there are no such components, or not with these options.
        """
        options = read_options(AdversaryOptions, {"loss": loss, "regularizers": [*regularizers], "augment": [*augment]})
        self.loss, self.regularizers, self.augment = options.loss, options.regularizers, options.augment
        self.discriminator, self._seed = discriminator, seed
        self._generator = _NoGenerator() if generator is None else generator
        self._names = named_regularizers(self.regularizers)
        paths = [*self._names, *((f"augment.{number}", each) for number, each in enumerate(self.augment))]
        self._paths = {id(component): path for path, component in paths}
        self._constraints = Constraints(
            self.regularizers, {"discriminator": discriminator}, {"discriminator": [*discriminator.parameters()]}
        )
        self._memory: dict[str, dict[str, Tensor]] = {}
        self._updates, self._images = 0, 0
        self._last: Step | None = None
        self.logged: dict[str, Tensor] = {}
        """Scalars by name as they were last: the losses, penalties and what components log."""

    def discriminator_loss(self, real: Tensor, fake: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the discriminator minimizes, a scalar, penalties included.

        Args:
            real: Reals [N, C, H, W].
            fake: As many fakes; no gradient reaches what made them.
            labels: Their classes, int64 [N], or attributes, float [N, attributes], if the discriminator is told them.
        """
        return self._of("discriminator", real, fake, labels)

    def generator_loss(self, fake: Tensor, real: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """What whoever made the fakes minimizes, a scalar, penalties included.

        Args:
            fake: Fakes [N, C, H, W], with the graph that made them.
            real: As many reals, which relativistic losses ask for.
            labels: The classes of the fakes.

        Raises:
            UserError: if the loss needs reals and is given none.
        """
        if real is None and self.loss.relativistic:
            raise UserError("real: the loss is relativistic: it compares fakes with reals; give these too")
        return self._of("generator", fake.detach() if real is None else real, fake, labels)

    def updated(self) -> None:
        """Tell that the discriminator's optimizer has made its step: weights are constrained, augmentations adapt."""
        with torch.no_grad(), randomness.untouched():
            self._constraints.hold("discriminator")
            if self._last is not None:
                for augmentation in self.augment:
                    augmentation.adapt(self._last)
                self.logged |= self._last.logged
                self._images += len(self._last.real_images)
        self._updates, self._last = self._updates + 1, None

    def state_dict(self) -> dict[str, Any]:
        """What is remembered: plain values and tensors, without the discriminator's weights."""
        memory = {path: _copied(kept) for path, kept in self._memory.items()}
        return {"updates": self._updates, "images": self._images, "memory": memory}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as it was when `state_dict` was taken."""
        self._updates, self._images = int(state["updates"]), int(state["images"])
        self._memory = {path: _copied(kept) for path, kept in state["memory"].items()}

    def _of(self, phase: NetworkName, real: Tensor, fake: Tensor, labels: Tensor | None) -> Tensor:
        if real.shape != fake.shape:
            raise UserError(
                f"fake: expected as many images as reals, of their size, {[*real.shape]}, not {[*fake.shape]}"
            )
        with randomness.untouched():
            step = self._step(phase, "main", real, fake, labels)
            loss = minimized(self.loss, step)
            self.logged[f"loss.{phase}"] = loss.detach()
            for name, regularizer in self._names:
                if not acts_on(regularizer, phase) or self._updates % regularizer.every:
                    continue
                its = step if regularizer.every == 1 else self._step(phase, name, real, fake, labels)
                its.seed(name)
                if (penalty := penalized(regularizer, its, self._remembered)) is not None:
                    self.logged[f"penalty.{name}.{phase}"] = penalty.detach()
                    loss = loss + regularizer.every * penalty
        self.logged |= step.logged
        if phase == "discriminator":
            self._last = step
        return loss

    def _step(
        self,
        phase: NetworkName,
        purpose: str,
        real: Tensor,
        fake: Tensor,
        labels: Tensor | None,
    ) -> Step:
        judge = self.discriminator
        judge = judge if isinstance(judge, Discriminator | Critics) else Judge(judge)
        scales = judge.scales if isinstance(judge, Discriminator) else None
        height = real.shape[2] if scales is None else scales.resolutions[-1]
        return _GivenStep(
            phase=phase,
            key=(self._seed, phase, purpose, self._images),
            generator=cast(Generator, self._generator),
            discriminator=cast(Discriminator, judge),
            augment=self.augment,
            real_images=real,
            labels=labels,
            memory_of=self._remembered,
            progress=progress_without_end(self._images, height),
            scales=scales,
            given=fake,
        )

    def _remembered(self, component: Component, critic: str = "") -> dict[str, Tensor]:
        path = self._paths[id(component)]
        return self._memory.setdefault(f"{path}{OF_CRITIC}{critic}" if critic else path, {})


class Averaged:
    """A copy of a module whose weights follow it.

    averaged = gankit.Averaged(generator, "exponential", half_life="10k")
    averaged.update(len(real))  # after each step of the generator's optimizer
    images = averaged.module(z)
    """

    def __init__(self, module: nn.Module, average: Parts = "exponential", **options: Any) -> None:
        """Begin as a copy of `module`, in eval mode and without gradients.

        Args:
            module: What is trained.
            average: How it is followed.
            options: Of the average.

        Raises:
            UserError: if there is no such average, or not with these options.
        """
        named = {"use": average, **options} if isinstance(average, str) else average
        self._average, self._trained = read_options(AverageOptions, {"average": named}).average, module
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        """What follows."""
        self._memory: dict[str, Tensor] = {}
        self._images = 0

    @torch.no_grad()
    def update(self, images: int) -> None:
        """Follow the module after an update by so many reals; buffers are copied."""
        own, its = Weights([*self.module.parameters()]), Weights([*self._trained.parameters()])
        self._average.move(own, its, progress_without_end(self._images, 0), images, self._memory)
        for kept, buffer in zip(self.module.buffers(), self._trained.buffers(), strict=True):
            kept.copy_(buffer)
        self._images += images

    def state_dict(self) -> dict[str, Any]:
        """Its weights, and what the average remembers."""
        return {"module": self.module.state_dict(), "memory": _copied(self._memory), "images": self._images}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as it was when `state_dict` was taken."""
        self.module.load_state_dict(state["module"])
        self._memory = _copied(state["memory"])
        self._images = int(state["images"])


def progress_without_end(images: int, resolution: int) -> Progress:
    """Where a loop stands that nobody knows the end of: in a single stage, fully grown, all of it at one resolution."""
    end = images + 1
    return Progress(images, end, 1, 1, resolution, 1.0, images, stage_total=end, resolution_images=images)


def _copied(kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in kept.items()}
