"""PGGAN's head with labels and with maps that are not square, and the stems that begin on such maps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.pggan import component, parameters
from torch import nn

from gankit import BuildContext
from gankit.config.experiment import DiscriminatorOptions
from gankit.networks.discriminator import Discriminator
from gankit.networks.growing import ImageShape
from gankit.networks.layers import Condition, Conditioned, run

KEYS = [f"{layer}.{part}" for layer in ("conv", "dense0", "dense1") for part in ("weight", "bias")]
USES = pytest.mark.parametrize("labels", ["classify", "select", "ignore"])
CLASSES = 5


def head(labels: str = "classify", classes: int = CLASSES, aspect: float = 1.0) -> nn.Module:
    context = BuildContext("discriminator", 4, in_channels=7, out_channels=6, classes=classes, aspect=aspect)
    return component("head", "pggan", labels=labels).build(context)


def outputs(module: nn.Module, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
    return run(module, x, Condition(labels=labels))


def discriminator(labels: str) -> Discriminator:
    options: dict[str, Any] = {
        "head": {"use": "pggan", "labels": labels},
        "block": "pggan/conv",
        "rgb": "pggan/rgb",
        "norm": "equalized",
        "channels": 6,
    }
    return Discriminator(DiscriminatorOptions.model_validate(options), ImageShape((4, 8), 1, CLASSES))


@USES
def test_without_classes_it_is_the_plain_head(labels: str) -> None:
    module = head(labels, classes=0)
    assert list(module.state_dict()) == KEYS
    assert outputs(module, torch.randn(3, 7, 4, 4)).shape == (3, 1)
    assert parameters(module) == (7 * 9 * 6 + 6) + (6 * 16 * 6 + 6) + (6 + 1)
    assert getattr(module, "classes", 0) == 0


@pytest.mark.parametrize(("labels", "rows", "width"), [("classify", 6, 6), ("select", 5, 1), ("ignore", 1, 1)])
def test_shapes_and_parameter_counts_with_classes(labels: str, rows: int, width: int) -> None:
    module = head(labels)
    assert list(module.state_dict()) == KEYS
    assert outputs(module, torch.randn(3, 7, 4, 4), torch.tensor([4, 0, 2])).shape == (3, width)
    assert parameters(module) == (7 * 9 * 6 + 6) + (6 * 16 * 6 + 6) + rows * (6 + 1)
    assert getattr(module, "classes", 0) == (CLASSES if labels == "classify" else 0)


@pytest.mark.parametrize("labels", ["classify", "select", "ignore"])
def test_a_head_says_whether_it_classifies(labels: str) -> None:
    assert component("head", "pggan", labels=labels).classifies() == (labels == "classify")


def test_the_score_comes_first_and_then_the_class_logits() -> None:
    network, images = discriminator("classify"), torch.randn(3, 1, 8, 8)
    seen = []
    network.head.get_submodule("dense1").register_forward_hook(lambda *called: seen.append(called[-1]))
    verdict = network(images, torch.tensor([1, 2, 3]))
    assert verdict.classes is not None
    assert verdict.classes.shape == (3, CLASSES)
    torch.testing.assert_close(verdict.score, seen[0][:, 0])
    torch.testing.assert_close(verdict.classes, seen[0][:, 1:])


def test_select_scores_by_the_logit_of_the_label() -> None:
    network, images = discriminator("select"), torch.randn(3, 1, 8, 8)
    labels = torch.tensor([4, 0, 2])
    seen = []
    network.head.get_submodule("dense1").register_forward_hook(lambda *called: seen.append(called[-1]))
    verdict = network(images, labels)
    assert verdict.classes is None
    torch.testing.assert_close(verdict.score, (seen[0] * nn.functional.one_hot(labels, CLASSES)).sum(1))
    assert len(set(verdict.score.tolist())) == 3


@pytest.mark.parametrize("wrong", [CLASSES, -1])
def test_select_refuses_a_label_that_is_no_class(wrong: int) -> None:
    module = head("select")
    assert isinstance(module, Conditioned)
    with pytest.raises(RuntimeError, match="out of bounds"):
        outputs(module, torch.randn(2, 7, 4, 4), torch.tensor([0, wrong]))


def test_select_refuses_to_go_without_labels() -> None:
    with pytest.raises(ValueError, match="no labels"):
        outputs(head("select"), torch.randn(2, 7, 4, 4))


def test_a_head_over_a_map_that_is_not_square_flattens_channels_height_width() -> None:
    module = head("ignore", aspect=2.0)
    dense = module.get_submodule("dense0")
    assert isinstance(dense, nn.Linear)
    assert dense.in_features == 6 * 4 * 8
    seen: dict[str, torch.Tensor] = {}
    module.get_submodule("act0").register_forward_hook(lambda *called: seen.update(map=called[-1]))
    dense.register_forward_hook(lambda *called: seen.update(flat=called[1][0]))
    assert outputs(module, torch.randn(3, 7, 4, 8)).shape == (3, 1)
    assert torch.equal(seen["flat"].reshape(3, 6, 4, 8), seen["map"])


@pytest.mark.parametrize("stem", ["pggan/pggan", "stylegan/stylegan"])
@pytest.mark.parametrize("aspect", [1.0, 2.0, 0.5])
def test_stems_begin_with_a_map_of_the_places_size(stem: str, aspect: float) -> None:
    context = BuildContext("generator", 4, in_channels=5, out_channels=6, aspect=aspect, width=5)
    module = component("stem", stem).build(context)
    assert outputs(module, torch.randn(3, 5)).shape == (3, 6, 4, 4 * aspect)
