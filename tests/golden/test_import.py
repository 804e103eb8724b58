"""`gankit import` of what the authors' own code has, and the images that came of it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from support.authors import of_tensorflow, of_torch
from support.case import Case
from support.command import gankit_here
from support.pggan import component
from support.stylegan import add_noise
from support.stylegan2 import add_noise as add_constant_noise
from torch import Tensor

from gankit import BuildContext, load
from gankit.config.yaml.writer import dump
from gankit.generators.trained import TrainedGenerator
from gankit_pggan.weight_names import of_fused_up as fused_of_pggan
from gankit_stylegan.weight_names import of_fused_up as fused_of_stylegan

Weights: TypeAlias = Mapping[str, Tensor]
"""A state dict."""
NO_DATA = {"use": "folder", "path": "nowhere"}
"""Pictures in colour that are not here."""
PGGAN = {
    "generator": {
        "mapping": "normalized",
        "stem": "pggan",
        "block": "pggan/conv",
        "rgb": "rgb",
        "norm": ["equalized", "pixel"],
        "latent": 16,
        "channels": {4: 16, 16: 8},
    }
}
STYLEGAN = {
    "generator": {
        "mapping": {"use": "style", "layers": 3, "width": 8},
        "stem": "stylegan",
        "block": "stylegan/stylegan",
        "rgb": "rgb",
        "norm": ["equalized", "adaptive-instance"],
        "latent": 8,
        "channels": {4: 8},
    }
}
STYLEGAN2 = {
    "growth": {"use": "fixed", "resolution": 16, "images": 1000},
    "generator": {
        "mapping": {"use": "stylegan2", "layers": 2, "width": 10},
        "stem": "stylegan2",
        "block": "stylegan2/stylegan2",
        "rgb": "stylegan2-rgb",
        "join": "sum",
        "norm": "equalized",
        "latent": 8,
        "channels": {4: 12, 16: 8},
    },
}
R3GAN = {
    "growth": {"use": "fixed", "resolution": 8, "images": 1000},
    "generator": {
        "mapping": "label-embedding",
        "stem": "r3gan",
        "base_blocks": {"use": "r3gan", "depth": 1, "group_width": 8},
        "block": {"use": "r3gan", "depth": 1, "group_width": 4},
        "rgb": "r3gan-rgb",
        "latent": 6,
        "channels": {4: 8, 8: 6},
    },
}


def grown(final: int) -> dict[str, Any]:
    return {"growth": {"use": "progressive", "start": 4, "final": final, "images": 1000}}


def written(folder: Path, options: Mapping[str, Any]) -> Path:
    """The file of an experiment, with a critic that is never built."""
    critic = {"rgb": "rgb", "block": "pggan/conv", "head": "pggan/pggan", "channels": 4}
    whole = {"name": "theirs", "data": NO_DATA, "loss": "wgan", "discriminator": critic, **options}
    file = folder / "experiment.yaml"
    file.write_text(dump({**whole, "training": {"batch": 16}, "evaluation": {"metrics": []}}))
    return file


def imported(folder: Path, file: str, weights: Weights, options: Mapping[str, Any]) -> tuple[TrainedGenerator, str]:
    """The generator that is read from what the command has written, and what it has said."""
    tensors, path = {name: tensor.contiguous() for name, tensor in weights.items()}, folder / file
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    elif path.suffix == ".npz":
        np.savez(path, allow_pickle=False, **{name: tensor.numpy() for name, tensor in tensors.items()})
    else:
        torch.save(tensors, path)
    arguments = ["import", path, "--experiment", written(folder, options), "-o", "out.safetensors"]
    done = gankit_here(arguments, folder)
    assert done.returncode == 0, done.stderr
    return load(folder / "out.safetensors", device="cpu"), done.stderr


def test_pggan_at_every_level_of_detail(tmp_path: Path) -> None:
    case = Case("tf_pggan_G_16px", torch.float32)
    weights = {**of_tensorflow(case, "w.", "G_paper_1/"), "G_paper_1/lod": torch.zeros(())}
    generator, said = imported(tmp_path, "theirs.npz", weights, {**grown(16), **PGGAN})
    assert "wrote out.safetensors: the generator of PGGAN, 16x16, 3 channels" in said
    assert "left out, as nothing needs them: 1, such as G_paper_1/lod" in said
    for number, lod in enumerate(case["in.lods"].tolist()):
        shown = generator.at(resolution=16 >> int(lod), alpha=1 - lod % 1 if lod % 1 else 1.0)
        case.check(f"out.img_{number}", shown(case["in.z"]))
    case.check_complete()


def test_stylegan_truncated_towards_the_mean_of_its_styles(tmp_path: Path) -> None:
    case = Case("tf_stylegan_G_style", torch.float32)
    noise = {f"G_synthesis/noise{number}": case[f"in.noise{number}"] for number in range(4)}
    weights = {
        **of_tensorflow(case, "w."),
        "dlatent_avg": case["in.w_avg"],
        "G_synthesis/lod": torch.zeros(()),
        **noise,
    }
    generator, said = imported(tmp_path, "theirs.safetensors", weights, {**grown(8), **STYLEGAN})
    assert "nothing needs them: 5, such as G_synthesis/lod, G_synthesis/noise0" in said
    add_noise(case, generator.network)
    styles = generator.map(case["in.z"], truncation=0.7, cutoff=2)
    case.check("out.ws_truncated", styles)
    case.check("out.img_truncated", generator(case["in.z"], truncation=0.7, cutoff=2))


def test_a_generator_without_noise_has_no_place_for_its_strengths(tmp_path: Path) -> None:
    weights = {**of_tensorflow(Case("tf_stylegan_G_style", torch.float32), "w."), "dlatent_avg": torch.zeros(8)}
    np.savez(tmp_path / "theirs.npz", allow_pickle=False, **{name: tensor.numpy() for name, tensor in weights.items()})
    parts = {part: {"use": "stylegan/stylegan", "noise": False} for part in ("stem", "block")}
    file = written(tmp_path, {**grown(8), **STYLEGAN, "generator": {**STYLEGAN["generator"], **parts}})
    done = gankit_here(["import", "theirs.npz", "--experiment", file, "-o", "out.safetensors"], tmp_path)
    assert done.returncode == 2
    assert "unknown" in done.stderr
    assert "Noise/weight" in done.stderr


def test_stylegan2_from_latents_to_images(tmp_path: Path) -> None:
    mapping, synthesis = Case("sg2_mapping", torch.float32), Case("sg2_synthesis_skip_16", torch.float32)
    filters = {f"synthesis.b{r}{layer}.resample_filter": torch.ones(4, 4) for r in (4, 8) for layer in ("", ".conv0")}
    weights = {**of_torch(mapping, "w.", "mapping."), **of_torch(synthesis, "w.", "synthesis."), **filters}
    generator, _ = imported(tmp_path, "theirs.pt", weights, STYLEGAN2)
    mapping.check("out.ws", generator.map(mapping["in.z"]))
    mapping.check("out.ws_psi0.5_cut2", generator.map(mapping["in.z"], truncation=0.5, cutoff=2))
    synthesis.check("out.img_none", generator.synthesize(synthesis["in.ws"], noise="none"))
    add_constant_noise(synthesis, generator.network, "w.")
    synthesis.check("out.img_const", generator.synthesize(synthesis["in.ws"]))


@pytest.mark.parametrize("join", ["sum", "none"])
def test_stylegan2_of_residual_blocks(join: str, tmp_path: Path) -> None:
    """Which the authors' code joins with nothing; a join that needs more weights than there are is refused."""
    case = Case("sg2_synthesis_resnet_8", torch.float32)
    options = {
        "growth": {**STYLEGAN2["growth"], "resolution": 8},
        "generator": {
            **STYLEGAN2["generator"],
            "block": {"use": "stylegan2/stylegan2", "residual": True},
            "mapping": {"use": "stylegan2", "layers": 1, "width": 6},
            "join": join,
            "channels": 8,
        },
    }
    mapping = {
        "mapping.w_avg": torch.zeros(6),
        "mapping.fc0.weight": torch.eye(6, 8),
        "mapping.fc0.bias": torch.zeros(6),
    }
    weights = {**mapping, **of_torch(case, "w.", "synthesis.")}
    if join == "sum":
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, tmp_path / "theirs.safetensors")
        arguments = ["theirs.safetensors", "--experiment", written(tmp_path, options), "-o", "out.safetensors"]
        refused = gankit_here(["import", *arguments], tmp_path)
        assert refused.returncode == 2
        assert "4 are missing: synthesis.b4.torgb.weight, synthesis.b4.torgb.bias, ..." in refused.stderr
        return
    generator, _ = imported(tmp_path, "theirs.safetensors", weights, options)
    case.check("out.img_none", generator.synthesize(case["in.ws"], noise="none"))


