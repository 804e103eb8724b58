"""PGGAN against numbers from the authors' own code."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from support.case import Case, raw
from support.pggan import (
    component,
    discriminator,
    fill_discriminator,
    fill_generator,
    generator,
    grow_to_lod,
    unused_networks,
)

from gankit import BuildContext
from gankit.networks.layers import Condition, double
from gankit.training.step import Step

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
RESOLUTIONS = (4, 8, 16)
AVERAGING = ("last", "before-activation")


@DTYPES
def test_generator_images_at_every_level_of_detail(dtype: torch.dtype) -> None:
    case = Case("tf_pggan_G_16px", dtype)
    network = generator({4: 16, 16: 8}, 16, RESOLUTIONS).to(dtype)
    fill_generator(case, network)
    for i, lod in enumerate(case["in.lods"].tolist()):
        grow_to_lod(network, lod)
        case.check(f"out.img_{i}", network(case["in.z"]))
    case.check_complete()


@DTYPES
def test_discriminator_scores_and_image_gradient(dtype: torch.dtype) -> None:
    case = Case("tf_pggan_D_16px", dtype)
    network = discriminator({4: 16, 16: 8}, RESOLUTIONS).to(dtype)
    fill_discriminator(case, network)
    for i, lod in enumerate(case["in.lods"].tolist()):
        grow_to_lod(network, lod)
        images = case["in.x_full"][:, :, : network.resolution, : network.resolution].clone().requires_grad_()
        score = network(images).score
        case.check(f"out.score_{i}", score)
        if f"grad.x_{i}" in case:
            case.check(f"grad.x_{i}", torch.autograd.grad(score.sum(), images)[0])
    case.check_complete()


@DTYPES
def test_wasserstein_step_with_gradient_penalty_and_drift(dtype: torch.dtype) -> None:
    case = Case("tf_pggan_wgangp", dtype)
    network = discriminator({4: 8}, (4, 8)).to(dtype)
    fill_discriminator(case, network)
    step = Step("discriminator", (), unused_networks()[0], network, (), case["in.reals"], None, lambda _: {})
    step.fake = case["in.fakes"].clone().requires_grad_()
    step.per_sample = lambda draw, *shape: case["in.mix"]
    take_gradient, on_mixed = step.gradient, []
    step.gradient = lambda of, to: on_mixed.append(take_gradient(of, to)) or on_mixed[0]
    loss = component("loss", "wgan").discriminator(step.on_real.score, step.on_fake.score)
    loss = loss + component("regularizer", "gradient-penalty").discriminator(step)
    loss = loss + component("regularizer", "drift").discriminator(step)
    case.check("out.d_loss_mean", loss)
    case.check("out.real_scores", step.on_real.score)
    case.check("out.fake_scores", step.on_fake.score)
    loss.backward(inputs=list(network.parameters()))
    layers = {f"8x8.Conv{i}": network.get_submodule(f"blocks.8.conv{i}") for i in (0, 1)}
    layers |= {f"4x4.{name}": network.head.get_submodule(name.lower()) for name in ("Conv", "Dense0", "Dense1")}
    layers |= {f"FromRGB_lod{lod}": network.rgb[str(8 >> lod)].get_submodule("conv") for lod in (0, 1)}
    for key, layer in layers.items():
        case.check(f"grad.D.{key}.weight", gradient(raw(layer)))
        case.check(f"grad.D.{key}.bias", gradient(raw(layer, "bias")))
    case.check("out.mixed_grad_norms", on_mixed[0].square().sum((1, 2, 3)).sqrt())
    fakes = case["in.fakes"].clone().requires_grad_()
    score = network(fakes).score
    wgan = component("loss", "wgan")
    case.check("out.g_loss_per_sample", torch.stack([wgan.generator(each, None) for each in score]))
    case.check("grad.fakes_of_mean_g_loss", torch.autograd.grad(wgan.generator(score, None), fakes)[0])
    case.check_complete()


def gradient(parameter: torch.Tensor) -> torch.Tensor:
    """The authors' code has zeros, ours None, for a layer of another resolution."""
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


@DTYPES
def test_minibatch_stddev(dtype: torch.dtype) -> None:
    case = Case("tf_pggan_mbstd", dtype)
    for i in range(3):
        x = case[f"in.x_{i}"].requires_grad_()
        layer = component("regularizer", "minibatch-stddev", group=int(case[f"in.group_{i}"])).layer(
            context(x.shape[1])
        )
        y = layer(x)
        case.check(f"out.y_{i}", y[:, x.shape[1] :])
        case.check(f"grad.x_{i}", torch.autograd.grad((y * case[f"in.cot_{i}"]).sum(), x)[0])
    case.check_complete()


