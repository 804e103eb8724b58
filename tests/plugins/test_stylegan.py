"""StyleGAN's parts in training, alone and among others' parts."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from support.discriminators import discriminator_options
from support.pggan import component
from support.tiny import tiny, trainer
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from gankit import BuildContext
from gankit.config.checks import problems
from gankit.networks.filters import blurred, fir
from gankit.networks.layers import Condition
from gankit.training.trainer import Trainer
from gankit_stylegan.modules import Blur

STYLED = {
    "mapping": {"use": "style", "layers": 2, "width": 8},
    "stem": "stylegan/stylegan",
    "block": "stylegan/stylegan",
    "norm": ["equalized", "adaptive-instance"],
}


def styled(**changes: Any) -> Trainer:
    options = tiny().generator.model_dump() | STYLED | changes
    return trainer(tiny(generator=options, loss="non-saturating"))


def trained(made: Trainer, rounds: int) -> dict[str, torch.Tensor]:
    for _ in range(rounds):
        made.iteration()
    return {name: value.clone() for name, value in made.average.state_dict().items()}


def test_noise_and_mixing_give_the_same_bits_again() -> None:
    one, other = trained(styled(), 10), trained(styled(), 10)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert one["mapping.mean"].any()
    assert any(value.any() for name, value in one.items() if "noise" in name)


def test_a_sample_with_noise_does_not_depend_on_how_many_are_drawn() -> None:
    made = styled()
    trained(made, 10)
    images = made.sample(0, 100, seed=1)
    assert torch.equal(made.sample(0, 3, seed=1), images[:3])
    assert torch.equal(made.sample(70, 5, seed=1), images[70:75])


QUIET = {"noise": False}
STYLES = {"layers": 2, "width": 8, "mixing": 0}
OF_BOTH = [
    {
        "mapping": {"use": "style", **STYLES},
        "stem": {"use": "stylegan/stylegan", **QUIET},
        "block": {"use": "stylegan/stylegan", **QUIET},
    },
    {
        "mapping": {"use": "stylegan2/stylegan2", **STYLES},
        "stem": {"use": "stylegan2/stylegan2", **QUIET},
        "block": {"use": "stylegan2/stylegan2", **QUIET},
        "rgb": "stylegan2-rgb",
        "norm": "equalized",
    },
]


@pytest.mark.parametrize("options", OF_BOTH, ids=["stylegan", "stylegan2"])
def test_without_noise_an_image_is_a_function_of_its_latent(options: dict[str, Any]) -> None:
    made = styled(**options)
    trained(made, 10)
    z = torch.randn(2, 8)
    assert torch.equal(made.generator(z), made.generator(z))
    assert not any("noise" in name for name in made.generator.state_dict())


def test_styles_reach_the_blocks_of_others_through_the_norm() -> None:
    made = styled(block="pggan/conv")
    made.generator.grow(8, 1.0)
    assert made.generator.styles == 4
    z = torch.randn(2, 8)
    made.generator.eval()
    assert not torch.equal(made.generator(z)[0], made.generator(z)[1])


def test_a_discriminator_has_no_styles() -> None:
    options = discriminator_options(tiny()).model_dump() | {"norm": ["equalized", "adaptive-instance"]}
    found = problems(tiny(discriminator=options))
    assert found == [(("discriminator", "norm", 0, 1), "takes a style, and only a generator has styles")]


@pytest.mark.parametrize("norm", ["adaptive-instance", ["spectral", "adaptive-instance"], {8: "equalized", 4: []}])
def test_a_mapping_that_could_not_learn_slower_is_refused(norm: Any) -> None:
    options = tiny().generator.model_dump() | STYLED | {"norm": norm}
    (found,) = problems(tiny(generator=options))
    path, said = found
    assert path == ("generator", "mapping")
    assert said == (
        "lr_multiplier 0.01 has no effect without the equalized norm: add equalized to generator.norm, or set "
        "lr_multiplier: 1"
    )
    as_fast = {"mapping": {"use": "style", "layers": 2, "width": 8, "lr_multiplier": 1}}
    assert problems(tiny(generator=options | as_fast)) == []
    assert problems(tiny(generator=options | {"norm": {4: "equalized", 8: []}})) == []


def test_the_blur_keeps_its_filter() -> None:
    """No pass makes it anew, and no checkpoint holds it."""
    blur, x = Blur(), torch.zeros(1, 2, 5, 5)
    x[:, :, 2, 2] = 16
    with Calls() as calls:
        blurred = blur(x)
    assert blurred[0, 1, 1:4, 1:4].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    assert set(calls.names) <= {"aten::expand", "aten::convolution"}
    assert blur.state_dict() == {}
    Blur().load_state_dict({})


def test_the_blur_goes_where_its_network_goes_and_has_second_derivatives() -> None:
    blur = copy.deepcopy(nn.Sequential(Blur())).double()
    assert [buffer.dtype for buffer in blur.buffers()] == [torch.float64]
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(blur, x)
    assert torch.autograd.gradgradcheck(blur, x)
    assert Blur()(x).dtype == torch.float64
    assert Blur()(x.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("taps", [(1, 2, 1), (1, 3, 3, 1), (1, 4, 6, 4, 1), (1, 2, 3)], ids=str)
def test_any_filter_blurs(taps: tuple[int, ...]) -> None:
    x, kernel = torch.randn(2, 3, 6, 7, dtype=torch.float64), fir(taps)
    block = component("block", "stylegan/stylegan", filter=taps).build(BuildContext("discriminator", 8, 3, 3, "down"))
    torch.testing.assert_close(block.get_submodule("blur").double()(x), blurred(x, kernel))


def test_without_a_filter_nothing_is_blurred() -> None:
    x = torch.randn(2, 3, 4, 4)
    for context in (BuildContext("generator", 8, 3, 3, "up"), BuildContext("discriminator", 8, 3, 3, "down")):
        block = component("block", "stylegan/stylegan", filter=None).build(context)
        assert block.get_submodule("blur")(x) is x


def test_a_filter_has_a_sum() -> None:
    with pytest.raises(ValidationError, match="must not add up to zero: a filter is divided by its sum"):
        component("block", "stylegan/stylegan", filter=[1, -1])


def test_a_style_may_scale_what_is_not_normalized() -> None:
    context = BuildContext("generator", 4, 3, 3, width=5)
    norm = component("norm", "adaptive-instance", normalize=False).build(context)
    x, style = torch.randn(2, 3, 4, 4), torch.randn(2, 1, 5)
    nn.init.normal_(norm.affine.bias)
    scale, shift = norm.affine(style[:, 0]).view(2, 2, 3, 1, 1).unbind(1)
    torch.testing.assert_close(norm(x, Condition(style)), x * (scale + 1) + shift)


class Calls(TorchDispatchMode):
    """Notes which of torch's operators are called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.name())
        return func(*args, **(kwargs or {}))
