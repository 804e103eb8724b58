"""What growing networks of any parts must do."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.discriminators import discriminator_options
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import Block, BuildContext
from gankit.config.experiment import DiscriminatorOptions, GeneratorOptions
from gankit.core.registry import register, restored
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.networks.layers import Chain, Condition, Conditioned, UpConv2d, conv, double, halve

BLOCKS = ["conv", ["conv", "conv"]]
NORMS = [["equalized", "pixel"], ["equalized"], ["spectral"], ["batch"], ["spectral", "pixel"]]


def networks(block: object, norm: list[str], resolutions: tuple[int, ...]) -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    experiment = tiny()
    channels = {4: 8, 8: 6, 16: 4}
    generator = experiment.generator.model_copy(update={"channels": channels})
    discriminator = discriminator_options(experiment).model_copy(update={"channels": channels})
    change = {"block": block, "norm": norm}
    shape = ImageShape(resolutions, 1, 0)
    of_generator = type(generator).model_validate(generator.model_dump() | change)
    of_discriminator = type(discriminator).model_validate(discriminator.model_dump() | change)
    return Generator(of_generator, shape).double().eval(), Discriminator(of_discriminator, shape).double().eval()


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(BLOCKS), st.sampled_from(NORMS), st.sampled_from([8, 16]), st.floats(0.05, 0.95))
def test_a_fade_blends_the_old_network_with_the_new(
    block: object, norm: list[str], resolution: int, alpha: float
) -> None:
    """Karras et al. 2018, figure 2: exactly the old network at alpha 0, the new at 1, and between images in between."""
    generator, discriminator = networks(block, norm, (4, 8, 16))
    z = torch.randn(4, 8, dtype=torch.float64)
    with torch.no_grad():
        generator.grow(resolution // 2, 1.0)
        old = double(generator(z))
        generator.grow(resolution, 1.0)
        new = generator(z)
        generator.grow(resolution, 0.0)
        assert torch.equal(generator(z), old)
        generator.grow(resolution, alpha)
        torch.testing.assert_close(generator(z), alpha * new + (1 - alpha) * old)
        discriminator.grow(resolution // 2, 1.0)
        expected = discriminator(halve(new)).score
        discriminator.grow(resolution, 0.0)
        torch.testing.assert_close(discriminator(new).score, expected)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(BLOCKS), st.sampled_from(NORMS), st.sampled_from([(4,), (4, 8), (8,), (16,), (8, 16)]))
def test_shapes_at_every_stage_and_nothing_moves_in_evaluation(
    block: object, norm: list[str], resolutions: tuple[int, ...]
) -> None:
    generator, discriminator = networks(block, norm, resolutions)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    for resolution in resolutions:
        generator.grow(resolution, 1.0)
        discriminator.grow(resolution, 1.0)
        z = torch.randn(4, 8, dtype=torch.float64)
        latents = z.clone()
        images = generator(z)
        copy = images.clone()
        assert images.shape == (4, 1, resolution, resolution)
        verdict = discriminator(images)
        assert verdict.score.shape == (4,)
        assert min(verdict.features) == 4
        assert max(verdict.features) == resolution
        assert torch.equal(images, copy)
        assert torch.equal(z, latents)
    for name, value in generator.state_dict().items():
        assert torch.equal(before[name], value), name


def test_a_generators_first_block_goes_up_and_a_discriminators_last_goes_down() -> None:
    generator, discriminator = networks(["conv", "conv", "conv"], ["equalized"], (4, 8))
    ups = [isinstance(block.get_submodule("conv0"), UpConv2d) for block in generator.blocks["8"].children()]
    downs = [type(block.get_submodule("down")).__name__ for block in discriminator.blocks["8"].children()]
    assert ups == [True, False, False]
    assert downs == ["Identity", "Identity", "Function"]


def test_the_block_nearest_to_the_image_is_told_so() -> None:
    seen: list[BuildContext] = []

    class Seen(Block):
        """Remembers where it is built."""

        def build(self, context: BuildContext) -> nn.Module:
            seen.append(context)
            return nn.Identity()

    with restored():
        register("basics", "seen", Seen)
        for growth, final in (
            ({"block": ["seen", "seen"]}, 8),
            ({"base_blocks": ["seen", "seen"], "block": "conv"}, 4),
        ):
            options = tiny().generator.model_dump() | growth | {"rgb": None}
            Generator(GeneratorOptions.model_validate(options), ImageShape((final,), 1))
            assert [context.outermost for context in seen] == [False, True]
            seen.clear()
            options = discriminator_options(tiny()).model_dump() | growth | {"rgb": None}
            Discriminator(DiscriminatorOptions.model_validate(options), ImageShape((final,), 1))
            assert [context.outermost for context in seen] == [True, False]
            seen.clear()


class Styled(Conditioned):
    """A module that eats two styles and remembers them."""

    styles = 2

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        self.seen = condition.styles
        return x


def test_a_chain_deals_out_styles_in_order_and_keeps_members_that_stand_twice() -> None:
    first, second, act = Styled(), Styled(), nn.ReLU()
    chain = Chain(a=first, act0=act, plain=nn.Identity(), b=second, act1=act)
    assert chain.styles == 4
    assert len(chain.members()) == 5
    styles = torch.arange(8.0).view(1, 4, 2)
    chain(torch.zeros(1), Condition(styles))
    assert first.seen is not None
    assert second.seen is not None
    assert torch.equal(first.seen, styles[:, :2])
    assert torch.equal(second.seen, styles[:, 2:])


def test_weight_norms_and_inits_follow_the_resolution_of_each_layer() -> None:
    experiment = tiny()
    norm = {4: ["equalized"], 8: ["spectral"]}
    options = type(experiment.generator).model_validate(
        experiment.generator.model_dump() | {"norm": norm, "init": {"use": "normal", "std": 0.5}, "channels": 32}
    )
    generator = Generator(options, ImageShape((4, 8), 1, 0))
    for context, norm_class, std in (("stem.conv", "Scale", 1), ("blocks.8.conv0", "SpectralNorm", 0.5)):
        (used,) = generator.get_submodule(f"{context}.parametrizations.weight").children()
        assert type(used).__name__ == norm_class
        stored = generator.get_parameter(f"{context}.parametrizations.weight.original")
        assert abs(float(stored.detach().std()) - std) < 0.05  # equalized redraws what the init drew


def test_place_builds_all_activation_norms_of_its_resolution() -> None:
    experiment = tiny()
    norm = {4: ["equalized", "pixel"], 8: ["equalized", "pixel", "batch"], 16: ["equalized"]}
    norms = type(experiment.generator).model_validate(experiment.generator.model_dump() | {"norm": norm}).norm
    kinds = {4: "PixelNorm", 8: "Chain", 16: "Identity"}
    for resolution, expected in kinds.items():
        assert type(BuildContext("generator", resolution, 3, 3, norms=norms).norm()).__name__ == expected


def test_layers_start_with_their_gain() -> None:
    torch.manual_seed(0)
    layer = conv(64, 64, gain=0.5)
    assert abs(float(layer.weight.detach().std()) * (64 * 9) ** 0.5 - 0.5) < 0.01
    assert not conv(4, 4, gain=0.0).weight.any()


def test_the_data_set_decides_channels_and_classes() -> None:
    made = trainer(tiny(data={"use": "digits", "labels": True}))
    assert made.generator.context.image_channels == 1
    assert made.generator.context.classes == 10
    assert made.generator.mapping.width == 8 + 10
