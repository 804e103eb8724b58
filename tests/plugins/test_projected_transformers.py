"""Vision transformers as frozen networks of projected discriminators; runs keep to the network they began with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.tiny import tiny, trainer
from support.weights import dino_shapes, randoms, write_dino
from torch import Tensor, nn

from gankit import BuildContext, UserError
from gankit.api.parts import part
from gankit.config.checks import missing, problems
from gankit.config.experiment import Experiment
from gankit_fidelity.pretrained_modules import vision_transformer
from gankit_fidelity.weights import DINO_MODELS, DinoModel
from gankit_projected.features import RandomFeatures
from gankit_projected.transformer_modules import ClipMaps, DinoMaps
from gankit_projected.transformers import ClipFeatures, DinoV2Features

pytest.importorskip("timm")
MEANS = {"dino": (0.485, 0.456, 0.406), "clip": (0.48145466, 0.4578275, 0.40821073)}
SPREADS = {"dino": (0.229, 0.224, 0.225), "clip": (0.26862954, 0.26130258, 0.27577711)}


def shown(images: Tensor, whom: str) -> Tensor:
    mean, spread = (torch.tensor(each[whom])[:, None, None] for each in (MEANS, SPREADS))
    return ((images + 1) / 2 - mean) / spread


def as_map(tokens: Tensor, side: int) -> Tensor:
    """Tokens [N, 1 + side x side, width], row by row after the first, as [N, width, side, side]."""
    return torch.stack([tokens[:, 1 + place] for place in range(side**2)], 2).reshape(len(tokens), -1, side, side)


def small_dino() -> nn.Module:
    model = DinoModel("s", width=24, depth=3, heads=3)
    draw = torch.Generator().manual_seed(0)
    weights = {name: torch.randn(shape, generator=draw) * 0.3 for name, shape in dino_shapes(model).items()}
    return vision_transformer(model, weights)


def test_dinos_maps_are_its_tokens_of_patches_after_the_norm() -> None:
    network: Any = small_dino()
    images = torch.randn(2, 3, 224, 224)
    tokens, expected = network._pos_embed(network.patch_embed(shown(images, "dino"))), list[Tensor]()
    for block in network.blocks:
        tokens = block(tokens)
        expected.append(network.norm(tokens))
    torch.testing.assert_close(expected[-1][:, 0], network(shown(images, "dino")))
    for found, number in zip(DinoMaps(network, [1, 3])(images), (0, 2), strict=True):
        torch.testing.assert_close(found, as_map(expected[number], 16), rtol=1e-4, atol=1e-5)


def test_clips_maps_are_its_tokens_of_patches() -> None:
    from torch_fidelity.feature_extractor_clip import CLIPVisual

    with torch.device("meta"):
        network: Any = CLIPVisual(16, 32, 3, 64, 8)  # of 64 channels, which is one head
    network.load_state_dict(randoms(network), assign=True)
    network = network.visual
    passed: list[Tensor] = []
    for block in network.transformer.resblocks:
        block.register_forward_hook(lambda _block, _given, made: passed.append(made))
    images = torch.randn(2, 3, 32, 32)
    network(shown(images, "clip"))
    expected = [each.transpose(0, 1) for each in passed]
    for found, number in zip(ClipMaps(network, [2, 3])(images), (1, 2), strict=True):
        torch.testing.assert_close(found, as_map(expected[number], 4), rtol=1e-4, atol=1e-5)


def test_a_critic_judges_what_dino_sees(tmp_path: Path) -> None:
    file = write_dino(tmp_path / "dino.pth", DINO_MODELS["vit-s-14"])
    features: dict[str, Any] = {"use": "dinov2", "weights": str(file), "blocks": [2, 1]}
    module = part("critic/projected", features=features, width=2, size=224, norm="spectral").build(
        BuildContext("discriminator", 16, 3, 1, resolutions=(16,), image_channels=3)
    )
    images = torch.randn(1, 3, 16, 16, requires_grad=True)
    scores = module(images)
    assert [each.shape for each in scores] == [(1, 16), (1, 16)]  # 16x16 maps, halved twice
    (gradient,) = torch.autograd.grad(torch.cat(scores).sum(), images)
    assert float(gradient.abs().min()) > 0
    (digest,) = [each for name, each in module.state_dict().items() if "features" in name]
    assert digest.dtype == torch.uint8


def test_blocks_are_evenly_spread_unless_named(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"1")
    named: dict[str, Any] = {"weights": tmp_path / "weights"}
    assert DinoV2Features(**named).taken == [3, 6, 9, 12]
    assert DinoV2Features(model="vit-g-14", **named).taken == [10, 20, 30, 40]
    assert ClipFeatures(model="vit-l-14", blocks=[24, 5], **named).taken == [5, 24]
    assert ClipFeatures(model="vit-l-14-336px", **named).size == 336
    first = ClipFeatures(**named).identity()
    assert first.startswith("clip-vit-b-32-")
    assert ClipFeatures(blocks=[1], **named).identity() != first
    (tmp_path / "weights").write_bytes(b"2")
    assert ClipFeatures(**named).identity() != first


SMALL: dict[str, Any] = {"use": "projected", "features": {"use": "random", "width": 4}, "width": 4, "size": 16}


def experiment(**critic: Any) -> Experiment:
    return tiny(discriminator=None, critics={"levels": SMALL | critic}, loss="hinge", regularizers=[])


def test_mistakes(tmp_path: Path) -> None:
    def said(**features: Any) -> str:
        found = problems(experiment(features={"weights": str(tmp_path / "none")} | features, size=256))
        return " ".join(message for _, message in found)

    assert "sees images of 224x224 alone" in said(use="dinov2")
    assert "CLIP has 12, and the 13th is asked for" in said(use="clip", blocks=[2, 13])
    lacking = missing(experiment(features={"use": "clip", "weights": str(tmp_path / "none")}, size=224))
    assert any(f"there is no file of weights {tmp_path / 'none'}" in message for _, message in lacking)


def test_a_run_goes_on_with_the_network_that_it_began_with_alone() -> None:
    begun = trainer(experiment())
    state = begun.state_dict()
    trainer(experiment()).load_state_dict(state)
    other = trainer(experiment(features={"use": "random", "width": 4, "number": 1}))
    with pytest.raises(UserError, match=r"another feature network, or other weights of it, than random-4-4-1"):
        other.load_state_dict(state)
    key = next(name for name in state["weights"]["discriminator"] if name.endswith("digest"))
    before = {name: each for name, each in state["weights"]["discriminator"].items() if name != key}
    trainer(experiment()).load_weights(
        state["weights"] | {"discriminator": before}
    )  # of a run from before it was noted
    other.load_fitting(state["weights"])
    kept = other.discriminator.state_dict()
    assert not torch.equal(kept[key], state["weights"]["discriminator"][key])
    assert RandomFeatures(width=4, number=1).identity() == "random-4-4-1"
