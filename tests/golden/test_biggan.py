"""BigGAN's networks at 32x32, composed as in an experiment and filled with the weights of a case."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.case import Case, put, raw
from torch import Tensor, nn

from gankit.config.experiment import DiscriminatorOptions, GeneratorOptions
from gankit.discovery.manager import plugins
from gankit.networks.discriminator import Discriminator
from gankit.networks.generator import Generator
from gankit.networks.growing import GrowingNetwork, ImageShape
from gankit_biggan.modules import non_orthogonality, regularized_weights
from gankit_sngan.modules import SpectralNorm

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
CLASSES, CHUNK, CLASS_VECTOR, CHANNELS = 3, 3, 5, 8
SHAPE = ImageShape((32,), 3, CLASSES)
LAST = {"gain": "weight", "bias": "bias"}
CONVOLUTIONS = {"conv1": "path.conv0", "conv2": "path.conv1", "conv_sc": "shortcut.conv"}


def generator() -> tuple[Generator, dict[str, nn.Module]]:
    """The generator, and its modules by the authors' names."""
    plugins.load_installed()
    options: dict[str, Any] = {
        "mapping": {"use": "hierarchical", "chunks": 4, "embedding": CLASS_VECTOR},
        "stem": {"use": "biggan/biggan", "inputs": CHUNK},
        "block": {8: "residual", 16: ["residual", "attention"], 32: "residual"},
        "rgb": "residual-rgb",
        "norm": ["spectral", "dense-conditional-batch"],
        "latent": 4 * CHUNK,
        "channels": CHANNELS,
        "output": "tanh",
    }
    network = Generator(GeneratorOptions.model_validate(options), SHAPE)
    modules = {"linear": network.stem.get_submodule("dense")}
    blocks = {"0.0": network.blocks["8"], "1.0": network.blocks["16"].get_submodule("0"), "2.0": network.blocks["32"]}
    for name, block in blocks.items():
        modules |= {f"blocks.{name}.{theirs}": block.get_submodule(ours) for theirs, ours in CONVOLUTIONS.items()}
        for theirs, ours in {"bn1": "path.norm0", "bn2": "path.norm1"}.items():
            norm = block.get_submodule(ours)
            modules[f"blocks.{name}.{theirs}.gain"] = norm.get_submodule("gamma")
            modules[f"blocks.{name}.{theirs}.bias"] = norm.get_submodule("beta")
    attention = network.blocks["16"].get_submodule("1")
    for theirs, ours in {"theta": "query", "phi": "key", "g": "value", "o": "output"}.items():
        modules[f"blocks.1.1.{theirs}"] = attention.get_submodule(ours)
    return network, modules | {"output_layer.2": network.rgb["32"].get_submodule("conv")}


def discriminator() -> tuple[Discriminator, dict[str, nn.Module]]:
    """The discriminator, and its modules by the authors' names."""
    plugins.load_installed()
    block = {"use": "residual", "wide": True}
    options: dict[str, Any] = {"base": 8, "rgb": None, "block": block, "base_blocks": [block, block]}
    options |= {"norm": "spectral", "channels": CHANNELS, "head": "sngan/sngan"}
    network = Discriminator(DiscriminatorOptions.model_validate(options), SHAPE)
    blocks = {"0": network.blocks["32"], "1": network.blocks["16"]}
    blocks |= {"2": network.base_blocks.get_submodule("0"), "3": network.base_blocks.get_submodule("1")}
    modules = {
        f"blocks.{name}.0.{theirs}": block.get_submodule(ours)
        for name, block in blocks.items()
        for theirs, ours in CONVOLUTIONS.items()
        if theirs != "conv_sc" or name in "01"
    }
    score = network.head.get_submodule("score")
    return network, modules | {"linear": score.get_submodule("score"), "embed": score.get_submodule("embedding")}


