"""How SNGAN's generator begins and how its discriminator ends, with and without labels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.discriminators import discriminator_options, own_discriminator
from support.pggan import component, parameters
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import BuildContext
from gankit.config.checks import problems
from gankit.config.experiment import DiscriminatorOptions
from gankit.networks.discriminator import Discriminator
from gankit.networks.growing import ImageShape
from gankit.networks.layers import Condition, run

CLASSES = 5
LABELS = torch.tensor([4, 0, 2])
POOLS = pytest.mark.parametrize("pool", ["sum", "mean"])


def head(classes: int = CLASSES, **options: Any) -> nn.Module:
    context = BuildContext("discriminator", 4, in_channels=7, out_channels=6, classes=classes)
    return component("head", "sngan", **options).build(context).double()


def maps(height: int = 4, width: int = 4) -> Tensor:
    return torch.randn(3, 7, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def scores(module: nn.Module, x: Tensor, labels: Tensor | None = None) -> Tensor:
    return run(module, x, Condition(labels=labels))


@POOLS
@pytest.mark.parametrize("size", [(4, 4), (2, 6)])
def test_score_of_rectified_and_pooled_maps(pool: str, size: tuple[int, int]) -> None:
    module, x = head(0, pool=pool), maps(*size)
    (weight, bias), before = module.parameters(), x.clone()
    nn.init.constant_(bias, 3.0)
    for sample, score in zip(x, scores(module, x).tolist(), strict=True):
        pooled = [sum(max(0.0, value) for value in one.flatten().tolist()) for one in sample]
        if pool == "mean":
            pooled = [total / (size[0] * size[1]) for total in pooled]
        assert score == [pytest.approx(3 + sum(w * h for w, h in zip(weight[0].tolist(), pooled, strict=True)))]
    assert torch.equal(x, before)


@POOLS
def test_a_projection_adds_the_product_with_the_labels_row(pool: str) -> None:
    module, x = head(pool=pool), maps()
    features = x.relu().sum((2, 3)) if pool == "sum" else x.relu().mean((2, 3))
    rows = module.get_parameter("score.embedding.weight")[LABELS]
    plain = scores(module, x)
    torch.testing.assert_close(scores(module, x, LABELS) - plain, (features * rows).sum(1, keepdim=True))
    torch.testing.assert_close(plain, module.get_submodule("score.score")(features))


@pytest.mark.parametrize(("classes", "labels"), [(0, "project"), (CLASSES, "ignore"), (0, "ignore")])
def test_without_classes_or_if_told_so_labels_are_ignored(classes: int, labels: str) -> None:
    module, x = head(classes, labels=labels), maps()
    assert parameters(module) == 7 + 1
    assert torch.equal(scores(module, x, LABELS), scores(module, x))


@pytest.mark.parametrize(("bias", "size"), [(True, 7 + 1 + 5 * 7), (False, 7 + 5 * 7)])
def test_numbers_of_parameters_and_what_is_saved(bias: bool, size: int) -> None:
    module, other, x = head(bias=bias), head(bias=bias), maps()
    assert parameters(module) == size
    assert not torch.equal(scores(module, x, LABELS), scores(other, x, LABELS))
    other.load_state_dict(module.state_dict())
    assert torch.equal(scores(module, x, LABELS), scores(other, x, LABELS))


def test_it_gives_no_class_logits() -> None:
    assert not component("head", "sngan").classifies()
    assert getattr(head(), "classes", 0) == 0


@pytest.mark.parametrize("wrong", [CLASSES, -1])
def test_a_label_that_is_no_class_is_refused(wrong: int) -> None:
    with pytest.raises(IndexError):
        scores(head(), maps(), torch.tensor([0, 1, wrong]))


def test_gradients_of_second_order_exist() -> None:
    module, x = head(pool="sum"), maps(2, 2).requires_grad_()
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda given: scores(module, given, LABELS).square(), (x,))
    (gradient,) = torch.autograd.grad(scores(module, x, LABELS).square().sum(), x, create_graph=True)
    gradient.square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


def discriminator(**options: Any) -> dict[str, Any]:
    residual = {"block": "residual", "rgb": "residual-rgb", "head": "sngan"}
    return discriminator_options(tiny()).model_dump() | residual | options


def test_weight_norms_reach_the_score_and_the_embedding() -> None:
    options = DiscriminatorOptions.model_validate(discriminator(norm="spectral", init="glorot"))
    network = Discriminator(options, ImageShape((4, 8), 1, CLASSES))
    for name, rows in (("score", 1), ("embedding", CLASSES)):
        layer = network.head.get_submodule(f"score.{name}")
        assert layer.get_buffer("parametrizations.weight.0.u").shape == (rows,)
    images = torch.randn(3, 1, 8, 8)
    network.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network(images, LABELS)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    network.train()(images, LABELS)
    moved = [key for key, value in network.state_dict().items() if not torch.equal(value, before[key])]
    assert "head.score.embedding.parametrizations.weight.0.v" in moved  # a single row has but one direction


@pytest.mark.parametrize("labels", [True, False])
def test_it_trains_with_layers_before_it_and_through_a_fade(labels: bool) -> None:
    experiment = tiny(
        data={"use": "digits", "labels": labels},
        generator=tiny().generator.model_dump() | {"stem": "sngan", "block": "residual", "rgb": "residual-rgb"},
        discriminator=discriminator(),
    )
    assert not problems(experiment)
    made = trainer(experiment)
    head = own_discriminator(made).head
    start = {key: value.clone() for key, value in head.state_dict().items()}
    while made.images < made.ends[-1]:
        assert all(torch.isfinite(value).all() for value in made.iteration().values())
    after = head.state_dict()
    moved = {key for key in start if not torch.equal(start[key], after[key])}
    assert moved == start.keys()
    assert any("embedding" in key for key in moved) == labels
    linear = next(layer for layer in head.modules() if isinstance(layer, nn.Linear))
    assert linear.in_features == 8 + 1  # minibatch stddev


@pytest.mark.parametrize("aspect", [1.0, 2.0, 0.5])
def test_the_stem_is_one_linear_layer_to_a_map_of_the_places_size(aspect: float) -> None:
    context = BuildContext("generator", 4, in_channels=5, out_channels=6, aspect=aspect)
    module = component("stem", "sngan").build(context)
    z = torch.randn(3, 5)
    maps = run(module, z, Condition())
    assert maps.shape == (3, 6, 4, 4 * aspect)
    weight, bias = module.parameters()
    torch.testing.assert_close(maps.flatten(1), z @ weight.t() + bias)
    assert float(maps.detach().min()) < 0


def test_inits_see_gains_of_one() -> None:
    for part in (head(), component("stem", "sngan").build(BuildContext("generator", 4, 5, 6))):
        layers = [layer for layer in part.modules() if hasattr(layer, "gain")]
        assert layers
        assert {layer.gain for layer in layers} == {1.0}
