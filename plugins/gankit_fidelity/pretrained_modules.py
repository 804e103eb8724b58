"""Torch modules of published networks: from uint8 [N, 3, H, W] to features and logits."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from torch import Tensor, nn  # noqa: TID253
from torch.nn.utils.fusion import fuse_conv_bn_eval  # noqa: TID253
from torch_fidelity.feature_extractor_base import FeatureExtractorBase  # noqa: TID253
from torch_fidelity.feature_extractor_clip import FeatureExtractorCLIP  # noqa: TID253
from torch_fidelity.feature_extractor_dinov2 import FeatureExtractorDinoV2  # noqa: TID253
from torch_fidelity.feature_extractor_inceptionv3 import BasicConv2d, FeatureExtractorInceptionV3  # noqa: TID253

from gankit.evaluation.images import Features
from gankit_fidelity.modules import check_images
from gankit_fidelity.weights import DinoModel

PATCH = 14
"""Height and width of a patch that DINOv2 makes a token of, in pixels."""
SEEN_SIDE = 224
"""Height and width of the images that DINOv2 is shown here."""
TRAINED_SIDE = 518
"""Height and width of those that its training ended with."""
OFFSET = 0.1
"""Added by its authors to the number of patches along a side that positions are resized to."""
CPU_IMAGES = 8
"""Images that pass through InceptionV3 at a time on a CPU: what they leave behind stays in its caches."""
WIDE_CPU = torch.backends.cpu.get_cpu_capability() == "AVX512"
"""Whether it has wide registers. On one thread torch hands kernels of one pixel, of fewer than 16 images and without
dilation, to a library that does not use them on every such CPU, and is twice as slow there as that of all others."""


class InceptionNetwork(nn.Module):
    """torch-fidelity's InceptionV3, with its batch norms folded into its convolutions and channels innermost.

    2048 features, and the 1008 logits without their bias, as FID and IS use them.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        torch.load(weights, map_location="cpu", weights_only=True)  # refuses code, which the line below would run
        network = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=str(weights)
        )
        for module in network.modules():
            if isinstance(module, BasicConv2d):
                module.conv = fuse_conv_bn_eval(module.conv, module.bn)
                module.register_module("bn", nn.Identity())
        self.layers = nn.Sequential(*[layer for layer in network.children() if layer is not network.fc])
        self.classifier = network.fc
        convolutions = [module for module in self.layers.modules() if isinstance(module, nn.Conv2d)]
        self._pointwise = [each for each in convolutions if each.kernel_size == (1, 1)]
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, images: Tensor) -> Features:
        """Features [N, 2048] and logits [N, 1008] of images of any size."""
        check_images(images)
        on_cpu = images.device.type == "cpu"
        for conv in self._pointwise:
            conv.dilation = (2, 2) if on_cpu and WIDE_CPU else (1, 1)  # which is the same for a kernel of one pixel
        at_a_time = CPU_IMAGES if on_cpu else len(images)
        pooled = torch.cat([self._pooled(some) for some in images.split(max(1, at_a_time))])
        return Features(pooled, pooled @ self.classifier.weight.t())

    def _pooled(self, images: Tensor) -> Tensor:
        seen = resized_as_tensorflow((images.float() - 128) / 128, FeatureExtractorInceptionV3.INPUT_IMAGE_SIZE)
        return self.layers(seen.contiguous(memory_format=torch.channels_last)).flatten(1)


def resized_as_tensorflow(images: Tensor, size: int) -> Tensor:
    """Images [N, C, H, W] at size x size as TensorFlow 1 resized them: bilinear between corners, without smoothing.

    torch-fidelity's interpolate_bilinear_2d_like_tensorflow1x, one direction after the other.
    """
    for dimension in (2, 3):
        last = images.shape[dimension] - 1
        step = torch.tensor((last + 1) / size, dtype=torch.float32, device=images.device)
        places = torch.arange(size, dtype=torch.float32, device=images.device) * step
        before = places.long()
        share = places - before
        images = torch.lerp(
            images.index_select(dimension, before),
            images.index_select(dimension, (before + 1).clamp_max(last)),
            share[:, None] if dimension == 2 else share,
        )
    return images


