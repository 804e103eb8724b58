"""Residual blocks alone and among other blocks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import BuildContext
from gankit.config.checks import problems
from gankit.core.progress import progress_in
from gankit.networks.layers import Condition, styles_of

PLACES = {
    "up": BuildContext("generator", 8, 5, 4, "up"),
    "up, as wide": BuildContext("generator", 8, 5, 5, "up"),
    "generator": BuildContext("generator", 8, 5, 5),
    "generator, wider": BuildContext("generator", 8, 5, 7),
    "down": BuildContext("discriminator", 8, 5, 4, "down"),
    "down, as wide": BuildContext("discriminator", 8, 5, 5, "down"),
    "discriminator": BuildContext("discriminator", 8, 5, 5),
    "image": BuildContext("discriminator", 8, 3, 6, "down", outermost=True),
    "image, kept": BuildContext("discriminator", 8, 3, 6, outermost=True),
}
EVERYWHERE = pytest.mark.parametrize("context", PLACES.values(), ids=PLACES)


def residual(context: BuildContext) -> nn.Module:
    torch.manual_seed(0)
    return component("block", "residual").build(context).double()


def maps(context: BuildContext, height: int = 4, width: int = 4) -> Tensor:
    shape = 2, context.in_channels, height, width
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def run(block: nn.Module, x: Tensor, styles: Tensor | None = None) -> Tensor:
    return block(x, Condition(styles))


@EVERYWHERE
def test_shapes_of_maps_wider_than_high_and_the_input_stays_as_it_is(context: BuildContext) -> None:
    block, x = residual(context), maps(context, 4, 6)
    before = x.clone()
    size = {"up": (8, 12), "down": (2, 3), None: (4, 6)}[context.resample]
    assert run(block, x).shape == (2, context.out_channels, *size)
    assert torch.equal(x, before)


@EVERYWHERE
def test_the_shortcut_is_the_input_itself_where_nothing_changes(context: BuildContext) -> None:
    block, x = residual(context), maps(context)
    for layer in ("path.conv1.weight", "path.conv1.bias"):
        nn.init.zeros_(block.get_parameter(layer))
    changes = context.resample is not None or context.in_channels != context.out_channels
    assert any("shortcut" in name for name, _ in block.named_parameters()) == changes
    assert changes or torch.equal(run(block, x), x)


@EVERYWHERE
def test_gradients_of_second_order_exist(context: BuildContext) -> None:
    block, x = residual(context), maps(context).requires_grad_()
    (gradient,) = torch.autograd.grad(run(block, x).square().sum(), x, create_graph=True)
    gradient.square().sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    for name, parameter in block.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name


@EVERYWHERE
@torch.no_grad()
def test_only_an_image_reaches_the_first_convolution_unrectified(context: BuildContext) -> None:
    block, seen = residual(context), []
    for name in ("path.conv0", "path.conv1"):
        block.get_submodule(name).register_forward_pre_hook(lambda _, given: seen.append(float(given[0].min())))
    run(block, maps(context))
    first, second = seen
    assert (first < 0) == context.outermost
    assert second == 0


def test_gains() -> None:
    block = residual(BuildContext("generator", 8, 256, 64, "up"))
    for name, expected in {"path.conv0": 2**0.5, "path.conv1": 2**0.5, "shortcut.conv": 1}.items():
        weight = block.get_parameter(f"{name}.weight").detach()
        assert block.get_submodule(name).gain == expected
        assert float(weight.std()) * weight[0].numel() ** 0.5 == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("outermost", "channels"), [(False, [5, 5]), (True, [4])])
def test_a_discriminators_norm_stands_before_each_relu(outermost: bool, channels: list[int]) -> None:
    norms = {0: [component("norm", "batch")]}
    block = residual(BuildContext("discriminator", 8, 5, 4, "down", outermost=outermost, norms=norms))
    assert [module.num_features for module in block.modules() if isinstance(module, nn.BatchNorm2d)] == channels
    order = [name for name, member in block.get_submodule("path").named_children() if type(member) is not nn.Identity]
    rectified = ["norm1", "act1", "conv1"]
    assert order == (["conv0", *rectified] if outermost else ["norm0", "act0", "conv0", *rectified])


@EVERYWHERE
def test_wide_blocks_are_as_wide_inside_as_what_comes_out(context: BuildContext) -> None:
    wide = component("block", "residual", wide=True).build(context)
    assert wide.get_submodule("path.conv0").out_channels == context.out_channels
    narrows = context.network == "discriminator" and not context.outermost
    inside = context.in_channels if narrows else context.out_channels
    assert residual(context).get_submodule("path.conv0").out_channels == inside
    assert run(wide.double(), maps(context)).shape == run(residual(context), maps(context)).shape


def test_it_goes_up_bilinearly_on_either_way_if_asked() -> None:
    context = PLACES["up"]
    torch.manual_seed(0)
    block, x = component("block", "residual", upsampling="bilinear").build(context).double(), maps(context)
    repeated = residual(context)
    assert [*block.state_dict()] == [*repeated.state_dict()], "weights fit either"
    way = block.get_submodule("shortcut")
    high = torch.nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
    torch.testing.assert_close(run(way, x), way.get_submodule("conv")(high))
    seen: list[Tensor] = []
    block.get_submodule("path.conv0").register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    assert run(block, x).shape == run(repeated, x).shape
    torch.testing.assert_close(
        seen[0], torch.nn.functional.interpolate(x.relu(), scale_factor=2.0, mode="bilinear", align_corners=False)
    )
    for place in ("generator", "down"):
        other = component("block", "residual", upsampling="bilinear").build(PLACES[place]).double()
        other.load_state_dict(residual(PLACES[place]).state_dict())
        assert torch.equal(run(other, maps(PLACES[place])), run(residual(PLACES[place]), maps(PLACES[place])))


def test_each_norm_takes_a_style_of_its_own() -> None:
    norms = {0: [component("norm", "adaptive-instance")]}
    context = BuildContext("generator", 8, 5, 4, "up", width=3, norms=norms)
    block, x = residual(context), maps(context)
    assert styles_of(block) == 2
    styles = torch.randn(2, 2, 3, dtype=torch.float64)
    taken: list[Tensor] = []
    for i in range(2):
        block.get_submodule(f"path.norm{i}").register_forward_pre_hook(lambda _, given: taken.append(given[1].styles))
    y = run(block, x, styles)
    assert torch.equal(torch.cat(taken, 1), styles)
    for i in range(2):
        changed = styles.clone()
        changed[:, i] += 1
        assert not torch.allclose(run(block, x, changed), y)


def network(name: str, **changes: Any) -> dict[str, Any]:
    """The options of one network of the tiny experiment with residual blocks."""
    return getattr(tiny(), name).model_dump() | {"block": "residual", "rgb": "residual-rgb"} | changes


def test_styles_are_counted_through_blocks_and_conversion() -> None:
    styled = {"mapping": {"use": "style", "layers": 1, "width": 8}, "norm": ["equalized", "adaptive-instance"]}
    made = trainer(tiny(generator=network("generator", **styled)))
    made.grow(progress_in(made.stages, 2, 0))
    assert made.generator.styles == 2 + 2 + 1  # stem, block, conversion into the image
    assert all(torch.isfinite(value).all() for value in made.iteration().values())


def test_into_images_with_norm_and_relu_and_out_of_them_linear() -> None:
    norms = {0: [component("norm", "batch")]}
    into = component("block", "residual-rgb").build(BuildContext("generator", 8, 5, 3, outermost=True, norms=norms))
    names = [type(member).__name__ for member in into.children()]
    assert names == ["BatchNorm2d", "ReLU", "Conv2d"]
    conv = into.get_submodule("conv")
    assert (conv.kernel_size, conv.gain) == ((3, 3), 1)
    out_of = component("block", "residual-rgb").build(
        BuildContext("discriminator", 8, 3, 5, outermost=True, norms=norms)
    )
    assert isinstance(out_of, nn.Conv2d)
    assert (out_of.kernel_size, out_of.gain) == ((1, 1), 1)


def test_sngan_without_growth_trains() -> None:
    """The first block of the discriminator reads the image; batch norm in one network, spectral norm in the other."""
    made = trainer(
        tiny(
            generator=network("generator", norm="batch", init="glorot", output="tanh"),
            discriminator=network("discriminator", rgb=None, norm="spectral", base_blocks="residual", init="glorot"),
            growth={"use": "fixed", "resolution": 8, "images": 16},
            loss="non-saturating",
            regularizers=[],
        )
    )
    before = made.discriminator.get_parameter("blocks.8.path.conv0.parametrizations.weight.original").clone()
    assert all(torch.isfinite(value).all() for value in made.iteration().values())
    after = made.discriminator.get_parameter("blocks.8.path.conv0.parametrizations.weight.original")
    assert after.shape[:2] == (8, 1)
    assert not torch.equal(before, after)


@pytest.mark.parametrize(
    ("changes", "resolution", "path"),
    [
        ({"block": "residual"}, 8, ("block", 0, 0)),
        ({"block": ["conv", "residual"]}, 8, ("block", 0, 1)),
        ({"block": "conv", "base_blocks": "residual"}, 4, ("base_blocks", 0)),
    ],
)
def test_it_does_not_write_the_image(changes: dict[str, Any], resolution: int, path: tuple[Any, ...]) -> None:
    fixed = {"use": "fixed", "resolution": resolution, "images": 16}
    found = problems(tiny(generator=network("generator", rgb=None, **changes), growth=fixed))
    reason = (
        "would be as narrow inside as the image that it writes; "
        "set generator.rgb to residual-rgb, which makes an image of its feature maps"
    )
    assert found == [(("generator", *path), reason)]
    accepted = tiny(
        generator=network("generator", **{**changes, "block": ["residual", "conv"], "rgb": "residual-rgb"}),
        discriminator=network("discriminator", rgb=None),
        growth=fixed,
    )
    assert not problems(accepted)
