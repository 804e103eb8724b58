"""StyleGAN2's networks, R1 and path length against numbers from the authors' own code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pytest
import torch
from support.case import Case, put, raw
from support.discriminators import own_discriminator
from support.pggan import component, parameters
from support.stylegan2 import block_of, discriminator, fill_discriminator, fill_generator, fill_mapping, generator
from torch import Tensor, nn

from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.training.step import Step
from gankit_stylegan.modules import Noise

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


@DTYPES
@pytest.mark.parametrize("name", ["sg2_synthesis_skip_16", "sg2_synthesis_resnet_8"])
def test_images_of_given_styles_and_their_gradient(name: str, dtype: torch.dtype) -> None:
    case = Case(name, dtype)
    args = case.meta["args"]
    final, width = args["img_resolution"], args["w_dim"]
    network = generator(args["architecture"], channels(args, final), width, width, 1, ImageShape((final,), 3)).to(dtype)
    fill_generator(case, network, "w.")
    assert network.styles == args["num_ws"]
    styles = case["in.ws"].requires_grad_()
    images = network.synthesize(styles)
    case.check("out.img_const", images)
    case.check("grad.ws_of_img_const", torch.autograd.grad((images * case["in.cot"]).sum(), styles)[0])
    for module in network.modules():
        if isinstance(module, Noise):
            put(module.weight, torch.zeros(1))
    case.check("out.img_none", network.synthesize(styles))
    case.check_complete()


def channels(args: Mapping[str, int], final: int) -> dict[int, int]:
    """The authors' rule."""
    resolutions = [4 << i for i in range((final // 4).bit_length())]
    return {resolution: min(args["channel_base"] // resolution, args["channel_max"]) for resolution in resolutions}


@DTYPES
def test_the_discriminator_and_r1(dtype: torch.dtype) -> None:
    case = Case("sg2_discriminator_resnet_16", dtype)
    args = case.meta["args"]
    network = discriminator("resnet", channels(args, 16), ImageShape((16,), 3)).to(dtype)
    fill_discriminator(case, network, "w.")
    step = Step("discriminator", (), unused_generator(), network, [], case["in.x"], None, lambda _: {})
    case.check("out.logits", step.on_real.score)
    gradient = step.gradient(step.on_real.score, step.real)
    case.check("grad.x_of_sum_logits", gradient)
    case.check("out.r1_penalty_per_sample", gradient.square().sum((1, 2, 3)))
    penalty = component("regularizer", "r1", gamma=5).discriminator(step)
    score, bias = raw(network.head.get_submodule("score")), network.head.get_parameter("conv.bias")
    check_gradients(case, "r1_gamma5.b4", penalty, {"out.weight": score, "conv.bias": bias})
    case.check_complete()


def unused_generator() -> Generator:
    return generator("orig", {4: 2}, 2, 2, 1, ImageShape((4,), 3))


def step(case: Case, phase: Literal["generator", "discriminator"], memory: dict[str, Tensor]) -> Step:
    """With the authors' two networks and latents, of which a smaller batch takes the first."""
    args, shape = case.meta["args"], ImageShape((8,), 3)
    widths = channels(args, 8)
    made_g = generator("skip", widths, args["w_dim"], args["w_dim"], args["num_mapping_layers"], shape)
    made_d = discriminator(args["d_architecture"], widths, shape)
    fill_mapping(case, made_g, "w.map.")
    fill_generator(case, made_g, "w.syn.")
    fill_discriminator(case, made_d, "w.D.")
    made = Step(phase, (), made_g.to(case.dtype), made_d.to(case.dtype), [], case["in.real"], None, lambda _: memory)
    made.z = case["in.z"]
    made.latents = lambda count: case["in.z"][:count]
    return made


def check_gradients(case: Case, key: str, value: Tensor, learned: Mapping[str, Tensor]) -> None:
    """An additive bias, say, has a gradient of zero in a penalty on gradients, where it takes no part."""
    gradients = torch.autograd.grad(value, list(learned.values()), retain_graph=True, materialize_grads=True)
    for name, gradient in zip(learned, gradients, strict=True):
        case.check(f"grad.{key}.{name}", gradient)


def of_generator(network: nn.Module) -> dict[str, Tensor]:
    stem = network.get_submodule("stem")
    return {
        "map.fc0.weight": raw(network.get_submodule("mapping.network.layers.0")),
        "syn.b4.const": stem.get_parameter("constant.constant"),
        "syn.b4.conv1.weight": raw(stem.get_submodule("conv.conv.conv")),
        "syn.b8.torgb.bias": network.get_parameter("rgb.8.bias.bias"),
        "syn.b4.conv1.affine.weight": raw(stem.get_submodule("conv.conv.affine")),
    }


@DTYPES
def test_all_four_updates(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss of either network, R1 and path length, those that are lazy as much stronger."""
    case = Case("sg2_losses", dtype)
    args, loss = case.meta["args"], component("loss", "non-saturating")
    memory = {"mean": case["in.pl_mean"]}
    generating = step(case, "generator", memory)
    case.check("out.img", generating.fake)
    case.check("out.fake_logits", generating.on_fake.score)
    value = loss.generator(generating.on_fake.score, None)
    case.check("out.loss_Gmain", value)
    check_gradients(case, "Gmain", value * args["gain"]["Gmain"], of_generator(generating.generator))

    monkeypatch.setattr(torch, "randn_like", lambda _: case["in.pl_noise"])
    options = {"weight": args["pl_weight"], "decay": args["pl_decay"], "shrink": args["pl_batch_shrink"]}
    lengths: list[Tensor] = []
    take_gradient = generating.gradient
    generating.gradient = lambda of, to: lengths.append(take_gradient(of, to)) or lengths[0]
    value = component("regularizer", "path-length", **options).generator(generating)
    case.check("out.pl_lengths", lengths[0].square().sum(2).mean(1).sqrt())
    case.check("out.pl_mean_after", memory["mean"])
    assert not memory["mean"].requires_grad
    check_gradients(case, "Greg", value * args["gain"]["Greg"], of_generator(generating.generator))

    judging = step(case, "discriminator", memory)
    learned = {
        "D.b8.conv0.weight": raw(block_of(own_discriminator(judging), 8).get_submodule("conv0")),
        "D.b4.out.weight": raw(judging.discriminator.get_submodule("head.score")),
        "D.b4.fc.bias": judging.discriminator.get_parameter("head.dense.bias"),
    }
    case.check("out.real_logits", judging.on_real.score)
    value = loss.discriminator(judging.on_real.score, judging.on_fake.score)
    case.check("out.loss_Dmain", value)
    check_gradients(case, "Dmain", value * args["gain"]["Dmain"], learned)
    penalty = component("regularizer", "r1", gamma=args["r1_gamma"]).discriminator(judging)
    gradient = judging.gradient(judging.on_real.score, judging.real)
    case.check("out.r1_penalty", gradient.square().sum((1, 2, 3)))
    check_gradients(case, "Dreg", penalty * args["gain"]["Dreg"], learned)
    case.check_complete()


def test_numbers_of_parameters_at_full_size() -> None:
    """Configuration F at 1024x1024: a generator of skips, a residual discriminator."""
    widths = channels({"channel_base": 32768, "channel_max": 512}, 1024)
    with torch.device("meta"):
        made_g = generator("skip", widths, 512, 512, 8, ImageShape((1024,), 3))
        made_d = discriminator("resnet", widths, ImageShape((1024,), 3))
    of_mapping, of_synthesis, of_discriminator, styles = Case("param_counts")["out.sg2_1024_configF"].tolist()
    assert parameters(made_g.mapping) == of_mapping
    assert parameters(made_g) == of_mapping + of_synthesis
    assert parameters(made_d) == of_discriminator
    assert made_g.styles == styles
