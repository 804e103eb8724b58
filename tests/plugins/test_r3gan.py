"""The parts of R3GAN: how they start, what they refuse, and labels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.pggan import component
from support.slow import slow_but
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import BuildContext
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.networks.layers import Condition

PLACES = {
    "up": BuildContext("generator", 8, 6, 4, "up", (4, 8)),
    "generator": BuildContext("generator", 8, 6, 6, None, (4, 8)),
    "down": BuildContext("discriminator", 8, 6, 4, "down", (4, 8)),
    "discriminator": BuildContext("discriminator", 8, 6, 6, None, (4, 8)),
}
EVERYWHERE = pytest.mark.parametrize("context", PLACES.values(), ids=PLACES)


def block(context: BuildContext, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return component("block", "r3gan", **options).build(context).double()


def maps(channels: int = 6) -> Tensor:
    return torch.randn(2, channels, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@EVERYWHERE
def test_it_starts_as_the_way_between_resolutions_alone(context: BuildContext) -> None:
    made, x = block(context, depth=3), maps()
    size = {"up": (8, 12), "down": (2, 3), None: (4, 6)}[context.resample]
    y = made(x, Condition())
    assert y.shape == (2, context.out_channels, *size)
    if context.resample is None:
        assert torch.equal(y, x)
    names = [name for name, _ in made.named_parameters()]
    assert ("change.weight" in names) == (context.in_channels != context.out_channels)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_plain_map_keeps_its_value_through_the_filter(direction: str) -> None:
    """Away from the borders, where zeros come in; the 1x1 convolution works at the lower resolution."""
    made = block(PLACES[direction])
    seen: list[torch.Size] = []
    made.get_submodule("change").register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[2:]))
    nn.init.constant_(made.get_parameter("change.weight"), 1 / 6)
    y = made(torch.ones(1, 6, 8, 8, dtype=torch.float64), Condition())
    torch.testing.assert_close(y[:, :, 1:-1, 1:-1], torch.ones_like(y[:, :, 1:-1, 1:-1]))
    assert seen == [{"up": (8, 8), "down": (4, 4)}[direction]]


def test_the_more_blocks_the_smaller_they_start() -> None:
    for depth, resolutions in ((2, (4, 8)), (1, (4, 8, 16))):
        made = block(BuildContext("generator", 8, 64, 64, None, resolutions), depth=depth)
        expected = (2 / 1.04) ** 0.5 * (depth * len(resolutions)) ** -0.25
        for name, gain in {"conv0": expected, "conv1": expected, "conv2": 0.0}.items():
            weight = made.get_parameter(f"residual0.path.{name}.weight").detach()
            assert float(weight.std()) * weight[0].numel() ** 0.5 == pytest.approx(gain, rel=0.05)


@pytest.mark.parametrize(("channels", "group_width", "groups"), [(24, 16, 3), (4, 16, 1), (6, 4, 3), (6, 1, 12)])
def test_groups(channels: int, group_width: int, groups: int) -> None:
    made = block(BuildContext("generator", 8, channels, channels), group_width=group_width)
    assert made.get_submodule("residual1.path.conv1").groups == groups


@EVERYWHERE
def test_gradients_of_second_order_exist(context: BuildContext) -> None:
    made, x = block(context), maps().requires_grad_()
    nn.init.normal_(made.get_parameter("residual0.path.conv2.weight"))
    nn.init.normal_(made.get_parameter("residual1.path.conv2.weight"))
    (gradient,) = torch.autograd.grad(made(x, Condition()).square().sum(), x, create_graph=True)
    gradient.square().sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def small(channels: int = 8, classes: bool = False, **options: Any) -> Experiment:
    part = {"use": "r3gan/r3gan", "group_width": 4, **options}
    both = {"base_blocks": part, "block": part, "rgb": "r3gan-rgb", "channels": channels}
    mapping = {"use": "label-embedding", "embedding": 5}
    return tiny(
        data={"use": "digits", "labels": classes},
        generator={"mapping": mapping, "stem": "r3gan", "latent": 6, **both},
        discriminator={"head": {"use": "r3gan", "embedding": 5}, **both},
        loss="relativistic",
        regularizers=[{"use": "r1", "gamma": 0.1}, {"use": "r2", "gamma": 0.1}],
    )


def test_widths_that_groups_do_not_divide_are_refused() -> None:
    assert not problems(small())
    assert not problems(small(3, group_width=16))
    found = dict(problems(small(10, group_width=8)))
    assert set(found) == {
        (network, *place)
        for network in ("generator", "discriminator")
        for place in (("base_blocks", 0), ("block", 0, 0))
    }
    message = "is 20 channels wide at resolution 4, which group_width 8 does not divide; 4 would"
    assert message in found["generator", "base_blocks", 0]


@pytest.mark.parametrize("classes", slow_but([True], [False, True]), ids=["alone", "classes"])
def test_it_grows_and_all_of_it_learns(classes: bool) -> None:
    made = trainer(small(classes=classes))
    before = {name: copied(network) for name, network in made.networks.items()}
    while made.images < made.ends[-1]:
        assert all(bool(value.isfinite().all()) for value in made.iteration().values())
    for name, network in made.networks.items():
        same = [key for key, weight in copied(network).items() if torch.equal(weight, before[name][key])]
        assert same == []


def copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def test_a_label_joins_the_latent() -> None:
    torch.manual_seed(0)
    context = BuildContext("generator", 4, 0, 0, latent=6, classes=3)
    mapping = component("mapping", "label-embedding", embedding=1000).build(context)
    z, labels = torch.randn(2, 6), torch.tensor([2, 0])
    styles = mapping(z, labels, 3)
    assert styles.shape == (2, 3, mapping.width)
    assert torch.equal(styles[:, 1, :6], z)
    assert torch.equal(styles[:, 1, 6:], mapping.embedding.weight[labels])
    assert float(mapping.embedding.weight.detach().std()) == pytest.approx(1, rel=0.05)


def test_the_score_is_the_product_with_the_labels_vector() -> None:
    context = BuildContext("discriminator", 4, 7, 7, classes=3)
    head, x, labels = component("head", "r3gan").build(context), torch.randn(2, 7, 4, 4), torch.tensor([2, 0])
    features = (x * head.get_parameter("basis.weight")[:, 0]).sum((2, 3)) @ head.get_parameter("score.layer.weight").t()
    vectors = head.get_parameter("score.embedding.weight")[labels]
    torch.testing.assert_close(head(x, Condition(labels=labels)), (features * vectors).sum(1, keepdim=True))
    with pytest.raises(ValueError, match="was given no labels"):
        head(x, Condition())
    assert not any(
        "embedding" in name for name, _ in component("head", "r3gan", labels="ignore").build(context).named_parameters()
    )


def test_the_relativistic_loss_compares_pairs() -> None:
    loss, real, fake = component("loss", "relativistic"), torch.tensor([3.0, 0.0]), torch.tensor([1.0, 5.0])
    assert float(loss.discriminator(real, fake)) == pytest.approx((0.126928 + 5.006715) / 2, rel=1e-5)
    assert float(loss.generator(fake, real)) == pytest.approx((2.126928 + 0.006715) / 2, rel=1e-5)
    with pytest.raises(ValueError, match="no scores of reals"):
        loss.generator(fake, None)
