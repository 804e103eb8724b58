"""DCGAN's stem, block and head: shapes, norms, starts, and training alone and among other parts."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from support.dcgan import PARTS, networks
from support.pggan import component
from support.slow import slow_but
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import BuildContext
from gankit.networks.layers import Condition, Conv2d, LeakyReLU

BATCH = {0: [component("norm", "batch")]}

PLACES = {
    "up": BuildContext("generator", 8, 5, 4, "up", norms=BATCH),
    "generator": BuildContext("generator", 8, 5, 4, norms=BATCH),
    "image out": BuildContext("generator", 8, 5, 3, "up", outermost=True, norms=BATCH),
    "image out, kept": BuildContext("generator", 8, 5, 3, outermost=True, norms=BATCH),
    "down": BuildContext("discriminator", 8, 5, 4, "down", norms=BATCH),
    "discriminator": BuildContext("discriminator", 8, 5, 4, norms=BATCH),
    "image in": BuildContext("discriminator", 8, 3, 4, "down", outermost=True, norms=BATCH),
    "image in, kept": BuildContext("discriminator", 8, 3, 4, outermost=True, norms=BATCH),
}
EVERYWHERE = pytest.mark.parametrize("context", PLACES.values(), ids=PLACES)


def block(context: BuildContext) -> nn.Module:
    torch.manual_seed(0)
    return component("block", "dcgan").build(context)


def maps(context: BuildContext, height: int = 4, width: int = 6) -> Tensor:
    return torch.randn(2, context.in_channels, height, width, generator=torch.Generator().manual_seed(1))


def kinds(module: nn.Module) -> list[type[nn.Module]]:
    """What the module consists of, in order."""
    return [type(member) for member in module.children() if type(member) is not nn.Identity]


@EVERYWHERE
def test_shapes_of_maps_wider_than_high(context: BuildContext) -> None:
    size = {"up": (8, 12), "down": (2, 3), None: (4, 6)}[context.resample]
    assert block(context)(maps(context), Condition()).shape == (2, context.out_channels, *size)


@EVERYWHERE
def test_what_follows_the_convolution(context: BuildContext) -> None:
    act = nn.ReLU if context.network == "generator" else LeakyReLU
    convolution = nn.ConvTranspose2d if context.resample == "up" else Conv2d
    expected = [convolution, *([] if context.outermost else [nn.BatchNorm2d]), act]
    made = block(context)
    assert kinds(made) == (expected[:1] if context.network == "generator" and context.outermost else expected)
    convolution = made.get_submodule("conv")
    assert (convolution.kernel_size, convolution.stride) == (((4, 4), (2, 2)) if context.resample else ((3, 3), (1, 1)))
    assert [name for name, _ in made.named_parameters() if "bias" in name] == (
        [] if context.outermost else ["norm.bias"]
    )


@EVERYWHERE
def test_biases_are_there_if_asked_for(context: BuildContext) -> None:
    made = component("block", "dcgan", bias=True).build(context)
    assert torch.equal(made.get_parameter("conv.bias").detach(), torch.zeros(context.out_channels))
    head = component("head", "dcgan", bias=True).build(BuildContext("discriminator", 4, 5, 5))
    assert torch.equal(head.get_parameter("conv.bias").detach(), torch.zeros(1))


@pytest.mark.parametrize("norm", [[], [component("norm", "equalized")]], ids=["plain", "equalized"])
@pytest.mark.parametrize("resample", ["up", None])
def test_gains_keep_the_variance_of_rectified_maps(resample: Any, norm: list[Any]) -> None:
    made = block(BuildContext("generator", 32, 64, 64, resample))
    for each in norm:
        each.apply(made.get_submodule("conv"))
    x = torch.randn(4, 64, 16, 16, generator=torch.Generator().manual_seed(1)).relu()
    with torch.no_grad():
        inside = made.get_submodule("conv")(x)[:, :, 4:-4, 4:-4]
    assert float(inside.square().mean() / (2 * x.square().mean())) == pytest.approx(1, rel=0.1)


def test_the_stem_and_the_head_keep_the_variance_too() -> None:
    torch.manual_seed(0)
    stem = component("stem", "dcgan").build(BuildContext("generator", 4, 100, 64, aspect=1.5))
    z = torch.randn(64, 100)
    before_relu = stem.get_submodule("conv")(z[:, :, None, None])
    assert before_relu.shape == (64, 64, 4, 6)
    assert stem(z, Condition()).shape == (64, 64, 4, 6)
    assert float(before_relu.detach().std()) == pytest.approx(math.sqrt(2), rel=0.05)
    heads = [component("head", "dcgan").build(BuildContext("discriminator", 4, 64, 64, aspect=1.5)) for _ in range(64)]
    x = torch.randn(64, 64, 4, 6)
    scores = torch.cat([head(x, Condition()) for head in heads], 1)
    assert scores.shape == (64, 64)
    assert float(scores.detach().std()) == pytest.approx(1, rel=0.05)


def test_weights_start_as_the_authors_do() -> None:
    for network in networks({4: 512, 8: 256, 16: 128, 32: 64}, 100, 64):
        scales = torch.cat([m.weight.detach() for m in network.modules() if isinstance(m, nn.BatchNorm2d)])
        assert float(scales.mean()) == pytest.approx(1, abs=3e-3)
        assert float(scales.std()) == pytest.approx(0.02, rel=0.1)
        for name, layer in network.named_modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                assert layer.bias is None, name
                assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.05), name
                assert float(layer.weight.detach().mean()) == pytest.approx(0, abs=1e-3), name


def test_batch_norms_start_at_one_unless_told() -> None:
    for options, spread in (({}, 0), ({"gain_std": 0.5}, 0.5)):
        norm = component("norm", "batch", **options).build(BuildContext("generator", 4, 1000, 1000))
        assert float(norm.weight.detach().std()) == pytest.approx(spread, rel=0.1)
        assert float(norm.bias.detach().abs().max()) == 0


def options(network: str, **changes: Any) -> dict[str, Any]:
    """One network of the tiny experiment with DCGAN's parts."""
    own = {"stem": "dcgan", "mapping": "identity"} if network == "generator" else {"head": "dcgan"}
    return getattr(tiny(), network).model_dump() | {"block": "dcgan", "norm": "batch"} | own | changes


