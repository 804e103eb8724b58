"""Numbers of parameters at full size against those of the authors' own networks."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from support import dcgan, pggan, stylegan
from support.case import Case
from support.pggan import component, parameters
from torch import nn

from gankit import BuildContext
from gankit.networks.layers import dense


def counts(name: str) -> list[list[int]]:
    table = Case("param_counts")[f"out.{name}"].long()
    return table.reshape(-1, table.shape[-1]).tolist()


def up_to(resolution: int) -> tuple[int, ...]:
    return tuple(4 << i for i in range((resolution // 4).bit_length()))


@pytest.mark.parametrize("row", counts("pggan"), ids=["32px", "1024px"])
def test_pggan(row: list[int]) -> None:
    resolution, image_channels, base, most, of_generator, of_discriminator = row
    channels = {r: min(base * 2 // r, most) for r in up_to(resolution)}
    assert parameters(pggan.generator(channels, 512, up_to(resolution), image_channels)) == of_generator
    assert parameters(pggan.discriminator(channels, up_to(resolution), image_channels)) == of_discriminator


def test_stylegan() -> None:
    ((resolution, _, of_mapping, of_synthesis, of_discriminator),) = counts("stylegan")
    channels = {r: min(16384 // r, 512) for r in up_to(resolution)}
    network = stylegan.generator(channels, 512, 8, up_to(resolution))
    assert parameters(network.mapping) == of_mapping
    assert parameters(network) - of_mapping == of_synthesis
    assert parameters(stylegan.discriminator(channels, up_to(resolution))) == of_discriminator


def test_dcgan() -> None:
    generator, discriminator = dcgan.networks({4: 512, 8: 256, 16: 128, 32: 64}, 100, 64)
    assert [parameters(generator), parameters(discriminator)] == counts("dcgan_64_G_D")[0]


def test_residual_blocks_under_sngans_plain_dense_layers() -> None:
    """SNGAN at 32x32: in the generator three blocks that go up, in the discriminator four, of which two go down."""
    batch = {0: [component("norm", "batch")]}
    generator = [BuildContext("generator", 8 << i, 256, 256, "up", norms=batch) for i in range(3)]
    discriminator = [
        BuildContext("discriminator", 32, 3, 128, "down", outermost=True),
        BuildContext("discriminator", 16, 128, 128, "down"),
        BuildContext("discriminator", 8, 128, 128),
        BuildContext("discriminator", 8, 128, 128),
    ]
    rgb = component("block", "residual-rgb").build(BuildContext("generator", 32, 256, 3, norms=batch))
    ((of_generator, of_discriminator),) = counts("sngan_32_G_D")
    assert total([dense(128, 256 * 4 * 4), *residual(generator), rgb]) == of_generator
    assert total([*residual(discriminator), dense(128, 1)]) == of_discriminator


def residual(places: Iterable[BuildContext]) -> list[nn.Module]:
    return [component("block", "residual").build(context) for context in places]


def total(modules: Iterable[nn.Module]) -> int:
    return sum(parameters(module) for module in modules)