def parameters(network: GrowingNetwork, modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    """All parameters by the authors' names."""
    found = {f"{name}.weight": raw(layer) for name, layer in modules.items()}
    biases = {f"{name}.bias": getattr(layer, "bias", None) for name, layer in modules.items()}
    found |= {name: bias for name, bias in biases.items() if isinstance(bias, Tensor)}
    if isinstance(network, Generator):
        last = network.rgb["32"].get_submodule("norm")
        found |= {f"output_layer.0.{theirs}": last.get_parameter(ours) for theirs, ours in LAST.items()}
        found["blocks.1.1.gamma"] = network.blocks["16"].get_submodule("1").get_parameter("gamma")
        found["shared.weight"] = network.mapping.get_parameter("label_vectors")
    assert {id(parameter) for parameter in found.values()} == {id(parameter) for parameter in network.parameters()}
    return found


def theirs_as_ours(name: str, weight: Tensor) -> Tensor:
    """Their linear layers of norms read the class's vector before the chunk of the latent."""
    if ".bn" not in name:
        return weight
    return torch.cat([weight[:, CLASS_VECTOR:], weight[:, :CLASS_VECTOR]], 1)


def fill(case: Case, letter: str, network: GrowingNetwork, modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Fill a network with the authors' weights and estimates."""
    network.to(case.dtype)
    found = parameters(network, modules)
    assert {f"w.{letter}.{name}" for name in found} == {key for key in case.arrays if key.startswith(f"w.{letter}.")}
    for name, parameter in found.items():
        put(parameter, theirs_as_ours(name, case[f"w.{letter}.{name}"]))
    for name, layer in modules.items():
        put(layer.get_buffer("parametrizations.weight.0.u"), case[f"in.{letter}.{name}.u0"])
    return found


@DTYPES
def test_both_networks_and_orthogonal_regularization(dtype: torch.dtype) -> None:
    """Their evaluation iterates once more from the stored estimates, as a pass in training does."""
    case = Case("biggan_32", dtype)
    network, modules = generator()
    found = fill(case, "G", network, modules)
    z, labels = case["in.z"].requires_grad_(), case["in.y"].long()
    images = network(z, labels)
    case.check("out.G_train", images)
    gradients = torch.autograd.grad((images * case["in.cot"]).sum(), [z, *found.values()])
    case.check("grad.z", gradients[0])
    for (name, parameter), gradient in zip(found.items(), gradients[1:], strict=True):
        assert gradient.shape == parameter.shape
        case.check(f"grad.G.{name}", ours_as_theirs(name, gradient))
    case.check("out.G_train_2nd", network(z * 0.5 + 0.1, labels))
    network.eval()
    for module in network.modules():
        if isinstance(module, SpectralNorm):
            module.train()
    case.check("out.G_eval", network(z, labels))
    orthogonality(case, network, found)

    critic, modules = discriminator()
    fill(case, "D", critic, modules)
    reals = case["in.x"].requires_grad_()
    score = critic(reals, labels).score
    case.check("out.D_train", score)
    case.check("grad.x", torch.autograd.grad(score.sum(), reals)[0])
    case.check("out.D_train_2nd", critic(reals, labels).score)
    case.check_complete()


def ours_as_theirs(name: str, weight: Tensor) -> Tensor:
    return torch.cat([weight[:, CHUNK:], weight[:, :CHUNK]], 1) if ".bn" in name else weight


def orthogonality(case: Case, network: Generator, found: dict[str, Tensor]) -> None:
    """They add half the gradient of equation 3, to all weights but the vectors of classes."""
    penalty = torch.stack([non_orthogonality(matrix) for matrix in regularized_weights(network)]).sum()
    names = [name for name, weight in found.items() if weight.dim() > 1 and name != "shared.weight"]
    for name, gradient in zip(names, torch.autograd.grad(penalty, [found[name] for name in names]), strict=True):
        case.check(f"grad.ortho.{name}", ours_as_theirs(name, gradient / 2))
    case.check("grad.ortho.shared.weight", torch.zeros_like(found["shared.weight"]))
