"""With circular padding opposite edges of a map meet: whatever is moved around comes out moved around."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from support.pggan import component
from torch import Tensor, nn

from gankit.config.experiment import GeneratorOptions
from gankit.core.registry import registries
from gankit.kinds import Block, Join
from gankit.networks.context import BuildContext
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.networks.layers import Condition, JoinModule, built, run
from gankit.networks.wrapping import wrap_edges

SIZE = 8
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "sngan": [{}, {"upsampling": "bilinear"}],
    "stylegan": [{}, {"filter": [1, 3, 3, 1]}],
    "stylegan2": [{}, {"filter": [1, 2, 1]}],
}
NAMES = [entry.name for entry in registries["block"].entries()]


def moved(x: Tensor, by: int) -> Tensor:
    return x.roll((by, by), (2, 3))


def places(block: Block) -> list[BuildContext]:
    """Where it may stand in the middle of a network."""
    ways = ["up", "down", None] if block.resamples else [None]
    return [
        BuildContext(network, SIZE * (1 + (way == "up")), 16, 16, way, (4, 8, 16), width=6, latent=6)
        for way in ways
        for network in ("generator", "discriminator")
        if (way, network) not in (("up", "discriminator"), ("down", "generator"))
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_block_moves_with_what_comes_in(name: str) -> None:
    torch.manual_seed(0)
    x, styles = torch.randn(2, 16, SIZE, SIZE, dtype=torch.float64), torch.randn(2, 9, 6, dtype=torch.float64)
    for options in OPTIONS.get(name, [{}]):
        block = component("block", name, **options)
        for place in places(block):
            module = built(block, place).double().eval()
            wrap_edges(module)

            def output(of: Tensor, module: nn.Module = module) -> Tensor:
                return run(module, of, Condition(styles[:, : getattr(module, "styles", 0)]))

            plain, scale = output(x), output(x).shape[2] / SIZE
            torch.testing.assert_close(output(moved(x, 2)), moved(plain, int(2 * scale)), msg=f"{options} {place}")


@pytest.mark.parametrize("name", [entry.name for entry in registries["join"].entries()])
def test_every_join_moves_with_what_comes_in(name: str) -> None:
    join = component("join", name)
    assert isinstance(join, Join)
    images = torch.randn(2, 3, SIZE, SIZE, dtype=torch.float64)
    networks = {"generator": 2, "discriminator": 0.5}
    if join.where == "scales":
        del networks["generator"]
    for network, scale in networks.items():
        module = built(join, BuildContext(network, SIZE, 3, 3, resolutions=(4, 8))).double()  # pyright: ignore[reportArgumentType]
        wrap_edges(module)
        assert isinstance(module, JoinModule)
        torch.testing.assert_close(module.resample(moved(images, 2)), moved(module.resample(images), int(2 * scale)))


def generator(padding: str) -> Generator:
    """An untrained one of 64 pixels, which goes up through filters."""
    options = {
        "mapping": {"use": "stylegan2", "width": 16, "layers": 1},
        **{"stem": "stylegan2", "block": "stylegan2", "rgb": "stylegan2-rgb", "join": "sum", "norm": "equalized"},
        **{"latent": 16, "channels": 16, "padding": padding},
    }
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Generator(GeneratorOptions.model_validate(options), ImageShape((64,), 3)).double()


@pytest.mark.parametrize("padding", ["circular", "zeros"])
def test_the_joint_of_tiles_is_like_any_place_within(padding: str) -> None:
    network = generator(padding).eval()
    z = torch.randn(2, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    images = network(z)
    [constant] = [each for each in network.stem.parameters() if each.shape == (1, 16, 4, 4)]
    with torch.no_grad():
        constant.copy_(moved(constant, 1))  # so that the joint comes to lie within

    is_moved = torch.allclose(network(z), moved(images, 16), rtol=0, atol=1e-10)
    assert is_moved == (padding == "circular")


def test_weights_are_those_of_any_padding_and_copies_are_padded_alike() -> None:
    wrapped = generator("circular")
    generator("zeros").load_state_dict(wrapped.state_dict())
    z = torch.zeros(1, 16, dtype=torch.float64)
    wrapped.eval()

    torch.testing.assert_close(copy.deepcopy(wrapped)(z), wrapped(z), rtol=0, atol=0)


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(2, 2, 5, padding=2), nn.Conv2d(2, 2, 3, padding="same"), nn.ConvTranspose2d(2, 2, 4, 2, 1)]
)
def test_plain_layers_of_torch_are_wrapped_too(layer: nn.Module) -> None:
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    wrap_edges(layer.double())
    by = layer(x).shape[2] // 4

    torch.testing.assert_close(layer(moved(x, 1)), moved(layer(x), by))
    small = x[:, :, :1, :2]  # as periodic as what it is repeated to, however far the layer reads
    torch.testing.assert_close(layer(small), layer(small.repeat(1, 1, 4, 2))[:, :, :by, : 2 * by])
