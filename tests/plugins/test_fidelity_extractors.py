"""InceptionV3 as an extractor: where its weights come from; and what every extractor refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.tiny import CPU, tiny
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3, FeatureExtractorInceptionV3

from gankit import Extractor, UserError
from gankit.data import RealImages
from gankit.evaluation.evaluator import Evaluator
from gankit.evaluation.samples import Features
from gankit.observing import Progress
from gankit_fidelity.extractors import INCEPTION_FILE, INCEPTION_URL, Digits, FashionMnist, Inception, hub_folder


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def missing(extractor: Extractor, **evaluation: Any) -> str | None:
    """What the extractor lacks here for an experiment that uses it."""
    options = {"extractor": extractor, "metrics": "fid", "images": 10} | evaluation
    return extractor.missing(tiny(evaluation=options))


# --- InceptionV3 ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file like the published one, of random weights."""
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save({}, path)
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.manual_seed(0)
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def inception(weights: Path) -> Callable[[torch.Tensor], Features]:
    with torch.random.fork_rng():
        return Inception(weights=weights).load(CPU)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No weights in torch's cache, and a network on which nobody answers; the cache's folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "torch" / "hub" / "checkpoints"


def test_features_are_torch_fidelitys(weights: Path, inception: Callable[[torch.Tensor], Features]) -> None:
    images = noise(2, 3, 20, 20)
    layers = ["logits_unbiased", "2048"]
    theirs = FeatureExtractorInceptionV3("inception-v3-compat", layers, feature_extractor_weights_path=str(weights))
    logits, pooled = theirs(images)

    with torch.no_grad():
        ours = inception(images)

    assert pooled.std() > 0
    torch.testing.assert_close(ours.pooled, pooled, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.logits, logits, rtol=1e-4, atol=1e-5)


def test_inception_measures_an_experiment(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    extractor = {"use": "inception", "weights": str(weights)}
    experiment = tiny(evaluation={"metrics": {"use": "is", "splits": 2}, "extractor": extractor, "images": 4})
    assert not experiment.evaluation.extractor.missing(experiment)
    reals = RealImages(experiment.data, [4, 8])

    before = torch.get_rng_state()
    measured = Evaluator(experiment, reals, CPU)
    rows = measured.evaluate(
        lambda first, count: reals.take(8, np.arange(first, first + count), CPU), Progress(96, 96, 2, 2, 8, 1.0)
    )

    assert torch.equal(before, torch.get_rng_state())
    assert [row.name for row in rows] == ["is", "is_std"]
    assert np.isfinite(rows[0].value)
    assert rows[0].protocol is not None
    assert rows[0].protocol["extractor"] == f"inception-v3-{hashlib.sha256(weights.read_bytes()).hexdigest()[:12]}"


def test_the_weights_are_looked_for_where_torch_puts_them(weights: Path, offline: Path) -> None:
    assert hub_folder() == Path(torch.hub.get_dir()) == offline.parent
    assert INCEPTION_URL == URL_INCEPTION_V3
    offline.mkdir(parents=True)
    (offline / INCEPTION_FILE).symlink_to(weights)
    assert not missing(Inception())
    assert Inception().identity() == Inception(weights=weights).identity()
    Inception().load(CPU)


def test_torchs_folder_is_found_by_every_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for variables in ({"TORCH_HOME": "~/somewhere"}, {"XDG_CACHE_HOME": "/elsewhere"}, {}):
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


def test_without_metrics_no_weights_are_missed(offline: Path) -> None:
    assert not missing(Inception(), metrics=[])


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