DISCRIMINATORS = {
    "batch norm": ({"norm": "batch"}, []),
    "gradient penalty": ({"norm": "layer"}, ["gradient-penalty", "minibatch-stddev"]),
    "spectral, minibatch discrimination": ({"norm": "spectral"}, ["minibatch-discrimination"]),
}


@pytest.mark.parametrize("by", slow_but(["blend"], ["blend", "gate"]))
@pytest.mark.parametrize(("norm", "regularizers"), DISCRIMINATORS.values(), ids=DISCRIMINATORS)
@pytest.mark.parametrize("rgb", slow_but(["dcgan"], ["rgb", "dcgan"]))
def test_it_trains_through_a_fade(rgb: str, norm: dict[str, Any], regularizers: list[str], by: str) -> None:
    changes = {"rgb": rgb, "init": "normal", "join": by}
    made = trainer(
        tiny(
            generator=options("generator", output="tanh", **changes),
            discriminator=options("discriminator", **changes | norm),
            loss="hinge",
            regularizers=regularizers,
        )
    )
    before = {name: value.clone() for name, value in made.average.state_dict().items()}
    fades = 0
    while made.images < made.ends[-1]:
        assert all(torch.isfinite(value) for value in made.iteration().values())
        fades += made.grown.alpha < 1
    assert fades > 2
    after = made.average.state_dict()
    assert not [name for name in before if "weight" in name and torch.equal(before[name], after[name])]


def test_without_growth_it_makes_images_itself() -> None:
    changes = {key: value for key, value in PARTS.items() if key != "block"} | {"channels": 8}
    made = trainer(
        tiny(
            growth={"use": "fixed", "resolution": 16, "images": 24},
            generator=options("generator", output="tanh", **changes),
            discriminator=options("discriminator", **changes),
            loss="non-saturating",
            regularizers=[],
        )
    )
    while made.images < made.ends[-1]:
        assert all(torch.isfinite(value) for value in made.iteration().values())
    images = made.sample(0, 4, 0)
    assert images.shape == (4, 1, 16, 16)
    assert -1 <= float(images.min()) < 0 < float(images.max()) <= 1  # ReLU would have left nothing below zero


def test_the_discriminator_sees_no_contrast() -> None:
    """Without biases everything up to the first batch norm is homogeneous, and fakes are normalized by themselves."""
    _, discriminator = networks({4: 16, 8: 8}, 4, 16)
    images = 100 * torch.randn(8, 3, 16, 16)  # far above the root of the norm's epsilon
    with torch.no_grad():
        scores = discriminator(images).score
        torch.testing.assert_close(discriminator(5 * images).score, scores, atol=1e-4, rtol=1e-4)
        assert not torch.allclose(discriminator(images + 50).score, scores, atol=1e-2)
