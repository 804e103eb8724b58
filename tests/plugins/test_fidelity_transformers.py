"""CLIP and DINOv2 as extractors, with random weights from local files."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from support.tiny import CPU, tiny
from support.weights import dino_shapes, write_clip, write_dino
from torch_fidelity.feature_extractor_clip import MODEL_METADATA as CLIP_METADATA
from torch_fidelity.feature_extractor_clip import MODEL_URLS, FeatureExtractorCLIP
from torch_fidelity.feature_extractor_dinov2 import MODEL_METADATA as DINO_METADATA
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from gankit import UserError
from gankit.config.checks import problems
from gankit.evaluation.images import Features
from gankit_fidelity.pretrained import Clip, DinoV2
from gankit_fidelity.pretrained_modules import vision_transformer
from gankit_fidelity.weights import CLIP_MODELS, DINO_MODELS, DinoModel


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = write_clip(tmp_path_factory.mktemp("weights") / "clip.pt")
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def dino_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = write_dino(tmp_path_factory.mktemp("weights") / "dino.pth", DINO_MODELS["vit-s-14"])
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def dino(dino_file: Path) -> Callable[[torch.Tensor], Features]:
    return DinoV2(weights=dino_file).load(CPU)


def test_the_models_are_torch_fidelitys() -> None:
    assert get_args(Clip.model_fields["model"].annotation) == tuple(CLIP_MODELS)
    assert get_args(DinoV2.model_fields["model"].annotation) == tuple(DINO_MODELS)
    assert {f"clip-{name}": model.published(name).url for name, model in CLIP_MODELS.items()} == MODEL_URLS
    for name, model in CLIP_MODELS.items():
        assert model.published(name).file == f"clip-{name}-{CLIP_METADATA[f'clip-{name}']['hash']}.pt"
    assert {f"dinov2-{name}" for name in DINO_MODELS} == set(DINO_METADATA)
    for name, model in DINO_MODELS.items():
        assert model.published().file == f"{DINO_METADATA[f'dinov2-{name}']}_pretrain.pth"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")  # in torch-fidelity; ours says nothing
def test_clip_is_torch_fidelitys(clip_file: Path) -> None:
    images = noise(2, 3, 20, 30)
    with torch.random.fork_rng(), torch.no_grad():
        extractor = Clip(weights=clip_file)
        found = extractor.load(CPU)(images)
        theirs = FeatureExtractorCLIP("clip-vit-b-32", ["clip"], feature_extractor_weights_path=str(clip_file))
        (expected,) = theirs(images)
    assert expected.std() > 0.01
    torch.testing.assert_close(found.pooled, expected)
    assert found.logits.shape == (2, 0)
    assert extractor.identity() == f"clip-vit-b-32-{hashlib.sha256(clip_file.read_bytes()).hexdigest()[:12]}"
    assert extractor.resize == "bilinear to 224x224 as TensorFlow 1"


@pytest.mark.slow
def test_another_clip_than_the_one_named_is_refused(clip_file: Path) -> None:
    with torch.random.fork_rng(), pytest.raises(UserError, match=r"clip-vit-b-16 has 86,192,640 parameters .* 87,849,"):
        Clip(model="vit-b-16", weights=clip_file).load(CPU)


def test_another_dino_than_the_one_named_is_refused(dino_file: Path) -> None:
    with pytest.raises(UserError, match=r"no weights of DINOv2 as published: .*size mismatch"):
        DinoV2(model="vit-b-14", weights=dino_file).load(CPU)


def test_dino_sees_images_as_torch_fidelity_shows_them(
    dino: Callable[[torch.Tensor], Features], dino_file: Path
) -> None:
    images = noise(2, 3, 20, 30)
    shown = interpolate_bilinear_2d_like_tensorflow1x(images.float(), size=(224, 224), align_corners=False) / 255
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    expected = vision_transformer(DINO_MODELS["vit-s-14"], torch.load(dino_file))((shown - mean) / std)
    found = dino(images)
    assert expected.std() > 0.01
    torch.testing.assert_close(found.pooled, expected, rtol=1e-3, atol=1e-4)
    assert found.logits.shape == (2, 0)
    assert DinoV2(weights=dino_file).identity().startswith("dinov2-vit-s-14-")


@pytest.mark.parametrize(
    ("gated", "expected"),
    [
        (False, [-0.578078, -0.586737, 0.451228, 0.30816, 0.188292, -0.537583, -0.484778, 0.102264]),
        (True, [-0.854558, -0.042787, 0.526552, 0.25373, -0.223138, -0.566189, -0.650273, 0.147866]),
    ],
)
def test_the_transformer_is_the_authors(gated: bool, expected: list[float]) -> None:
    """Numbers of the authors' code (facebookresearch/dinov2, August 2025) with the same weights."""
    model = DinoModel("s", width=48, depth=2, heads=3, gated=gated)
    weights: dict[str, torch.Tensor] = {}
    for seed, (name, shape) in enumerate(sorted(dino_shapes(model).items())):
        is_first = name in ("cls_token", "pos_embed") or name.startswith("patch_embed")
        weights[name] = draws(shape, seed) * (0.01 if is_first else 1.0)  # small, so that norms' eps counts
    found = vision_transformer(model, weights)(draws((1, 3, 224, 224), seed=100))
    torch.testing.assert_close(found[0, ::6], torch.tensor(expected), rtol=1e-4, atol=1e-5)


