"""InceptionV3 as an extractor: where its weights come from; and what every extractor refuses."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from PIL import Image
from support.tiny import CPU, tiny
from support.weights import write_inception
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from gankit import Extractor, UserError
from gankit.cli import main
from gankit.data.images import images_at_a_time
from gankit.evaluation.images import Features
from gankit_fidelity import pretrained_modules
from gankit_fidelity.extractors import Digits, FashionMnist, TrainedClassifier
from gankit_fidelity.pretrained import Inception
from gankit_fidelity.pretrained_modules import resized_as_tensorflow
from gankit_fidelity.weights import INCEPTION_FILE, INCEPTION_URL, hub_folder


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def missing(extractor: Extractor, **evaluation: Any) -> str | None:
    """What the extractor lacks here for an experiment that uses it."""
    options = {"extractor": extractor, "metrics": "fid", "images": 10} | evaluation
    return extractor.missing(tiny(evaluation=options))


# --- InceptionV3 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file like the published one, of random weights."""
    path = write_inception(tmp_path_factory.mktemp("weights") / "random.pth")
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def inception(weights: Path) -> Callable[[torch.Tensor], Features]:
    with torch.random.fork_rng():
        return Inception(weights=weights).load(CPU)


@pytest.fixture(scope="session")
def theirs(weights: Path) -> FeatureExtractorInceptionV3:
    """What torch-fidelity makes of the same weights."""
    layers = ["logits_unbiased", "2048"]
    with torch.random.fork_rng():
        return FeatureExtractorInceptionV3("inception-v3-compat", layers, feature_extractor_weights_path=str(weights))


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights in torch's cache, and a network on which nobody answers; the cache's folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "torch" / "hub" / "checkpoints"


def test_features_are_torch_fidelitys(
    theirs: FeatureExtractorInceptionV3,
    inception: Callable[[torch.Tensor], Features],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pretrained_modules, "CPU_IMAGES", 2)
    for images in (noise(3, 3, 20, 20), noise(1, 3, 400, 350)):
        with torch.no_grad():
            logits, pooled = theirs(images)
            ours = inception(images)
        assert ours.pooled.shape == (len(images), 2048)
        assert ours.logits.shape == (len(images), 1008)
        assert pooled.std() > 0.1
        for mine, expected in ((ours.pooled, pooled), (ours.logits, logits)):
            torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-5 * expected.abs().mean().item())


@pytest.mark.parametrize("shape", [(1, 1), (8, 32), (32, 8), (64, 64), (299, 299), (400, 700)])
def test_images_are_resized_as_torch_fidelity_does(shape: tuple[int, int]) -> None:
    images = noise(2, 3, *shape).float()
    expected = interpolate_bilinear_2d_like_tensorflow1x(images, size=(299, 299), align_corners=False)
    torch.testing.assert_close(resized_as_tensorflow(images, 299), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.slow
def test_inception_is_faster_than_torch_fidelitys(
    theirs: FeatureExtractorInceptionV3, inception: Callable[[torch.Tensor], Features]
) -> None:
    images = noise(images_at_a_time(32), 3, 32, 32)
    seconds: dict[object, list[float]] = {theirs: [], inception: []}
    with torch.no_grad():
        for _ in range(5):
            for extract, measured in seconds.items():
                start = time.perf_counter()
                extract(images)  # pyright: ignore[reportCallIssue]
                measured.append(time.perf_counter() - start)
    ratio = median(seconds[theirs]) / median(seconds[inception])
    print(f"{ratio:.2f} times as many images a second")
    assert ratio >= 1.8


@pytest.mark.slow
def test_inception_measures_images_from_the_command_line(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    for number, image in enumerate(noise(4, 16, 16, 3).numpy()):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    command = ["evaluate", str(tmp_path), "--data", str(tmp_path), "--metrics", "{use: is, splits: 2}", "--images", "4"]
    assert main([*command, "--extractor", f"{{use: inception, weights: '{weights}'}}", "--json"]) == 0
    said = capsys.readouterr().out
    assert f"inception-v3-{hashlib.sha256(weights.read_bytes()).hexdigest()[:12]}" in said
    assert "bilinear to 299x299 as TensorFlow 1" in said
    assert all(f'"{name}"' in said for name in ("is", "is_std"))


def test_the_weights_are_looked_for_where_torch_puts_them(weights: Path, offline: Path) -> None:
    assert hub_folder() == Path(torch.hub.get_dir()) == offline.parent
    assert INCEPTION_URL == URL_INCEPTION_V3
    offline.mkdir(parents=True)
    (offline / INCEPTION_FILE).symlink_to(weights)
    assert not missing(Inception())
    assert Inception().identity() == Inception(weights=weights).identity()


def test_torchs_folder_is_found_by_every_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for variables in (
        {"TORCH_HOME": "~/somewhere"},
        {"TORCH_HOME": "~no-such-user/torch"},
        {"XDG_CACHE_HOME": "/elsewhere"},
        {"XDG_CACHE_HOME": "~no-such-user"},
        {},
    ):
        for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert hub_folder() == Path(torch.hub.get_dir())


def test_without_weights_and_network_the_way_to_get_them_is_told_at_once(offline: Path) -> None:
    said = missing(Inception())
    assert said is not None
    with pytest.raises(UserError) as at_start:
        Inception().load(CPU)
    for message in (said, str(at_start.value)):
        assert INCEPTION_URL in message
        assert str(offline / INCEPTION_FILE) in message
        assert "extractor: {use: inception, weights: PATH}" in message
    assert not (offline / INCEPTION_FILE).exists()


@pytest.mark.parametrize("extractor", [Inception, TrainedClassifier])
def test_weights_are_missed_only_where_a_metric_looks_at_features(
    offline: Path, tmp_path: Path, extractor: type[Inception | TrainedClassifier]
) -> None:
    absent = extractor(weights=tmp_path / "absent")
    assert missing(absent)
    assert missing(absent, metrics="swd", quick={"metrics": "fid"})
    assert missing(absent, metrics=[]) is None
    assert missing(absent, metrics=["swd", "ms-ssim"]) is None


def test_a_missing_file_of_weights_is_named(offline: Path, tmp_path: Path) -> None:
    gone = Inception(weights=tmp_path / "missing.pth")
    assert missing(gone) == f"there is no file of weights {tmp_path / 'missing.pth'}"
    with pytest.raises(UserError, match=r"no file of weights .*missing\.pth"):
        gone.load(CPU)


class Planted:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("planted"),)


@pytest.mark.parametrize("content", ["text", "other", "code"])
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth"
    if content == "text":
        path.write_text("not found")
    else:
        torch.save({"fc.weight": torch.zeros(2)} if content == "other" else Planted(), path)
    with pytest.raises(UserError, match=r"weights\.pth: these are no weights of InceptionV3"):
        Inception(weights=path).load(CPU)
    assert not Path("planted").exists()


# --- what all refuse --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "images",
    [torch.rand(2, 3, 16, 16), noise(2, 1, 16, 16), noise(2, 4, 16, 16), noise(3, 16, 16)],
    ids=["floats", "one channel", "four channels", "no batch"],
)
def test_extractors_refuse_what_they_would_measure_wrongly(
    inception: Callable[[torch.Tensor], Features], images: torch.Tensor
) -> None:
    for extract in (Digits().load(CPU), FashionMnist().load(CPU), inception):
        with pytest.raises(ValueError, match=r"expects images uint8 \[N, 3, H, W\]"):
            extract(images)