class ClipNetwork(nn.Module):
    """torch-fidelity's CLIP."""

    def __init__(self, name: str, weights: Path, parameters: int) -> None:
        """Read `weights`.

        Raises:
            ValueError: if they are those of another model, which has not so many `parameters`.
        """
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch will drop TorchScript, in which CLIP is published
            self.network = FeatureExtractorCLIP(name, ["clip"], feature_extractor_weights_path=str(weights))
        found = sum(parameter.numel() for parameter in self.network.parameters())
        if found != parameters:
            raise ValueError(f"{name} has {parameters:,} parameters that see images, the file has {found:,}")

    def forward(self, images: Tensor) -> Features:
        """Features [N, D] of images of any size, and no logits: [N, 0]."""
        return unclassified(self.network, images)


class DinoNetwork(FeatureExtractorDinoV2):
    """torch-fidelity's DINOv2, but for the network itself, which torch-fidelity lets torch.hub download as code."""

    def __init__(self, model: DinoModel, weights: Path) -> None:
        FeatureExtractorBase.__init__(self, "dinov2", ["dinov2"])
        self.feature_extractor_internal_dtype = torch.float32
        found = torch.load(weights, map_location="cpu", weights_only=True)
        self.model = vision_transformer(model, {name: weight.float() for name, weight in found.items()})

    def forward(self, x: Tensor) -> Features:
        """Features [N, D] of images of any size, and no logits: [N, 0]."""
        return unclassified(super().forward, x)


def vision_transformer(model: DinoModel, weights: Mapping[str, Tensor]) -> nn.Module:
    """DINOv2 (Oquab et al. 2023) with weights as published: from [N, 3, 224, 224] to class tokens after the last norm.

    Raises:
        RuntimeError: if the weights are those of another network.
    """
    from timm.layers.mlp import SwiGLUPacked  # pyright: ignore[reportMissingImports]
    from timm.models.vision_transformer import VisionTransformer  # pyright: ignore[reportMissingImports]

    gated = {"mlp_ratio": 2.66667 * 2, "mlp_layer": SwiGLUPacked, "act_layer": nn.SiLU} if model.gated else {}
    with torch.device("meta"):  # draws no random weights
        network = VisionTransformer(
            SEEN_SIDE,
            PATCH,
            num_classes=0,
            embed_dim=model.width,
            depth=model.depth,
            num_heads=model.heads,
            init_values=1.0,
            **gated,
        )
    renamed = {
        name.replace("mlp.w12", "mlp.fc1").replace("mlp.w3", "mlp.fc2"): weight
        for name, weight in weights.items()
        if name != "mask_token"  # only training uses it
    }
    network.load_state_dict(renamed | {"pos_embed": resized_positions(weights["pos_embed"])}, assign=True)
    return network.eval().requires_grad_(False)


def resized_positions(trained: Tensor) -> Tensor:
    """What stands for the places of class token and patches, [1, 1 + patches, width], at the size that is shown.

    As the authors resize them, which is not how timm does.
    """
    side = TRAINED_SIDE // PATCH
    scale = (SEEN_SIDE // PATCH + OFFSET) / side
    square = trained[:, 1:].unflatten(1, (side, side)).permute(0, 3, 1, 2)
    resized = F.interpolate(square, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat([trained[:, :1], resized.flatten(2).transpose(1, 2)], 1)


def unclassified(network: Callable[[Tensor], tuple[Tensor, ...]], images: Tensor) -> Features:
    """What a network of torch-fidelity sees that knows no classes."""
    check_images(images)
    (pooled,) = network(images)
    return Features(pooled, pooled.new_empty(len(pooled), 0))
