"""Self-attention alone and among other blocks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.command import QUICKSTART
from support.pggan import component
from support.tiny import tiny, trainer
from torch import Tensor

from gankit import BuildContext
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.core.errors import UserError
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit_images.datasets import Digits
from gankit_sagan.modules import SelfAttention

VARIANTS = pytest.mark.parametrize("variant", ["official", "paper"])


def attention(variant: str, channels: int = 8, gamma: float = 0.5) -> SelfAttention:
    torch.manual_seed(0)
    block = (
        component("block", "attention", variant=variant)
        .build(BuildContext("generator", 4, channels, channels))
        .double()
    )
    torch.nn.init.constant_(block.gamma, gamma)
    return block


def maps(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@VARIANTS
def test_it_starts_as_the_identity_and_leaves_its_input_alone(variant: str) -> None:
    built = component("block", "attention", variant=variant).build(BuildContext("generator", 4, 16, 16)).double()
    x = maps(2, 16, 4, 4)
    before = x.clone()
    assert torch.equal(built(x), x)
    assert not torch.allclose(attention(variant, 16)(x), x)
    assert torch.equal(x, before)


@VARIANTS
@torch.no_grad()
def test_every_position_gathers_the_values_of_all(variant: str) -> None:
    """Position by position, in the words of the paper, on maps that are wider than high."""
    block, x = attention(variant, 16), maps(1, 16, 4, 6)
    keys, values = block.pool(block.key(x))[0], block.pool(block.value(x))[0]
    positions = [(i, j) for i in range(keys.shape[1]) for j in range(keys.shape[2])]
    assert len(positions) == (6 if variant == "official" else 24)
    for row, column in [(0, 0), (1, 4), (3, 2)]:
        query = block.query(x)[0, :, row, column]
        scores = [float((query @ keys[:, i, j]).exp()) for i, j in positions]
        gathered = sum(s / sum(scores) * values[:, i, j] for s, (i, j) in zip(scores, positions, strict=True))
        added = block.output(torch.as_tensor(gathered).view(1, -1, 1, 1))[0, :, 0, 0]
        torch.testing.assert_close(block(x)[0, :, row, column], x[0, :, row, column] + 0.5 * added)


@VARIANTS
def test_turned_maps_give_turned_maps(variant: str) -> None:
    block, x = attention(variant), maps(2, 8, 4, 10)
    torch.testing.assert_close(block(x.transpose(2, 3)), block(x).transpose(2, 3))


@VARIANTS
def test_gradients_of_second_order_exist(variant: str) -> None:
    block, x = attention(variant), maps(1, 8, 2, 4).requires_grad_()
    assert torch.autograd.gradgradcheck(block, (x,))
    (gradient,) = torch.autograd.grad(block(x).square().sum(), x, create_graph=True)
    gradient.square().sum().backward()
    for name, parameter in block.named_parameters():
        if name != "key.bias":  # it adds the same to a query's scores of all keys, which changes no weight
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name


def networks(**changes: Any) -> dict[str, Any]:
    """The options of both networks of the tiny experiment, eight channels wide, with other blocks and what else."""
    experiment = tiny()
    return {
        network: getattr(experiment, network).model_dump() | {"channels": 8} | changes.get(network, {})
        for network in ("generator", "discriminator")
    }


@VARIANTS
@pytest.mark.parametrize("norm", ["spectral", "equalized"])
def test_weight_norms_reach_its_convolutions_and_not_gamma(variant: str, norm: str) -> None:
    block = {"block": ["conv", {"use": "attention", "variant": variant}], "norm": norm}
    generator = Generator(tiny(**networks(generator=block)).generator, ImageShape((4, 8), 1, 0))
    inside = generator.get_submodule("blocks.8.1")
    assert isinstance(inside, SelfAttention)
    layers = [layer for layer in inside.children() if isinstance(layer, torch.nn.Conv2d)]
    assert len(layers) == (4 if variant == "official" else 3)
    assert all(hasattr(layer, "parametrizations") for layer in layers)
    assert dict(inside.named_parameters(recurse=False)).keys() == {"gamma"}


@VARIANTS
def test_residual_blocks_and_attention_grow(variant: str) -> None:
    """PGGAN's losses and penalties on residual blocks, with attention at 8x8 and at the base, through a fade."""
    block = {"use": "attention", "variant": variant}
    made = trainer(
        tiny(
            **networks(
                generator={"block": {4: "residual", 8: ["residual", block]}, "base_blocks": block},
                discriminator={"block": {4: "residual", 8: [block, "residual"]}, "rgb": "residual-rgb"},
            ),
            growth={"use": "progressive", "start": 4, "final": 8, "images": {4: 4, 8: 20}, "fade": 0.6},
            training={"batch": 4, "device": "cpu"},
        )
    )
    grown = {name: getattr(made, name).get_submodule("blocks.8") for name in ("generator", "discriminator")}
    start = {(name, key): value.clone() for name, part in grown.items() for key, value in part.named_parameters()}
    alphas = []
    while made.images < made.ends[-1]:
        record = made.iteration()
        alphas.append(float(made.generator.alpha))
        assert all(torch.isfinite(value).all() for value in record.values())
    assert len([alpha for alpha in alphas if 0 < alpha < 1]) == 2
    assert alphas[-1] == 1
    for name, part in grown.items():
        for key, value in part.named_parameters():
            assert key.endswith("key.bias") or not torch.equal(value, start[name, key]), f"{name} {key}"