def draws(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Numbers from -0.5 to 0.5 that are the same with every version of numpy."""
    bits = np.random.PCG64(seed).random_raw(int(np.prod(shape)))
    return torch.from_numpy((bits / 2**64 - 0.5).reshape(shape)).float()


def test_the_weights_are_looked_for_where_torch_puts_them(
    dino_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("gankit_fidelity.pretrained.answers", lambda url: False)
    experiment = tiny(evaluation={"extractor": "dinov2", "metrics": "fid", "images": 10})
    said = DinoV2().missing(experiment)
    there = tmp_path / "hub" / "checkpoints" / "dinov2_vits14_pretrain.pth"
    url = "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth"
    assert said is not None
    assert f"download {url} elsewhere and put it at {there}" in said
    assert "evaluation: {extractor: {use: dinov2, model: vit-s-14, weights: PATH}}" in said
    assert "gankit evaluate --extractor '{use: dinov2, model: vit-s-14, weights: PATH}'" in said
    other = tiny(evaluation={"extractor": {"use": "clip", "model": "rn50"}, "metrics": "fid", "images": 10})
    assert "extractor: {use: clip, model: rn50, weights: PATH}" in str(Clip(model="rn50").missing(other))
    assert Clip(model="rn50").missing(experiment) is None  # nothing looks through it
    there.parent.mkdir(parents=True)
    there.symlink_to(dino_file)
    assert DinoV2().missing(experiment) is None
    DinoV2().load(CPU)


def test_without_timm_dino_says_how_to_get_it(dino_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    extractor = DinoV2(weights=dino_file)
    said = "DINOv2 needs timm: pip install 'gankit[dinov2]'"
    assert extractor.missing(tiny(evaluation={"extractor": extractor, "metrics": "fid", "images": 10})) == said
    assert extractor.missing(tiny(evaluation={"extractor": extractor})) is None, "no metric looks at what it sees"
    with pytest.raises(UserError, match="needs timm"):
        extractor.load(CPU)


@pytest.mark.parametrize("extractor", ["clip", "dinov2"])
def test_metrics_that_need_classes_are_refused(extractor: str) -> None:
    asked = {
        "extractor": extractor,
        "metrics": [{"use": "is", "splits": 2}, "fid"],
        "quick": {"metrics": "mode-coverage"},
    }
    said = [message for path, message in problems(tiny(evaluation=asked | {"images": 10})) if path[-1] == "extractor"]
    assert len(said) == 2
    assert "knows no classes, but metric fidelity/is needs them" in said[0]
    assert "metric fidelity/mode-coverage" in said[1]
    assert not problems(tiny(evaluation={"extractor": extractor, "metrics": "fid", "images": 10}))


def test_files_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    for content in (None, {"fc": torch.zeros(2)}, [1]):
        if content is None:
            path.write_text("not found")
        else:
            torch.save(content, path)
        for extractor, title in ((Clip(weights=path), "CLIP"), (DinoV2(weights=path), "DINOv2")):
            with pytest.raises(UserError, match=rf"weights\.pt: these are no weights of {title} as published"):
                extractor.load(CPU)
