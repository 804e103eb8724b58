"""P13: networks whose operations derive their gradients themselves learn what they would by torch's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.properties import holds
from support.systems import STYLEGAN_R1, STYLEGAN_WGAN, experiments, growths, stir, trainer
from torch import Tensor

from gankit.config.experiment import Experiment
from gankit.networks import operations
from gankit.training.parameters import acts_on
from gankit.training.update import Moment
from gankit_stylegan2.regularizers import PathLength


@contextmanager
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def gradients(
    experiment: Experiment, grown: tuple[int, float], name: Literal["generator", "discriminator"], *, plain: bool
) -> list[Tensor | None]:
    """Of all weights of one network, by the loss and all regularizers, those that are lazy too."""
    with pytest.MonkeyPatch.context() as patch, double_precision():
        if plain:
            patch.setattr(operations, "_is_derived", lambda: False)
        made = trainer(experiment)
        torch.manual_seed(0)
        for network in made.networks.values():
            stir(network)
            network.grow(*grown)
        for each, parameters in made.trained.items():
            for parameter in parameters:
                parameter.requires_grad_(each == name)
        count, height = min(experiment.training.batch.values()), grown[0]
        channels, width = experiment.data.image_channels(), round(height * experiment.data.aspect())
        labels = torch.arange(count) % 3 if experiment.data.class_count() else None
        at = Moment(made.seed, made.images, made.iterations, made.progress)
        step = made.updater.step(name, torch.randn(count, channels, height, width), labels, at)
        loss = made.updater.loss(step)
        for regularizer in experiment.regularizers:
            if acts_on(regularizer, name) and (penalty := made.updater.penalty(regularizer, step, {})) is not None:
                loss = loss + penalty
        return list(torch.autograd.grad(loss, made.trained[name], allow_unused=True))


@holds("P13")
@given(data=st.data())
def test_an_updates_gradients_are_those_of_torchs_operations(system: str, data: st.DataObject) -> None:
    """Penalties differentiate discriminators twice, and the lengths of paths generators."""
    experiment = data.draw(experiments(system))
    if system in (STYLEGAN_R1, STYLEGAN_WGAN):  # where it is not used, but may be
        experiment = experiment.model_copy(update={"regularizers": [*experiment.regularizers, PathLength()]})
    grown = data.draw(growths(experiment))
    for name in ("generator", "discriminator"):
        ours, torchs = (gradients(experiment, grown, name, plain=plain) for plain in (False, True))
        assert any(gradient is not None and gradient.any() for gradient in torchs)
        for found, expected in zip(ours, torchs, strict=True):
            assert (found is None) == (expected is None)
            if found is not None and expected is not None:
                torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10 * max(1, float(expected.abs().max())))
