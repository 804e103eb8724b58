"""Files like those that are published, of random weights."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_clip import CLIPVisual
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from gankit_fidelity.vision_transformer import VisionTransformer
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
    with torch.device("meta"):
        network = VisionTransformer(model)
    torch.save(randoms(network), path)
    return path


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
