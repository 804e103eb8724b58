"""P8 to P10: penalties and their gradients, batches that do not split, and scores that are never broadcast."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.discriminators import discriminator_options, own_discriminator
from support.properties import holds
from support.systems import Pictures, counts, experiments, latents_and_labels, stir, trainer
from torch import Tensor

from gankit import Head, Loss, Regularizer, UserError
from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.config.yaml.writer import dump_experiment
from gankit.core.registry import RegistryEntry, register, registries, restored
from gankit.networks.discriminator import Discriminator
from gankit.networks.growing import ImageShape
from gankit.networks.layers import WEIGHTED
from gankit.training.parameters import acts_on
from gankit.training.step import Step
from gankit.training.trainer import Trainer
from gankit_diversity.regularizers import MinibatchStddev

PHASES: tuple[Literal["discriminator", "generator"], ...] = ("discriminator", "generator")


def bundled(kind: str) -> list[RegistryEntry]:
    """All that gankit brings of a kind."""
    return [entry for entry in registries[kind].entries() if entry.component.__module__.startswith("gankit_")]


def with_every_penalty(experiment: Experiment) -> Experiment:
    """The same with each bundled penalty that can work in it, by default options."""
    penalties = [
        each
        for each in (entry.component() for entry in bundled("regularizer"))
        if isinstance(each, Regularizer)
        and any(acts_on(each, phase) for phase in PHASES)
        and not list(each.problems(experiment))
    ]
    assert len(penalties) >= 4
    return experiment.model_copy(update={"regularizers": [*experiment.regularizers, *penalties]})


def check_penalties(made: Trainer, check: Callable[[Tensor, list[Tensor]], None]) -> None:
    """Give `check` the value of each penalty, and its gradients with respect to the network that minimizes it."""
    for phase in PHASES:
        for regularizer in made.experiment.regularizers:
            if not acts_on(regularizer, phase):
                continue
            step = step_of(made, phase)
            if (penalty := getattr(regularizer, phase)(step)) is None:  # as there were no scores before
                penalty = getattr(regularizer, phase)(step)
                if not penalty:  # scores are where they should be
                    continue
            parameters = list(made.networks[phase].parameters())
            gradients = torch.autograd.grad(penalty, parameters, allow_unused=True)
            check(penalty, [gradient for gradient in gradients if gradient is not None])


def step_of(made: Trainer, phase: Literal["discriminator", "generator"]) -> Step:
    real, labels, _ = made._batch()
    memory: dict[Any, dict[str, Tensor]] = {}
    return Step(
        phase=phase,
        key=("a step",),
        generator=made.generator,
        discriminator=made.discriminator,
        augment=(),
        real_images=real,
        labels=labels,
        memory_of=lambda component: memory.setdefault(id(component), {}),
    )


@holds("P8", examples=3)
@given(data=st.data(), stirred=st.booleans())
def test_every_penalty_moves_its_network(system: str, data: st.DataObject, stirred: bool) -> None:
    experiment = with_every_penalty(data.draw(experiments(system)))
    made = trainer(experiment, data.draw(counts(experiment)))
    if stirred:
        for network in made.networks.values():
            stir(network)

    def check(penalty: Tensor, gradients: list[Tensor]) -> None:
        assert penalty.shape == ()
        assert bool(penalty.isfinite())
        assert all(bool(gradient.isfinite().all()) for gradient in gradients)
        assert any(bool(gradient.any()) for gradient in gradients)

    check_penalties(made, check)


@holds("P8", examples=3)
@given(data=st.data())
def test_every_penalty_is_finite_where_the_scores_have_no_gradient(system: str, data: st.DataObject) -> None:
    experiment = with_every_penalty(data.draw(experiments(system, equalized=True)))
    made = trainer(experiment, data.draw(counts(experiment)))
    *_, last = (layer for layer in own_discriminator(made).head.modules() if isinstance(layer, WEIGHTED))
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.zero_()
    step = step_of(made, "discriminator")
    assert not step.gradient(step.on_real.score, step.real).any()

    def check(penalty: Tensor, gradients: list[Tensor]) -> None:
        assert bool(penalty.isfinite())
        assert gradients
        assert all(bool(gradient.isfinite().all()) for gradient in gradients)

    check_penalties(made, check)


@holds("P9")
@given(data=st.data())
def test_an_experiment_whose_batches_do_not_split_is_refused(
    system: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    experiment = data.draw(experiments(system))
    group = group_of(experiment)
    stages = [stage.resolution for stage in experiment.growth.stages()]
    wrong, batch = data.draw(st.sampled_from(stages)), data.draw(st.integers(group, 5 * group))
    table = {resolution: batch if resolution == wrong else group for resolution in stages}
    file = tmp_path_factory.mktemp("drawn") / "drawn.yaml"
    with restored():
        register("noise", "pictures", Pictures)
        file.write_text(dump_experiment(experiment))
        load = partial(load_experiment, file, [f"training.batch={table}", "growth.images=10k"])
        if batch % group == 0:
            assert load().training.batch == table
            return
        where = f" (at {wrong}x{wrong})" if len(stages) > 1 else ""
        said = f"a batch of {batch}{where} does not split into groups of {group}"
        with pytest.raises(UserError, match=re.escape(said)):
            load()


def group_of(experiment: Experiment) -> int:
    *_, stddev = experiment.regularizers
    assert isinstance(stddev, MinibatchStddev)
    return stddev.group


@holds("P9")
@given(data=st.data())
def test_a_batch_that_does_not_split_is_refused_by_the_discriminator(system: str, data: st.DataObject) -> None:
    experiment = data.draw(experiments(system))
    made = trainer(experiment, data.draw(counts(experiment)))
    group = group_of(experiment)
    batch = data.draw(st.integers(1, 3 * group))
    z, labels = latents_and_labels(experiment, batch)
    images = made.generator.eval()(z, labels)
    if batch < group or batch % group == 0:
        assert made.discriminator(images, labels).score.shape == (batch,)
        return
    with pytest.raises(ValueError, match=f"a batch of {batch} does not split into groups of {group}"):
        made.discriminator(images, labels)


@holds("P10")
@given(data=st.data())
def test_a_loss_is_the_mean_of_what_it_is_of_single_scores(system: str, data: st.DataObject) -> None:
    """With the scores of N samples [N], whose sums with [N, 1] would be [N, N]."""
    experiment = data.draw(experiments(system))
    made = trainer(experiment, data.draw(counts(experiment)))
    real_images, labels, _ = made._batch()
    count = len(real_images)
    z, _ = latents_and_labels(experiment, count)
    verdicts = [made.discriminator(images, labels) for images in (real_images, made.generator(z, labels))]
    for verdict in verdicts:
        assert verdict.score.shape == (count,)
        if verdict.classes is not None:
            assert verdict.classes.shape == (count, experiment.data.class_count())
    check_means(verdicts[0].score, verdicts[1].score)
    check_means(*torch.randn(2, 3))
    check_means(*3 * torch.randn(2, 3, 5))  # of a head that judges patches


@holds("P10")
@given(data=st.data())
def test_every_head_gives_one_score_a_sample(system: str, data: st.DataObject) -> None:
    experiment = data.draw(experiments(system))
    batch = max(experiment.training.batch.values())
    heads = [entry.component() for entry in bundled("head")]
    fitting = [head for head in heads if isinstance(head, Head) and not list(head.problems(experiment))]
    assert len(fitting) >= 2
    for head in fitting:
        options = discriminator_options(experiment).model_copy(update={"head": head})
        discriminator = Discriminator(options, ImageShape.of(experiment), experiment.regularizers)
        height, width = replace(discriminator.context, resolution=discriminator.resolution).size
        images = torch.randn(batch, experiment.data.image_channels(), height, width)
        _, labels = latents_and_labels(experiment, batch)
        assert discriminator(images, labels).score.shape == (batch,), head


def check_means(real: Tensor, fake: Tensor) -> None:
    for entry in bundled("loss"):
        loss = entry.component()
        assert isinstance(loss, Loss)
        if getattr(loss, "mixes_samples", False):
            continue
        one_by_one = [
            (loss.discriminator(r, f), loss.generator(f, r if loss.relativistic else None))
            for r, f in zip(real.split(1), fake.split(1), strict=True)
        ]
        values = loss.discriminator(real, fake), loss.generator(fake, real if loss.relativistic else None)
        for value, each in zip(values, zip(*one_by_one, strict=True), strict=True):
            assert value.shape == ()
            torch.testing.assert_close(value, torch.stack(each).mean())
