"""Batch normalization with a scale and a shift for each class."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.discriminators import discriminator_options
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import BuildContext
from gankit.config.checks import problems
from gankit.networks.layers import Condition
from gankit_sngan.modules import ConditionalBatchNorm

CLASSES = 3
LABELS = torch.tensor([2, 0, 2, 1])
EPS = 1e-3


def norm(channels: int = 2) -> ConditionalBatchNorm:
    """One with tables that tell classes and channels apart."""
    context = BuildContext("generator", 4, channels, channels, classes=CLASSES)
    built = component("norm", "conditional-batch", eps=EPS).build(context).double()
    with torch.no_grad():
        built.gamma.copy_(torch.arange(1.0, 1 + CLASSES * channels).view(CLASSES, channels))
        built.beta.copy_(-10 * built.gamma)
    return built


def maps(height: int = 3, width: int = 5) -> Tensor:
    return torch.randn(4, 2, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 + 1


def test_value_by_value() -> None:
    built, x = norm(), maps()
    y = built(x, Condition(labels=LABELS))
    for channel in range(2):
        values = x[:, channel]
        mean, variance = values.mean(), values.var(unbiased=False)
        for n, label in enumerate(LABELS.tolist()):
            scale = 1 + 2 * label + channel
            expected = scale * (values[n] - mean) / (variance + EPS).sqrt() - 10 * scale
            torch.testing.assert_close(y[n, channel], expected)


def test_it_starts_as_plain_batch_normalization() -> None:
    built = component("norm", "conditional-batch").build(BuildContext("generator", 4, 2, 2, classes=CLASSES)).double()
    x = maps()
    torch.testing.assert_close(built(x, Condition(labels=LABELS)), nn.BatchNorm2d(2).double()(x))


def test_evaluation_uses_what_was_seen_and_changes_nothing() -> None:
    built, x = norm(), maps()
    for _ in range(200):
        built(x, Condition(labels=LABELS))
    built.eval()
    before = {key: value.clone() for key, value in built.state_dict().items()}
    one = built(x[1:2], Condition(labels=LABELS[1:2]))
    alone = (x[1] - x.mean((0, 2, 3)).view(-1, 1, 1)) / (x.var((0, 2, 3)).view(-1, 1, 1) + EPS).sqrt()
    scale = torch.tensor([1.0, 2.0]).view(-1, 1, 1)
    torch.testing.assert_close(one[0], scale * alone - 10 * scale)
    assert all(torch.equal(value, before[key]) for key, value in built.state_dict().items())


def test_what_is_saved_gives_the_same_again() -> None:
    built, x = norm(), maps()
    built(x, Condition(labels=LABELS))
    other = (
        component("norm", "conditional-batch", eps=EPS)
        .build(BuildContext("generator", 4, 2, 2, classes=CLASSES))
        .double()
    )
    other.load_state_dict(built.state_dict())
    for module in (built, other):
        module.eval()
    assert torch.equal(built(x, Condition(labels=LABELS)), other(x, Condition(labels=LABELS)))
    assert {"gamma", "beta"} <= built.state_dict().keys()


def test_gradients_of_second_order_exist_and_reach_the_classes_that_are_there() -> None:
    built, x = norm(), maps(2, 2).requires_grad_()
    labels = torch.tensor([2, 0, 2, 0])
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda given: built(given, Condition(labels=labels)), (x,))
    built(x, Condition(labels=labels)).pow(3).sum().backward()
    for table in (built.gamma, built.beta):
        assert table.grad is not None
        assert table.grad.any(1).tolist() == [True, False, True]


def test_no_labels_and_labels_that_are_no_class() -> None:
    with pytest.raises(ValueError, match="given none"):
        norm()(maps(), Condition())
    for wrong in (CLASSES, -1):
        with pytest.raises(IndexError):
            norm()(maps(), Condition(labels=torch.tensor([0, 1, 2, wrong])))


def networks(**generator: Any) -> dict[str, Any]:
    """The tiny experiment with labels and residual blocks, and another generator."""
    options = {"block": "residual", "rgb": "residual-rgb", "norm": ["spectral", "conditional-batch"], **generator}
    return {
        "data": {"use": "digits", "labels": True},
        "generator": tiny().generator.model_dump() | options,
        "loss": "hinge",
        "regularizers": [],
    }


@pytest.mark.parametrize("weights", ["spectral", "equalized"])
def test_norms_of_weights_and_inits_leave_the_tables_alone(weights: str) -> None:
    made = trainer(tiny(**networks(norm=[weights, "conditional-batch"], init="glorot")))
    tables = dict(made.generator.named_parameters())
    gammas = [name for name in tables if name.endswith("gamma")]
    assert len(gammas) == 2 + 2  # in the stem and in one block
    assert all(tables[name].shape[0] == 10 for name in gammas)
    assert all(bool((tables[name] == 1).all()) for name in gammas)
    assert all(bool((tables[name.replace("gamma", "beta")] == 0).all()) for name in gammas)


def test_before_the_image_all_classes_are_normalized_alike() -> None:
    made = trainer(tiny(**networks()))
    for rgb in made.generator.rgb.values():
        assert isinstance(rgb.get_submodule("norm"), nn.BatchNorm2d)
    assert not [module for module in made.discriminator.modules() if isinstance(module, ConditionalBatchNorm)]


def test_classes_make_other_images_in_training_and_through_a_fade() -> None:
    made = trainer(tiny(**networks()))
    while made.images < made.ends[-1]:
        assert all(torch.isfinite(value).all() for value in made.iteration().values())
    z = torch.randn(1, 8).expand(10, -1)
    images = made.average(z, torch.arange(10))
    assert images.shape == (10, 1, 8, 8)
    assert len({round(float(image.sum()), 4) for image in images}) == 10


def test_a_discriminator_may_have_it_too() -> None:
    options = networks()
    discriminator = discriminator_options(tiny()).model_dump() | {"norm": "conditional-batch", "block": "residual"}
    discriminator |= {"head": {"use": "pggan", "labels": "ignore"}}
    experiment = tiny(**options, discriminator=discriminator)
    assert not problems(experiment)
    made = trainer(experiment)
    assert [module for module in made.discriminator.modules() if isinstance(module, ConditionalBatchNorm)]
    assert all(torch.isfinite(value).all() for value in made.iteration().values())


def test_it_is_refused_without_classes_and_by_penalties_on_each_sample() -> None:
    reason = "needs classes, but the data has none; set data.labels: true, or use the norm batch"
    found = problems(tiny(**{**networks(), "data": "digits"}))
    assert found == [(("generator", "norm", 0, 1), reason)]
    discriminator = discriminator_options(tiny()).model_dump() | {"norm": "conditional-batch", "head": "sngan"}
    options = networks() | {"discriminator": discriminator, "regularizers": ["gradient-penalty"]}
    ((path, message),) = problems(tiny(**options))
    assert path == ("regularizers", 0)
    assert "mixes the samples of a batch" in message
