"""StyleGAN2's parts: how they start, its three variants, labels, path lengths, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from support.discriminators import discriminator_options
from support.pggan import component
from support.slow import slow_but
from support.stylegan2 import ARCHITECTURES, discriminator, generator
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import BuildContext, UserError
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.networks.filters import doubled, fir, halved
from gankit.networks.growing import ImageShape
from gankit.networks.layers import Condition
from gankit.training.step import Step
from gankit_stylegan.modules import Noise

VARIANTS = pytest.mark.parametrize("variant", ARCHITECTURES)
WIDTHS = {4: 6, 8: 5, 16: 4}
SHAPE = ImageShape((16,), 3)


def small(variant: str = "skip", classes: bool = False, **changes: Any) -> Experiment:
    """The tiny experiment, which grows, of one variant in both networks."""
    network, block = ARCHITECTURES[variant]
    both = {
        "block": {"use": "stylegan2/stylegan2", **block},
        "rgb": "stylegan2-rgb",
        "norm": "equalized",
        "channels": 8,
        **network,
    }
    mapping = {"use": "stylegan2", "layers": 2, "width": 8}
    return tiny(
        data={"use": "digits", "labels": classes},
        generator={"mapping": mapping, "stem": "stylegan2/stylegan2", "latent": 6, **both},
        discriminator={"head": {"use": "stylegan2/stylegan2", "layers": 2}, **both},
        **{
            "loss": "non-saturating",
            "regularizers": [{"use": "r1", "every": 2}, {"use": "path-length", "every": 2}, "minibatch-stddev"],
            **changes,
        },
    )


@pytest.mark.parametrize("classes", slow_but([True], [False, True]), ids=["alone", "classes"])
@VARIANTS
def test_each_variant_grows_and_all_of_it_learns(variant: str, classes: bool) -> None:
    made = trainer(small(variant, classes))
    before = {name: copied(network) for name, network in made.networks.items()}
    while made.images < made.ends[-1]:
        assert all(bool(value.isfinite().all()) for value in made.iteration().values())
    for name, network in made.networks.items():
        same = [key for key, weight in copied(network).items() if torch.equal(weight, before[name][key])]
        assert same == []
    assert float(made.memory["regularizers.1"]["mean"]) > 0


def copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def test_how_the_generator_starts() -> None:
    torch.manual_seed(0)
    made = generator("skip", {4: 64, 8: 64}, 16, 16, 2, ImageShape((8,), 3))
    constant = made.stem.get_parameter("constant.constant").detach()
    assert float(constant.std()) == pytest.approx(1, rel=0.1)
    for name, parameter in made.named_parameters():
        if name.endswith("affine.bias"):
            assert parameter.eq(1).all(), name
        elif "bias" in name or "noise" in name:
            assert parameter.eq(0).all(), name
    assert [module.weight.shape for module in made.modules() if isinstance(module, Noise)] == [(1,)] * 3
    stored = made.get_parameter("mapping.network.layers.1.parametrizations.weight.original").detach()
    assert float(stored.std()) == pytest.approx(100, rel=0.15)


def test_skips_add_up_an_image_at_every_resolution() -> None:
    """Each comes through the filter into the next; at a fade's beginning the last has no weight."""
    made = generator("skip", WIDTHS, 6, 6, 1, SHAPE).double().eval()
    styles, kernel = torch.randn(2, 6, 6, dtype=torch.float64), fir((1, 3, 3, 1))
    nn.init.normal_(made.rgb["4"].get_parameter("bias.bias"))
    x, first, images = styles[:, 0], 0, []
    parts = {4: made.stem, 8: made.blocks["8"], 16: made.blocks["16"]}
    for (resolution, part), count in zip(parts.items(), (1, 2, 2), strict=True):
        x = part(x, Condition(styles[:, first : first + count]))
        first += count
        images.append(made.rgb[str(resolution)](x, Condition(styles[:, first : first + 1])))
    old = doubled(doubled(images[0], kernel) + images[1], kernel)
    torch.testing.assert_close(made.synthesize(styles), old + images[2])
    made.grow(16, 0.25)
    torch.testing.assert_close(made.synthesize(styles), old + 0.25 * images[2])


