"""StyleGAN against numbers from the authors' own code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from support.case import Case, load_layer, put, raw
from support.pggan import component, grow_to_lod
from support.stylegan import discriminator, fill_generator, fill_mapping, generator
from torch import Tensor, nn

from gankit import BuildContext
from gankit.networks.layers import Condition, double, halve
from gankit_pggan.modules import pixel_norm
from gankit_stylegan.modules import AdaIN, Blur, MappingNetwork, Noise, instance_norm

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


@DTYPES
def test_images_of_given_styles_at_every_level_of_detail(dtype: torch.dtype) -> None:
    case = Case("tf_stylegan_synthesis_16px", dtype)
    network = generator({4: 12, 16: 8}, 16, 1, (4, 8, 16)).to(dtype)
    fill_generator(case, network, "w.")
    for number, lod in enumerate(case["in.lods"].tolist()):
        grow_to_lod(network, lod)
        assert network.styles == 2 * (network.resolution.bit_length() - 1) - 2
        case.check(f"out.img_{number}", network.synthesize(case["in.ws"]))
    case.check_complete()


@DTYPES
def test_the_mapping_network(dtype: torch.dtype) -> None:
    case = Case("tf_stylegan_mapping", dtype)
    network = generator({4: 2}, 16, 4, (4,)).to(dtype)
    fill_mapping(case, network, "w.")
    case.check("out.w", network.map(case["in.z"])[:, 0])
    case.check_complete()


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
    fill_mapping(case, network, "w.G_mapping.")
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
    case.check_complete()


@DTYPES
def test_primitives_and_their_gradients(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
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
    monkeypatch.setattr("gankit_stylegan.modules.instance_norm", lambda x: x)  # leaves the style of AdaIN
    case.check("out.style_mod", adain(x, Condition(case["in.w"][:, None])))
    case.check_complete()


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
    case.check_complete()


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
    mapping = component("mapping", "style", width=8, layers=1).build(
        BuildContext("generator", 4, 0, 0, latent=8, classes=3)
    )
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
