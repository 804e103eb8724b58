"""Files like those that are published, of random weights."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_clip import CLIPVisual
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from gankit_fidelity.weights import DinoModel


def write_inception(path: Path) -> Path:
    """InceptionV3, with batch norms that do something, as a state dict."""
    torch.save({}, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
    draw = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, generator=draw)
        if isinstance(module, nn.BatchNorm2d):
            for name, tensor in module.state_dict().items():
                if name in ("weight", "running_var"):
                    tensor.uniform_(0.8, 1.25, generator=draw)
                elif name in ("bias", "running_mean"):
                    tensor.normal_(0, 0.1, generator=draw)
    torch.save(network.state_dict(), path)
    return path


def write_dino(path: Path, model: DinoModel) -> Path:
    """DINOv2 as a state dict."""
    draw = torch.Generator().manual_seed(0)
    weights = {name: torch.randn(shape, generator=draw) * 0.05 for name, shape in dino_shapes(model).items()}
    torch.save(weights, path)
    return path


def dino_shapes(model: DinoModel) -> dict[str, tuple[int, ...]]:
    """The weights in a published file of DINOv2."""
    width, hidden = model.width, (4 * model.width * 2 // 3 + 7) // 8 * 8
    layers = {"attn.qkv": (width, 3 * width), "attn.proj": (width, width)}
    if model.gated:
        layers |= {"mlp.w12": (width, 2 * hidden), "mlp.w3": (hidden, width)}
    else:
        layers |= {"mlp.fc1": (width, 4 * width), "mlp.fc2": (4 * width, width)}
    block: dict[str, tuple[int, ...]] = {"ls1.gamma": (width,), "ls2.gamma": (width,)}
    block |= {f"{norm}.{part}": (width,) for norm in ("norm1", "norm2") for part in ("weight", "bias")}
    for name, (inputs, outputs) in layers.items():
        block |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
    return {
        "cls_token": (1, 1, width),
        "mask_token": (1, width),
        "pos_embed": (1, 1 + 37**2, width),
        "patch_embed.proj.weight": (width, 3, 14, 14),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
        **{f"blocks.{number}.{name}": shape for number in range(model.depth) for name, shape in block.items()},
    }


def write_clip(path: Path) -> Path:
    """CLIP's ViT-B/32 in float16 as a TorchScript archive, without the half that reads text."""
    with torch.device("meta"):
        network = CLIPVisual(512, 224, 12, 768, 32)
    archive = nn.Module()
    for name, weight in randoms(network).items():
        put(archive, name, weight.half())
    put(archive, "text_projection", torch.zeros(1, 512))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(archive), path)
    return path


def randoms(network: nn.Module) -> dict[str, Tensor]:
    """Weights for every parameter of a network on no device."""
    draw = torch.Generator().manual_seed(0)
    return {name: torch.randn(weight.shape, generator=draw) * 0.05 for name, weight in network.named_parameters()}


def put(module: nn.Module, name: str, weight: Tensor) -> None:
    """A parameter under a dotted name, with a module for every part of it."""
    *path, leaf = name.split(".")
    for part in path:
        if not hasattr(module, part):
            module.add_module(part, nn.Module())
        module = module.get_submodule(part)
    module.register_parameter(leaf, nn.Parameter(weight, requires_grad=False))