def context(channels: int):
    return BuildContext("discriminator", 4, channels, channels)


@DTYPES
def test_minibatch_stddev_is_not_the_known_wrong_one(dtype: torch.dtype) -> None:
    """That one takes neighbours for a group, divides by one less, and takes any batch that does not split as one."""
    case = Case("ganzoo_mbstd", dtype)
    for i in range(2):
        x = case[f"in.x_{i}"]
        layer = component("regularizer", "minibatch-stddev", group=int(case[f"in.group_{i}"])).layer(
            context(x.shape[1])
        )
        case.check(f"out.canonical_{i}", layer(x)[:, x.shape[1] :])
        case.check_differs(f"out.peer_{i}", layer(x)[:, x.shape[1] :])
    with pytest.raises(ValueError, match="a batch of 6 does not split into groups of 4"):
        component("regularizer", "minibatch-stddev").layer(context(4))(case["in.x_2"])


@DTYPES
def test_equalized_learning_rate_leaves_the_bias_alone(dtype: torch.dtype) -> None:
    from support.case import load_layer

    from gankit.networks.layers import conv, dense, double
    from gankit_pggan.modules import pixel_norm

    case = Case("ganzoo_equalized_pixelnorm", dtype)
    equalized = component("norm", "equalized")
    for name, layer, x in (("conv", conv(5, 6), case["in.x"]), ("lin", dense(5, 6), case["in.z"])):
        equalized.apply(layer.to(dtype))
        load_layer(case, f"w.{name}.module", layer)
        case.check(f"out.{name}_canonical", layer(x))
        case.check_differs(f"out.{name}_peer", layer(x))
    case.check("out.pixelnorm4d", pixel_norm(case["in.x"]))
    case.check("out.pixelnorm2d", pixel_norm(case["in.z"]))
    case.check("out.upscale2d", double(case["in.x"]))
    case.check("out.pixelnorm_zeros", pixel_norm(torch.zeros(1, 5, 2, 2, dtype=dtype)))
    case.check_complete("out.conv_peer", "out.lin_peer")


def test_going_up_the_authors_fused_scaling_is_the_same_map() -> None:
    """They may resample inside the convolution, by a kernel of 4x4 made of its own 3x3, which is turned round."""
    block = component("block", "pggan/conv").build(BuildContext("generator", 8, 3, 5, "up")).double()
    x, layer = torch.randn(2, 3, 4, 8, dtype=torch.float64), block.get_submodule("conv0")
    fused = F.conv_transpose2d(x, four_by_four(layer.weight.flip(2, 3)).transpose(0, 1), layer.bias, 2, padding=1)
    torch.testing.assert_close(layer(x), fused)
    torch.testing.assert_close(F.conv2d(double(x), layer.weight, layer.bias, padding=1), fused)


def test_going_down_the_authors_fused_scaling_is_a_network_of_its_own() -> None:
    """It averages before the second convolution's activation, which is `averaging: before-activation`."""
    case = Case("tf_pggan_D_16px")
    paper, fused = (discriminator({4: 16, 16: 8}, RESOLUTIONS, averaging=each).double() for each in AVERAGING)
    for network in (paper, fused):
        fill_discriminator(case, network)
    images = case["in.x_full"]
    x = F.leaky_relu(F.conv2d(images, *weights(fused.rgb["16"].get_submodule("conv"))), 0.2)
    for resolution in (16, 8):
        first, second = (fused.get_submodule(f"blocks.{resolution}.conv{number}") for number in (0, 1))
        x = F.leaky_relu(F.conv2d(x, *weights(first), padding=1), 0.2)
        weight, bias = weights(second)
        x = F.leaky_relu(F.conv2d(x, four_by_four(weight) / 4, bias, stride=2, padding=1), 0.2)
    scores = fused.head(fused.layers(x), Condition())[:, 0]
    torch.testing.assert_close(fused(images).score, scores)
    assert float((scores - paper(images).score).detach().abs().max()) > 0.1  # of scores around 0.4


def weights(layer: torch.nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """As they are used."""
    assert isinstance(layer.weight, torch.Tensor)
    return layer.weight, layer.get_parameter("bias")


def four_by_four(kernel: torch.Tensor) -> torch.Tensor:
    """The sum of a kernel of 3x3 at each of its four places in 4x4."""
    padded = F.pad(kernel, (1, 1, 1, 1))
    return padded[:, :, 1:, 1:] + padded[:, :, :-1, 1:] + padded[:, :, 1:, :-1] + padded[:, :, :-1, :-1]
