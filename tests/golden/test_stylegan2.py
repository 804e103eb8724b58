"""StyleGAN2's layers and mapping against numbers from the authors' own code."""

from __future__ import annotations

import math

import pytest
import torch
from support.case import Case, put, raw
from support.pggan import component
from support.stylegan2 import fill_mapping, generator
from torch import nn

from gankit import BuildContext
from gankit.networks.filters import fir
from gankit.networks.growing import ImageShape
from gankit.networks.layers import Bias, Chain, Condition, conv, dense
from gankit_stylegan2.modules import GainedLeakyReLU, MixedStyles, down_conv, modulated_conv

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


@DTYPES
def test_bias_and_activation(dtype: torch.dtype) -> None:
    """The other activations of the file are in none of StyleGAN2's networks."""
    case = Case("sg2_bias_act", dtype)
    bias = Bias(4).to(dtype)
    put(bias.bias, case["in.b"])
    case.check("out.linear", bias(case["in.x"]))
    case.check("out.lrelu", GainedLeakyReLU()(bias(case["in.x"])))
    case.check_complete("out.relu", "out.tanh", "out.swish")


@DTYPES
def test_equalized_layers(dtype: torch.dtype) -> None:
    """A gain of 1 under the equalized norm is the authors' scale, a multiplier reaches the bias too."""
    case = Case("sg2_equalized_layers", dtype)
    made = {
        "fc0": Chain(layer=dense(6, 5, gain=1.0, lr_multiplier=0.01), act=GainedLeakyReLU()),
        "fc1": Chain(layer=dense(6, 4, gain=1.0)),
        "conv0": Chain(layer=conv(4, 5, gain=1.0), act=GainedLeakyReLU()),
        "conv1": Chain(**dict(down_conv(3, 4, (1, 3, 3, 1)).named_children()), act=GainedLeakyReLU()),
    }
    for name, chain in made.items():
        layer = chain.get_submodule("conv" if name == "conv1" else "layer")
        component("norm", "equalized").apply(layer)
        chain.to(dtype)
        put(raw(layer, "weight"), case[f"w.{name}_weight"])
        put(raw(layer, "bias"), case[f"w.{name}_bias"])
        x = case[f"in.{name}_x"].requires_grad_()
        y = chain(x, Condition())
        case.check(f"out.{name}", y)
        learned = {"x": x, "weight": raw(layer, "weight"), "bias": raw(layer, "bias")}
        wanted = {part: tensor for part, tensor in learned.items() if f"grad.{name}_{part}" in case}
        gradients = torch.autograd.grad((y * case[f"in.{name}_cot"]).sum(), list(wanted.values()))
        for part, gradient in zip(wanted, gradients, strict=True):
            case.check(f"grad.{name}_{part}", gradient)
    case.check_complete()


@DTYPES
def test_modulated_convolution_and_its_gradients(dtype: torch.dtype) -> None:
    case = Case("sg2_modulated_conv", dtype)
    for number, args in enumerate(case.meta["args"]):
        x, weight, style = (case[f"{key}_{number}"].requires_grad_() for key in ("in.x", "w.weight", "in.styles"))
        kernel = fir(args["resample_filter"]) if args["up"] == 2 else None
        y = modulated_conv(x, weight, style, demodulate=args["demodulate"], kernel=kernel)
        y = y + case[f"in.noise_{number}"] if args["noise"] else y
        case.check(f"out.y_{number}", y)
        gradients = torch.autograd.grad((y * case[f"in.cot_{number}"]).sum(), (x, weight, style))
        for name, gradient in zip("xws", gradients, strict=True):
            case.check(f"grad.{name}_{number}", gradient)
    case.check_complete()


def test_each_sample_has_weights_of_norm_one() -> None:
    """Convolving each sample with its own weights, as the paper writes it, is the same."""
    torch.manual_seed(0)
    x, weight, style = (torch.randn(*size, dtype=torch.float64) for size in ((3, 4, 5, 5), (6, 4, 3, 3), (3, 4)))
    y = modulated_conv(x, weight, style)
    for each, own, maps in zip(x, style, y, strict=True):
        scaled = weight * own[:, None, None]
        scaled = scaled / (scaled.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        torch.testing.assert_close(nn.functional.conv2d(each[None], scaled, padding=1)[0], maps)


@DTYPES
def test_the_mapping_network(dtype: torch.dtype) -> None:
    case = Case("sg2_mapping", dtype)
    args = case.meta["args"]
    network = generator("skip", {4: 2}, args["z_dim"], args["w_dim"], args["num_layers"], ImageShape((4,), 3)).to(dtype)
    fill_mapping(case, network, "w.")
    mapping = network.mapping.eval()
    assert isinstance(mapping, MixedStyles)
    z, count = case["in.z"], args["num_ws"]
    styles = mapping(z, None, count)
    case.check("out.ws", styles)
    for psi, cutoff in ((0.7, None), (0.5, 2), (-1.0, 3), (0.0, None)):
        case.check(f"out.ws_psi{psi}_cut{cutoff}", mapping.truncated(styles, psi, cutoff))
    mapping.train()
    mapping(z, None, count)
    case.check("out.w_avg_after_1_train_forward", mapping.mean)
    mapping(z / 2, None, count)
    case.check("out.w_avg_after_2nd_with_half_z", mapping.mean)
    case.check_complete()


def test_a_label_joins_the_latent_as_a_vector_normalized_by_itself() -> None:
    torch.manual_seed(0)
    context = BuildContext("generator", 4, 0, 0, latent=6, classes=3)
    mapping = component("mapping", "stylegan2", layers=1, width=5).build(context)
    assert isinstance(mapping, MixedStyles)
    embedding, layer = mapping.network.embedding, mapping.network.layers[0]
    assert embedding is not None
    nn.init.normal_(embedding.bias)
    z, labels = torch.randn(2, 6), torch.tensor([2, 0])
    vectors = embedding.weight.t()[labels] + embedding.bias
    parts = [part / part.square().mean(1, keepdim=True).sqrt() for part in (z, vectors)]
    expected = nn.functional.leaky_relu(layer(torch.cat(parts, 1)), 0.2) * math.sqrt(2)
    torch.testing.assert_close(mapping.style(z, labels), expected)


@DTYPES
def test_minibatch_stddev_of_several_features(dtype: torch.dtype) -> None:
    case = Case("sg2_mbstd", dtype)
    for i in range(3):
        x = case[f"in.x_{i}"].requires_grad_()
        group = int(case[f"in.group_{i}"])
        features = int(case[f"in.num_features_{i}"])
        options = {"group": len(x) if group < 0 else group, "features": features}
        context = BuildContext("discriminator", 4, x.shape[1], x.shape[1])
        layer = component("regularizer", "minibatch-stddev", **options).layer(context)
        y = layer(x)
        assert y.shape[1] == layer.out_channels
        case.check(f"out.y_{i}", y[:, x.shape[1] :])
        case.check(f"grad.x_{i}", torch.autograd.grad((y * case[f"in.cot_{i}"]).sum(), x)[0])
    case.check_complete()
