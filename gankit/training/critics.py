"""What losses and regularizers see of an update where several discriminators judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Self, cast

import torch
from torch import Tensor

from gankit.core.component import Component
from gankit.core.errors import UserError, blaming
from gankit.kinds import Augmentation, Loss, Regularizer
from gankit.networks.critics import Critics, Judge
from gankit.networks.discriminator import Discriminator, DiscriminatorOutput
from gankit.training.contracts import check_scalar
from gankit.training.step import Step

MemoryOfCritic = Callable[[Component, str], dict[str, Tensor]]
"""Where a component keeps what it remembers of one of several discriminators."""


def minimized(loss: Loss, step: Step) -> Tensor:
    """What a loss gives to be minimized; where it looks at scores one by one, the weighted sum of what it gives."""
    if step.phase == "discriminator":
        reals, fakes = step.on_real.judgements, step.on_fake.judgements
        terms = [loss.discriminator(real.score, fake.score) for real, fake in zip(reals, fakes, strict=True)]
    else:
        fakes = step.on_fake.judgements
        reals = step.on_real.judgements if loss.relativistic else [None] * len(fakes)
        terms = [loss.generator(fake.score, real and real.score) for fake, real in zip(fakes, reals, strict=True)]
    for term in terms:
        check_scalar(term)
    weighted = [term if fake.weight == 1 else fake.weight * term for term, fake in zip(terms, fakes, strict=True)]
    return weighted[0] if len(weighted) == 1 else torch.stack(weighted).sum()


def penalized(regularizer: Regularizer, step: Step, memory: MemoryOfCritic) -> Tensor | None:
    """What a regularizer gives to be minimized: the sum over the discriminators that it acts on, each by itself.

    Raises:
        ContractError: if it gives no scalar.
        UserError: if it is to act on others than there are.
    """
    act = getattr(type(regularizer), step.phase)
    given = [act(regularizer, seen) for seen in _seen(regularizer, step, memory)]
    with blaming(regularizer):
        there = [check_scalar(penalty) for penalty in given if penalty is not None]
    return sum(there[1:], there[0]) if there else None


def constrained(regularizer: Regularizer, discriminator: torch.nn.Module) -> None:
    """Let a regularizer change the weights of the discriminators that it acts on, in place."""
    if not isinstance(discriminator, Critics):
        regularizer.constrain(discriminator)
        return
    for name, judge in discriminator.judges():
        if regularizer.critics is None or name in regularizer.critics:
            regularizer.constrain(judge)


def scores_by_critic(step: Step) -> Iterator[tuple[str, Tensor]]:
    """The scores of a discriminator's update by what they are recorded as: all of them, and those of each critic."""
    for of, output in (("real", step.on_real), ("fake", step.on_fake)):
        yield f"score.{of}", output.score
        yield from ((f"score.{of}.{name}", said.score) for name, said in output.critics.items())


def _seen(regularizer: Regularizer, step: Step, memory: MemoryOfCritic) -> Iterator[Step]:
    """A step as a regularizer sees it: as often as there are discriminators that it acts on, each time with one."""
    several = step.discriminator if isinstance(step.discriminator, Critics) else None
    there = [name for name, _ in several.judges()] if several is not None else ["discriminator"]
    for name in regularizer.critics or ():
        if name not in there:
            raise UserError(f"critics: there is no discriminator {name!r} to act on, but {', '.join(there)}")
    if several is None or (regularizer.critics is None and step.phase == "generator"):
        if regularizer.critics != []:
            yield step
        return
    for name in there if regularizer.critics is None else regularizer.critics:
        yield StepOfCritic.of(step, name, several.judge(name), memory)


class StepOfCritic(Step):
    """A step in which one of several discriminators judges; images are those of the step that all share."""

    _shared: Step
    _name: str
    _memory: MemoryOfCritic

    @classmethod
    def of(cls, shared: Step, name: str, judge: Judge, memory: MemoryOfCritic) -> Self:
        """What the discriminator called `name` sees of a step."""
        own = cls.__new__(cls)
        given = {key: value for key, value in vars(shared).items() if key in Step.__dataclass_fields__}
        vars(own).update(given | {"discriminator": cast(Discriminator, judge)})
        own._shared, own._name, own._memory = shared, name, memory
        return own

    @cached_property
    def real(self) -> Tensor:
        """Reals [N, channels, H, W]."""
        return self._shared.real

    @cached_property
    def z(self) -> Tensor:
        """Latents [N, latent]."""
        return self._shared.z

    @cached_property
    def fake(self) -> Tensor:
        """Generated images [N, channels, H, W]."""
        return self._shared.fake

    @cached_property
    def on_real(self) -> DiscriminatorOutput:
        """What it says of the reals: as all have judged them together, if they have."""
        return self._shared.on_real.critics[self._name] if "on_real" in vars(self._shared) else Step.on_real.func(self)

    @cached_property
    def on_fake(self) -> DiscriminatorOutput:
        """What it says of the fakes."""
        return self._shared.on_fake.critics[self._name] if "on_fake" in vars(self._shared) else Step.on_fake.func(self)

    def augmented(self, by: Augmentation, images: Tensor, labels: Tensor | None, real: bool) -> Tensor:
        """Images [N, C, H, W] after one augmentation, which all share."""
        return self._shared.augmented(by, images, labels, real)

    def memory(self, component: Component) -> dict[str, Tensor]:
        """What `component` remembers of this discriminator."""
        return self._memory(component, self._name)

    def log(self, name: str, value: Tensor | float) -> None:
        """Record a scalar, under a name that ends with the discriminator's."""
        self._shared.log(f"{name}.{self._name}", value)
