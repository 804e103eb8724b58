"""StyleGAN against numbers from the authors' own code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from support.case import Case, load_layer, put, raw
from support.pggan import component, grow_to_lod, parameters
from torch import Tensor, nn

from gankit import Place
from gankit.config import DiscriminatorOptions, GeneratorOptions
from gankit.layers import Condition, double, halve
from gankit.training.networks import Discriminator, Generator, Shape
from gankit_pggan.modules import pixel_norm
from gankit_stylegan.modules import AdaIN, Blur, MappingNetwork, Noise, instance_norm

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def generator(channels: dict[int, int], width: int, layers: int, resolutions: tuple[int, ...]) -> Generator:
    options = {
        "mapping": {"use": "style", "layers": layers, "width": width},
        "stem": "stylegan/stylegan",
        "block": "stylegan/stylegan",
        "rgb": "pggan/rgb",
        "norm": ["equalized", "adaptive-instance"],
        "channels": channels,
        "latent": width,
    }
    return Generator(GeneratorOptions.model_validate(options), Shape(resolutions, 3, 0))


def discriminator(channels: dict[int, int], resolutions: tuple[int, ...]) -> Discriminator:
    options = {
        "head": "pggan/pggan",
        "block": "stylegan/stylegan",
        "rgb": "pggan/rgb",
        "norm": "equalized",
        "channels": channels,
    }
    shape = Shape(resolutions, 3, 0)
    return Discriminator(
        DiscriminatorOptions.model_validate(options), shape, [component("regularizer", "minibatch-stddev")]
    )


def fill_epilogue(case: Case, key: str, part: nn.Module, number: int) -> None:
    put(part.get_parameter(f"noise{number}.weight"), case[f"{key}.Noise.weight"])
    put(part.get_parameter(f"bias{number}.bias"), case[f"{key}.bias"])
    load_layer(case, f"{key}.StyleMod", part.get_submodule(f"norm{number}.affine"))


def fill_generator(case: Case, network: Generator, key: str) -> None:
    """Copy the weights, and let each layer add the case's noise."""
    put(network.stem.get_parameter("constant.constant"), case[f"{key}4x4.Const.const"])
    fill_epilogue(case, f"{key}4x4.Const", network.stem, 0)
    put(raw(network.stem.get_submodule("conv")), case[f"{key}4x4.Conv.weight"])
    fill_epilogue(case, f"{key}4x4.Conv", network.stem, 1)
    for resolution in network.resolutions[1:]:
        block = network.blocks[str(resolution)]
        for number, name in enumerate(("Conv0_up", "Conv1")):
            put(raw(block.get_submodule(f"conv{number}")), case[f"{key}{resolution}x{resolution}.{name}.weight"])
            fill_epilogue(case, f"{key}{resolution}x{resolution}.{name}", block, number)
    for lod, resolution in enumerate(reversed(network.resolutions)):
        load_layer(case, f"{key}ToRGB_lod{lod}", network.rgb[str(resolution)])
    noises = [module for module in network.modules() if isinstance(module, Noise)]
    assert len(noises) == 2 * len(network.resolutions)
    for number, noise in enumerate(noises):
        noise.draw = lambda x, number=number: case[f"in.noise{number}"]


def fill_mapping(case: Case, mapping: nn.Module, key: str) -> None:
    assert isinstance(mapping, MappingNetwork)
    for number, layer in enumerate(mapping.layers):
        load_layer(case, f"{key}Dense{number}", layer)


@DTYPES
def test_images_of_given_styles_at_every_level_of_detail(dtype: torch.dtype) -> None:
    case = Case("tf_stylegan_synthesis_16px", dtype)
    network = generator({4: 12, 16: 8}, 16, 1, (4, 8, 16)).to(dtype)
    fill_generator(case, network, "w.")
    for number, lod in enumerate(case["in.lods"].tolist()):
        grow_to_lod(network, lod)
        assert network.styles == 2 * (network.resolution.bit_length() - 1) - 2
        case.check(f"out.img_{number}", network.synthesize(case["in.ws"]))


@DTYPES
def test_the_mapping_network(dtype: torch.dtype) -> None:
    case = Case("tf_stylegan_mapping", dtype)
    network = generator({4: 2}, 16, 4, (4,)).to(dtype)
    fill_mapping(case, network.mapping, "w.")
    case.check("out.w", network.map(case["in.z"])[:, 0])