UP = "keeps the resolution, and the first block goes up into a new one; put it after another block: [conv, attention]"
DOWN = "keeps the resolution, and the last block goes down out of it; put it before another block: [attention, conv]"
RGB = "keeps the channels, so it cannot turn feature maps into images or back; name it under block"
FEW = "needs at least 8 channels, and there are 4 at resolution 8"

MISPLACED = [  # of which network, its options, the part that is refused, and why
    ("generator", {"block": "attention"}, ("block", 0, 0), UP),
    ("generator", {"block": {4: "conv", 8: ["attention", "conv"]}}, ("block", 8, 0), UP),
    ("discriminator", {"block": ["conv", "attention"]}, ("block", 0, 1), DOWN),
    ("generator", {"rgb": "attention"}, ("rgb",), RGB),
    ("discriminator", {"rgb": "attention"}, ("rgb",), RGB),
    ("generator", {"block": ["conv", "attention"], "channels": {4: 8, 8: 4}}, ("block", 0, 1), FEW),
    ("discriminator", {"block": ["attention", "conv"], "channels": {4: 8, 8: 4}}, ("block", 0, 0), FEW),
    ("generator", {"base_blocks": "attention", "channels": 4}, ("base_blocks", 0), FEW.replace("n 8", "n 4")),
]


@pytest.mark.parametrize(("network", "options", "part", "reason"), MISPLACED)
def test_where_it_cannot_stand(network: str, options: dict[str, Any], part: tuple[Any, ...], reason: str) -> None:
    assert problems(tiny(**networks(**{network: options}))) == [((network, *part), reason)]


STANDS = [
    ("generator", {"block": ["conv", "attention", "attention"]}),
    ("discriminator", {"block": ["attention", "conv"]}),
    ("generator", {"base_blocks": ["attention"]}),
    ("discriminator", {"base_blocks": ["conv", "attention"]}),
    ("generator", {"block": {4: "conv", 16: "attention"}}),  # never in force
]


@pytest.mark.parametrize(("network", "options"), STANDS)
def test_where_it_can(network: str, options: dict[str, Any]) -> None:
    experiment = tiny(**networks(**{network: options}))
    assert not problems(experiment)
    assert trainer(experiment).iteration()


def test_a_block_that_reads_the_image_has_the_images_channels() -> None:
    options = networks(discriminator={"block": ["attention", "conv"], "rgb": None})
    fixed = {"use": "fixed", "resolution": 8, "images": 8}
    found = problems(tiny(**options, growth=fixed))
    assert found == [(("discriminator", "block", 0, 0), FEW.replace("4 at", "1 at"))]


@pytest.mark.parametrize(("variant", "refused"), [("official", True), ("paper", False)])
def test_maps_of_odd_width_cannot_be_pooled(variant: str, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Digits, "aspect", lambda self: 0.75)
    experiment: Experiment = tiny(**networks(generator={"base_blocks": {"use": "attention", "variant": variant}}))
    reason = (
        "takes 2x2 maxima, and the maps at resolution 4 are 4 high and 3 wide; "
        "put it at another resolution, or give it variant: paper"
    )
    assert problems(experiment) == ([(("generator", "base_blocks", 0), reason)] if refused else [])


def test_the_refusal_points_at_the_setting() -> None:
    with pytest.raises(UserError, match=r"--set generator.block=attention: generator.block: keeps the resolution, and"):
        load_experiment(QUICKSTART, ["generator.block=attention"])
