"""PGGAN against numbers from the authors' own code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.case import Case, raw
from support.pggan import (
    component,
    discriminator,
    fill_discriminator,
    fill_generator,
    generator,
    grow_to_lod,
    parameters,
    unused_networks,
)

from gankit.growing import Moment, Stage, ends, moment
from gankit.training.step import Step

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
RESOLUTIONS = (4, 8, 16)


@DTYPES
def test_generator_images_at_every_level_of_detail(dtype: torch.dtype) -> None:
    case = Case("tf_pggan_G_16px", dtype)
    network = generator({4: 16, 16: 8}, 16, RESOLUTIONS).to(dtype)
    fill_generator(case, network)
    for i, lod in enumerate(case["in.lods"].tolist()):
        grow_to_lod(network, lod)
        case.check(f"out.img_{i}", network(case["in.z"]))


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
    assert "grad.x_3" in case.checked


@DTYPES
def test_wasserstein_step_with_gradient_penalty_and_drift(dtype: torch.dtype) -> None:
    case = Case("tf_pggan_wgangp", dtype)
    network = discriminator({4: 8}, (4, 8)).to(dtype)
    fill_discriminator(case, network)
    step = Step("discriminator", (), unused_networks()[0], network, None, case["in.reals"], None, lambda _: {})
    step.fake = case["in.fakes"].clone().requires_grad_()
    step.per_sample = lambda draw, *shape: case["in.mix"]
    loss = component("loss", "wgan").discriminator(step.on_real.score, step.on_fake.score)
    loss = loss + component("regularizer", "gradient-penalty").discriminator(step)
    loss = loss + component("regularizer", "drift").discriminator(step)
    case.check("out.d_loss_mean", loss)
    case.check("out.real_scores", step.on_real.score)
    case.check("out.fake_scores", step.on_fake.score)
    loss.backward(inputs=list(network.parameters()))
    layers = {f"8x8.Conv{i}": network.get_submodule(f"blocks.8.conv{i}") for i in (0, 1)}
    layers |= {f"4x4.{name}": network.head.get_submodule(name.lower()) for name in ("Conv", "Dense0", "Dense1")}
    layers["FromRGB_lod0"] = network.rgb["8"].get_submodule("conv")
    for key, layer in layers.items():
        case.check(f"grad.D.{key}.weight", gradient(raw(layer)))
        case.check(f"grad.D.{key}.bias", gradient(raw(layer, "bias")))
    fakes = case["in.fakes"].clone().requires_grad_()
    generator_loss = component("loss", "wgan").generator(network(fakes).score, None)
    case.check("grad.fakes_of_mean_g_loss", torch.autograd.grad(generator_loss, fakes)[0])


def gradient(parameter: torch.Tensor) -> torch.Tensor:
    assert parameter.grad is not None
    return parameter.grad


@DTYPES
def test_minibatch_stddev(dtype: torch.dtype) -> None:
    case = Case("tf_pggan_mbstd", dtype)
    for i in range(3):
        x = case[f"in.x_{i}"].requires_grad_()
        layer = component("regularizer", "minibatch-stddev", group=int(case[f"in.group_{i}"])).layer(place(x.shape[1]))
        y = layer(x)
        case.check(f"out.y_{i}", y[:, x.shape[1] :])
        case.check(f"grad.x_{i}", torch.autograd.grad((y * case[f"in.cot_{i}"]).sum(), x)[0])


def place(channels: int):
    from gankit import Place

    return Place("discriminator", 4, channels, channels)


def test_minibatch_stddev_is_not_the_known_wrong_one() -> None:
    case = Case("ganzoo_mbstd")
    for i in range(2):
        x = case[f"in.x_{i}"]
        layer = component("regularizer", "minibatch-stddev", group=int(case[f"in.group_{i}"])).layer(place(x.shape[1]))
        case.check(f"out.canonical_{i}", layer(x)[:, x.shape[1] :])
        case.check_differs(f"out.peer_{i}", layer(x)[:, x.shape[1] :])
    with pytest.raises(ValueError, match="a batch of 6 does not split into groups of 4"):
        component("regularizer", "minibatch-stddev").layer(place(4))(case["in.x_2"])


@DTYPES
def test_equalized_learning_rate_leaves_the_bias_alone(dtype: torch.dtype) -> None:
    from support.case import load_layer

    from gankit.layers import conv, dense, double
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


def test_parameter_counts_at_full_size() -> None:
    for resolution, _, base, most, of_generator, of_discriminator in Case("param_counts")["out.pggan"].long().tolist():
        resolutions = tuple(4 << i for i in range((resolution // 4).bit_length()))
        channels = {r: min(base * 2 // r, most) for r in resolutions}
        assert parameters(generator(channels, 512, resolutions)) == of_generator
        assert parameters(discriminator(channels, resolutions)) == of_discriminator


def progressive(final: int, images: dict[int, int], **options: object) -> list[Stage]:
    return component("growth", "progressive", start=4, final=final, images=images, **options).stages()


@pytest.mark.parametrize(("schedule", "final"), [("v2_1gpu_1024", 1024), ("default_32", 32)])
def test_schedule_is_the_papers(schedule: str, final: int) -> None:
    case = Case("tf_pggan_schedule")
    stages = progressive(final, {4: 600_000, 8: 1_200_000}, fade=0.5)
    settings = case.meta["args"][schedule]
    batches = {int(k): v for k, v in settings.get("minibatch_dict", {}).items()}
    rates = {int(k): v for k, v in settings.get("G_lrate_dict", {}).items()}
    for row in case.arrays[f"sched.{schedule}"]:
        images, _, lod, alpha, resolution, batch, rate = row[:7]
        now = moment(stages, int(images))
        assert now.resolution == resolution
        assert now.alpha == pytest.approx(alpha, abs=1e-9)
        fading = np.log2(final / now.resolution) + (1 - now.alpha if now.alpha < 1 else 0)
        assert fading == pytest.approx(lod, abs=1e-9)
        if batches:
            from gankit import at

            assert at(batches | {1024: 4}, now.resolution) == batch
            assert at({4: 0.001} | rates, now.resolution) == rate


def test_optimizers_are_reset_when_the_authors_are() -> None:
    """The authors look at their schedule after every 64 images of this case, we after every batch."""
    case = Case("tf_pggan_opt_resets")
    stages = progressive(32, {4: 6_000, 8: 12_000})
    resets, before = [], None
    for images in range(0, int(case.arrays["sched.final"][1]), 64):
        now = moment(stages, images)
        if before is None or now.phase != before.phase:
            resets.append((images, now.resolution))
        before = now
    assert resets == [(row[1], row[3]) for row in case.arrays["sched.resets"]]


def test_stages_end_fully_grown_and_switch_at_once_without_a_fade() -> None:
    stages = progressive(16, {4: 100, 8: 300, 16: 200}, fade={8: 0.5, 16: 0})
    assert stages == [Stage(4, 100), Stage(8, 300, 150), Stage(16, 200)]
    assert ends(stages) == [100, 400, 600]
    assert moment(stages, 100) == Moment(0, 4, 1.0)
    assert moment(stages, 175) == Moment(1, 8, 0.5)
    assert moment(stages, 250) == Moment(1, 8, 1.0)
    assert moment(stages, 400) == Moment(2, 16, 1.0)
    assert moment(stages, 10_000) == Moment(2, 16, 1.0)
