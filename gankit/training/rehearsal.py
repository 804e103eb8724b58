"""Updates of networks that are thrown away afterwards, in which every part is held to what its kind promises."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from gankit.config.experiment import Experiment
from gankit.core.component import Component
from gankit.core.errors import ContractError, blaming
from gankit.core.progress import ends, progress_at, progress_in
from gankit.data.images import RealImages
from gankit.kinds import Critic, Norm, Regularizer
from gankit.networks.contracts import check_finite, check_gradient, check_output, check_scores, size_asked
from gankit.networks.discriminator import DiscriminatorOutput
from gankit.networks.generator import Generator
from gankit.networks.growing import GrowingNetwork, TrainedNetwork
from gankit.networks.layers import Chain
from gankit.networks.protocols import BuiltBy
from gankit.training.contracts import check_augmented, check_groups, check_rate, check_reaches
from gankit.training.parameters import grouped
from gankit.training.step import Step
from gankit.training.trainer import Trainer
from gankit.training.update import Updater


class RehearsedUpdater(Updater):
    """Holds losses, penalties and augmentations to their contracts."""

    def loss(self, step: Step) -> Tensor:
        """The loss, whose value and gradients are looked at, as are augmented reals."""
        loss, images = self._experiment.loss, step.real
        for augmentation in self._experiment.augment if step.phase == "discriminator" else ():
            with blaming(augmentation):
                augmented = step.augmented(augmentation, images, step.labels, real=True)
                check_augmented(images, augmented)
            images = augmented
        value = super().loss(step)
        scores = _by_name("fakes", step.on_fake)
        if step.phase == "discriminator":
            scores |= _by_name("reals", step.on_real)
        with blaming(loss):
            gradients = check_reaches(step.phase, value, scores)
            if _are_finite(step):
                check_finite(
                    f"gives for finite scores in {step.phase}() a number or a gradient that is", value, *gradients
                )
        return value

    def penalty(self, regularizer: Regularizer, step: Step, record: dict[str, Tensor]) -> Tensor | None:
        """The penalty, which is looked at."""
        penalty = super().penalty(regularizer, step, record)
        if penalty is None:
            return None
        with blaming(regularizer):
            if _are_finite(step):
                check_finite(f"gives for finite images and scores in {step.phase}() a number that is", penalty)
            if not penalty.requires_grad and (regularizer.every > 1 or bool(penalty)):
                raise ContractError(
                    f"lets no gradient through {step.phase}(); take gradients by step.gradient, and detach nothing"
                )
        return penalty


class Rehearsal(Trainer):
    """Fresh networks that go through each stage in one iteration of few images, and one more where a fade is over."""

    updater_type = RehearsedUpdater

    def __init__(self, experiment: Experiment, reals: RealImages, device: torch.device, most: int) -> None:
        """Build what is rehearsed with `most` reals an update, or as many as the experiment shows if that is fewer.

        Raises:
            ContractError: if an optimizer builds other than it should.
        """
        once = {"discriminator_steps": 1, "generator_batches": 1, "micro_batch": None, "processes": 1}
        changes = {**once, "compile": False}
        training = experiment.training.model_copy(update=changes)
        super().__init__(experiment.model_copy(update={"training": training}), reals, device)
        self.stages = [stage._replace(batch=min(most, experiment.training.part_in(stage))) for stage in self.stages]
        for name, network in self.networks.items():
            with blaming(self._optimizer(name)):
                check_groups(grouped(network, self.trained[name]), self.optimizers[name])
            last = {id(module) for growing in network.growing() for module in _last_blocks(growing)}
            for module in network.modules():
                if isinstance(module, BuiltBy):
                    module.register_forward_hook(partial(_look, network, is_last=id(module) in last))

    def go_through(self, since: int, until: int | None = None) -> None:
        """Rehearse all stages that are not over after `since` images, and are after `until` if that is said.

        Raises:
            ContractError: naming the first component that breaks its kind's promise.
        """
        for images in self._moments(since, until):
            self.images, self.iterations = images, 0  # so that lazy regularizers are due
            for name in self.networks:
                optimizer = self._optimizer(name)
                with blaming(optimizer):
                    check_rate(optimizer.learning_rate(progress_at(self.stages, images)))
            self.iteration()

    def measured(self) -> Generator:
        """The averaged generator, grown to the end, to be measured; its batch norms have seen next to nothing."""
        self.grow(progress_in(self.stages, len(self.stages), self.images))
        return self.averages["average"].generator

    def _moments(self, since: int, until: int | None) -> Iterator[int]:
        """Images after which to rehearse: in the midst of each fade, and where each stage is fully grown."""
        for stage, end in zip(self.stages, ends(self.stages), strict=True):
            if end > since and (until is None or end <= until):
                begin = end - stage.images
                fade = stage.fade if begin else 0
                yield from ([begin + fade // 2] if fade > 1 else [])
                yield from ([begin + fade] if fade < stage.images else [])


def _by_name(of: str, output: DiscriminatorOutput) -> dict[str, Tensor]:
    """What a loss looks at of some images, by what messages call it."""
    return {f"{of}, number {number}" if number else of: each.score for number, each in enumerate(output.judgements)}


def _are_finite(step: Step) -> bool:
    """Whether all that losses and regularizers are given is; gradients of scaled losses may overflow at first."""
    if step.scale is not None:
        return False
    given = [step.real, step.fake, step.on_fake.score]
    if step.phase == "discriminator":
        given.append(step.on_real.score)
    return all(bool(each.isfinite().all()) for each in given)


def _last_blocks(network: GrowingNetwork) -> Iterator[nn.Module]:
    """The module of the last block of each list."""
    for part in (*network.blocks.values(), network.base_blocks):
        chained = isinstance(part, Chain) and not isinstance(part, BuiltBy)  # a block may build a chain itself
        yield cast(Chain, part).members()[-1] if chained else part


def _look(network: TrainedNetwork, module: Any, entering: tuple[Any, ...], output: Any, is_last: bool) -> None:
    """Hold what a module gives to what its places ask for; a hook of it.

    Raises:
        ContractError: naming its component.
    """
    if not entering or not isinstance(entering[0], Tensor):  # a module that its own component calls in its own way
        return
    component: Component = module.built_by
    x, *others = entering
    size = f"{network.resolution}x{network.resolution}"
    with blaming(component):
        if isinstance(component, Critic):
            if not isinstance(output, DiscriminatorOutput):  # whose parts are looked at by themselves
                check_scores(output, len(x), [*x.shape])
            return
        if isinstance(component, Norm):  # it may stand before or after a block changes the resolution
            sizes = [tuple(x.shape[1:])]
        else:
            styles = others[1] if component.kind == "mapping" else None
            sizes = [size_asked(component, module, context, styles, is_last) for context in module.built_for]
        places = " or ".join(dict.fromkeys(f"{each.resolution}x{each.resolution}" for each in module.built_for))
        where = f"for {list(x.shape)} at {places} of the {module.built_for[0].network}, grown to {size}"
        check_output(component, module, output, len(x), sizes, where)
        check_gradient(module, entering, output)
        if output.isnan().any() and x.isfinite().all():
            raise ContractError(f"gives NaN {where}, all of it finite")