def test_r3gan_below_what_its_module_is_called(tmp_path: Path) -> None:
    case = Case("r3gan_8px", torch.float32)
    weights = of_torch(case, "w.G.", "Model.") | {
        "Model.MainLayers.1.Layers.0.Resampler.Kernel": torch.ones(1, 1, 4, 4)
    }
    generator, _ = imported(tmp_path, "theirs.pth", weights, R3GAN)
    case.check("out.fake", generator(case["in.z"]))


def four_by_four(kernel: Tensor) -> Tensor:
    """The sum of a kernel of 3x3 at each of its four places in 4x4."""
    padded = F.pad(kernel, (1, 1, 1, 1))
    return padded[:, :, 1:, 1:] + padded[:, :, :-1, 1:] + padded[:, :, 1:, :-1] + padded[:, :, :-1, :-1]


@pytest.mark.parametrize(
    ("changed", "shape", "in_and_out"),
    [(fused_of_pggan, (3, 3, 5, 4), (3, 2)), (fused_of_stylegan, (3, 3, 4, 5), (2, 3))],
)
def test_a_convolution_that_goes_up_by_itself_is_turned(
    changed: Callable[[Tensor], Tensor], shape: tuple[int, ...], in_and_out: tuple[int, int]
) -> None:
    """From 4 to 5 maps, where TensorFlow's transposed convolution has the sum of the kernel at four places."""
    block = component("block", "pggan/conv").build(BuildContext("generator", 8, 4, 5, "up")).double()
    theirs, x = torch.randn(*shape, dtype=torch.float64), torch.randn(2, 4, 3, 3, dtype=torch.float64)
    with torch.no_grad():
        block.conv0.weight.copy_(changed(theirs))
    kernel = four_by_four(theirs.permute(*in_and_out, 0, 1))
    torch.testing.assert_close(block.conv0(x), F.conv_transpose2d(x, kernel, block.conv0.bias, 2, padding=1))