@contextmanager
def drawing(second: Tensor, first_of_second: int) -> Iterator[None]:
    """Let the mapping draw this second latent, this first layer of it, and decide to mix."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randn_like", lambda z: second)
        patch.setattr(torch, "randint", lambda *_, **__: torch.tensor(first_of_second))
        patch.setattr(torch, "rand", lambda *_, **__: torch.zeros(()))
        yield


@DTYPES
def test_truncation_mixing_and_the_running_mean(dtype: torch.dtype) -> None:
    case = Case("tf_stylegan_G_style", dtype)
    network = generator({4: 8}, 8, 3, (4, 8)).to(dtype)
    fill_generator(case, network, "w.G_synthesis.")
    fill_mapping(case, network.mapping, "w.G_mapping.")
    mapping = network.mapping
    assert isinstance(mapping, MappingNetwork)
    put(mapping.mean, case["in.w_avg"])
    network.eval()
    truncated = mapping.truncated(network.map(case["in.z"]), psi=0.7, cutoff=2)
    case.check("out.ws_truncated", truncated)
    case.check("out.img_truncated", network.synthesize(truncated))
    assert torch.equal(mapping.mean, case["in.w_avg"])  # evaluation leaves it
    network.train()
    with drawing(case["in.z2"], 2):
        mixed = network.map(case["in.z"])
    case.check("out.ws_mixed", mixed)
    case.check("out.img_mixed", network.synthesize(mixed))
    case.check("out.w_avg_after_train_step", mapping.mean)


@DTYPES
def test_primitives_and_their_gradients(dtype: torch.dtype) -> None:
    case = Case("tf_stylegan_primitives", dtype)
    x = case["in.x"].requires_grad_()
    noise, adain = Noise(6).to(dtype), AdaIN(6, 5).to(dtype)
    component("norm", "equalized").apply(adain.affine)
    put(noise.weight, case["w.noise_weight"])
    put(raw(adain.affine), case["w.style_weight"])
    put(adain.affine.bias, case["w.style_bias"])
    noise.draw = lambda x: case["in.noise"]
    outputs = {
        "instance_norm": instance_norm(x),
        "noise": noise(x),
        "blur": Blur()(x),
        "up": double(x),
        "down": halve(x),
        "lrelu": nn.LeakyReLU(0.2)(x),
        "pixel_norm": pixel_norm(x),
        "adain": adain(x, Condition(case["in.w"][:, None])),
    }
    for name, value in outputs.items():
        case.check(f"out.{name}", value)
    for name in ("instance_norm", "pixel_norm"):
        (gradient,) = torch.autograd.grad((outputs[name] * case["in.cot"]).sum(), x)
        case.check(f"grad.x_{name}", gradient)


@DTYPES
def test_the_discriminator(dtype: torch.dtype) -> None:
    case = Case("tf_stylegan_D_basic", dtype)
    network = discriminator({4: 12, 16: 8}, (4, 8, 16)).to(dtype)
    for theirs, ours in {"Conv": "conv", "Dense0": "dense0", "Dense1": "dense1"}.items():
        load_layer(case, f"w.4x4.{theirs}", network.head.get_submodule(ours))
    for resolution in (8, 16):
        block = network.blocks[str(resolution)]
        load_layer(case, f"w.{resolution}x{resolution}.Conv0", block.get_submodule("conv0"))
        key = f"w.{resolution}x{resolution}.Conv1_down"
        load_layer(case, key, block.get_submodule("conv1"), block.get_submodule("bias1"))
    for lod, resolution in enumerate((16, 8, 4)):
        load_layer(case, f"w.FromRGB_lod{lod}", network.rgb[str(resolution)].get_submodule("conv"))
    for number, lod in enumerate(case["in.lods"].tolist()):
        grow_to_lod(network, lod)
        images = case["in.x_full"][:, :, : network.resolution, : network.resolution]
        case.check(f"out.score_{number}", network(images).score)


def test_parameter_counts_at_full_size() -> None:
    ((resolution, _, of_mapping, of_synthesis, of_discriminator),) = (
        Case("param_counts")["out.stylegan"].long().tolist()
    )
    resolutions = tuple(4 << i for i in range((resolution // 4).bit_length()))
    channels = {r: min(16384 // r, 512) for r in resolutions}
    network = generator(channels, 512, 8, resolutions)
    assert parameters(network.mapping) == of_mapping
    assert parameters(network) - of_mapping == of_synthesis
    assert parameters(discriminator(channels, resolutions)) == of_discriminator


def test_truncation_of_one_is_exact_and_of_zero_the_mean() -> None:
    mapping = generator({4: 2}, 8, 2, (4, 8)).mapping
    assert isinstance(mapping, MappingNetwork)
    styles = torch.randn(3, 4, 8)
    mapping.mean.normal_()
    assert torch.equal(mapping.truncated(styles, psi=1), styles)
    torch.testing.assert_close(mapping.truncated(styles, psi=0), mapping.mean.expand(3, 4, 8))


def test_mixing_takes_a_tail_of_the_layers_in_force_from_a_second_latent() -> None:
    network = generator({4: 2}, 8, 2, (4, 8, 16))
    network.grow(8, 1.0)
    mapping = network.mapping
    assert isinstance(mapping, MappingNetwork)
    starts = set()
    for seed in range(60):
        torch.manual_seed(seed)
        z = torch.randn(2, 8)
        styles = network.map(z)
        first = mapping.style(z, None)
        same = [bool(torch.equal(styles[:, i], first)) for i in range(4)]
        assert same == sorted(same, reverse=True)
        assert same[0]
        starts.add(sum(same))
    assert starts == {1, 2, 3, 4}  # every layer in force can be the first of the second; sometimes nothing is mixed


def test_a_label_joins_the_latent() -> None:
    mapping = component("mapping", "style", width=8, layers=1).build(Place("generator", 4, 0, 0, latent=8, classes=3))
    z = torch.randn(2, 8)
    one, other = (mapping.style(z, torch.tensor([label, label])) for label in (0, 1))
    assert mapping.layers[0].in_features == 16
    assert not torch.equal(one, other)


def test_small_values_are_normalized_too() -> None:
    """1e-8 is added to the variance; torch's 1e-5 would leave such maps near zero."""
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64) * 1e-3
    centred = x - x.mean((2, 3), keepdim=True)
    expected = centred / (x.var((2, 3), unbiased=False, keepdim=True) + 1e-8).sqrt()
    torch.testing.assert_close(instance_norm(x), expected)