def test_skips_read_the_image_at_every_resolution() -> None:
    made = discriminator("skip", WIDTHS, SHAPE).double()
    images, kernel = torch.randn(4, 3, 16, 16, dtype=torch.float64), fir((1, 3, 3, 1))
    image, x = images, made.rgb["16"](images, Condition())
    for resolution in (16, 8):
        image = halved(image, kernel)
        x = made.blocks[str(resolution)](x, Condition()) + made.rgb[str(resolution // 2)](image, Condition())
    torch.testing.assert_close(made(images).score, made.head(made.layers(x), Condition())[:, 0])


def test_an_image_uses_the_style_of_the_next_resolutions_first_convolution() -> None:
    made = generator("skip", WIDTHS, 6, 6, 1, SHAPE).eval()
    assert made.styles == 6
    seen: dict[str, Tensor] = {}

    def note(name: str) -> None:
        def before(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            seen[name] = given[0]

        made.get_submodule(f"{name}.conv.affine").register_forward_pre_hook(before)

    used = {"rgb.4": 1, "blocks.8.conv0": 1, "rgb.8": 3, "blocks.16.conv0": 3, "rgb.16": 5}
    for name in used:
        note(name)
    styles = torch.randn(2, 6, 6)
    made.synthesize(styles)
    assert all(torch.equal(seen[name], styles[:, number]) for name, number in used.items())


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_a_residual_block_keeps_the_variance_of_path_and_shortcut(network: Any) -> None:
    context = BuildContext(network, 8, 5, 4, "up" if network == "generator" else "down", width=6)
    made = component("block", "stylegan2/stylegan2", residual=True).build(context)
    x, condition = torch.randn(2, 5, 8, 8), Condition(torch.randn(2, 2, 6))
    path = made.path(x, condition)
    through = doubled if network == "generator" else halved
    shortcut = through(F.conv2d(x, made.get_parameter("shortcut.conv.weight")), fir((1, 3, 3, 1)))
    torch.testing.assert_close(made(x, condition), (path + shortcut) / math.sqrt(2))


@pytest.mark.parametrize("taps", [(1,), (1, 1), (1, 2, 1), (1, 3, 3, 1), (1, 4, 6, 4, 1)], ids=str)
def test_any_filter_doubles_and_halves(taps: tuple[int, ...]) -> None:
    up = BuildContext("generator", 8, 5, 4, "up", width=6)
    down = BuildContext("discriminator", 8, 5, 4, "down")
    for context, size in ((up, (16, 12)), (down, (4, 3))):
        made = component("block", "stylegan2/stylegan2", residual=True, filter=taps).build(context)
        y = made(torch.randn(2, 5, 8, 6), Condition(torch.randn(2, 2, 6)))
        assert y.shape == (2, 4, *size)


def test_the_score_is_the_product_with_what_a_network_makes_of_the_label() -> None:
    context = BuildContext("discriminator", 4, 7, 6, classes=3)
    head = component("head", "stylegan2/stylegan2", layers=1).build(context)
    x, labels = torch.randn(2, 7, 4, 4), torch.tensor([2, 0])
    network = head.get_submodule("score.embedding.network")
    vectors = network.get_parameter("embedding.weight").t()[labels]
    vectors = vectors / vectors.square().mean(1, keepdim=True).sqrt()
    vectors = F.leaky_relu(vectors @ network.get_parameter("layers.0.weight").t(), 0.2) * math.sqrt(2)
    features = head.get_submodule("score.layer")(head.get_submodule("act1")(features_of(head, x)))
    expected = (features * vectors).sum(1, keepdim=True) / math.sqrt(6)
    torch.testing.assert_close(head(x, Condition(labels=labels)), expected)
    with pytest.raises(ValueError, match="was given no labels"):
        head(x, Condition())


def features_of(head: nn.Module, x: Tensor) -> Tensor:
    x = F.leaky_relu(head.get_submodule("conv")(x), 0.2) * math.sqrt(2)
    return head.get_submodule("dense")(x.flatten(1))


def test_a_label_network_that_could_not_learn_slower_is_refused() -> None:
    for classes in (True, False):
        experiment = small(classes=classes)
        plain = discriminator_options(experiment).model_copy(update={"norm": {0: []}})
        found = problems(experiment.model_copy(update={"discriminator": plain}))
        assert [path for path, _ in found] == [("discriminator", "head")] * classes
        assert all("has no effect without the equalized norm: add equalized" in said for _, said in found)


def length(step_with: Experiment, **options: Any) -> tuple[Tensor, dict[str, Tensor], Step]:
    """One path length penalty of fresh networks, its memory, and its step of 8 images."""
    made = trainer(step_with)
    made.generator.grow(8, 1.0)
    memory: dict[str, Tensor] = {}
    real = torch.randn(8, 1, 8, 8)
    step = Step("generator", (0,), made.generator, made.discriminator, [], real, None, lambda _: memory)
    return component("regularizer", "path-length", **options).generator(step), memory, step


def test_path_lengths_take_a_smaller_batch_and_remember_their_mean() -> None:
    counts: list[int] = []
    made, real = trainer(small()), torch.randn(8, 1, 8, 8)
    made.generator.grow(8, 1.0)
    for shrink in (1, 2, 8, 20):
        step = Step("generator", (0,), made.generator, made.discriminator, [], real, None, lambda _: {})
        draw = step.latents
        step.latents = lambda count, draw=draw: counts.append(count) or draw(count)
        component("regularizer", "path-length", shrink=shrink).generator(step)
    assert counts == [8, 4, 1, 1]
    penalty, memory, step = length(small(), decay=1.0, shrink=8)
    assert float(penalty.detach()) == pytest.approx(0, abs=1e-6)  # a mean of one length is that length
    assert float(memory["mean"]) == pytest.approx(float(step.logged["path_length"]))


def test_path_lengths_of_any_generator() -> None:
    """Also where no weight lies between latents and styles."""
    penalty, memory, step = length(tiny(), weight=1.0)
    assert float(memory["mean"]) > 0
    gradients = torch.autograd.grad(penalty, list(step.generator.stem.parameters()), allow_unused=True)
    assert any(gradient is not None and bool(gradient.any()) for gradient in gradients)


def test_resumed_path_lengths_go_on_to_the_same_bits() -> None:
    one, other = trainer(small()), trainer(small())
    for _ in range(3):
        one.iteration()
    other.load_state_dict(one.state_dict())
    for _ in range(3):
        one.iteration()
        other.iteration()
    assert torch.equal(one.memory["regularizers.1"]["mean"], other.memory["regularizers.1"]["mean"])
    assert all(torch.equal(a, b) for a, b in zip(one.generator.parameters(), other.generator.parameters(), strict=True))


def test_features_of_minibatch_stddev_share_the_channels() -> None:
    layer = component("regularizer", "minibatch-stddev", features=4)
    with pytest.raises(UserError, match="cannot share 6 channels out among 4 features; 2 would do"):
        layer.layer(BuildContext("discriminator", 4, 6, 6))


def test_a_join_at_every_resolution_needs_a_way_into_images() -> None:
    discriminator = discriminator_options(tiny()).model_dump() | {"join": "sum", "rgb": None}
    growth = {"use": "fixed", "resolution": 8, "images": 64}
    (found,) = problems(tiny(growth=growth, discriminator=discriminator))
    assert found[0] == ("discriminator", "join")
    assert "discriminator.rgb" in found[1]
