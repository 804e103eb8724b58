"""FID class by class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.tiny import CPU, tiny
from torch import Tensor

from gankit.config.checks import problems
from gankit.core.progress import Progress
from gankit.data.images import Batch, RealImages
from gankit.evaluation.evaluator import Evaluator
from gankit.evaluation.reference import split

LABELLED = {"use": "digits", "labels": True}
NOW = Progress(0, 1, 1, 1, 8, 1.0, 0)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


class HeldOut:
    """Held-out digits, with their labels changed by a function."""

    network = None

    def __init__(self, reals: RealImages, change: Any) -> None:
        self.reals, self.change = reals, change
        self.chosen = split(reals, 800, 0).held_out.chosen

    def sample(self, first: int, count: int, seed: int) -> Batch:
        images, labels = self.reals.take(8, self.chosen[first : first + count], CPU)
        assert labels is not None
        return self.change(images, labels)


def evaluator_of(images: int) -> tuple[Evaluator, RealImages]:
    experiment = tiny(
        data=LABELLED,
        evaluation={"metrics": ["fid", {"use": "fid_intra"}], "extractor": "digits", "images": images},
    )
    reals = RealImages(experiment.data, [8])
    return Evaluator(experiment.evaluation, reals, CPU), reals


def measured(change: Any, images: int = 800) -> dict[str, float]:
    evaluator, reals = evaluator_of(images)
    return {row.name: row.value for row in evaluator.evaluate(HeldOut(reals, change), NOW)}


@pytest.mark.slow
def test_wrong_classes_are_seen_that_fid_is_blind_to() -> None:
    def shifted(images: Tensor, labels: Tensor) -> Batch:
        return Batch(images, (labels + 1) % 10)

    right, wrong = measured(Batch), measured(shifted)
    assert right["fid"] == wrong["fid"]
    assert right["fid_intra"] == pytest.approx(right["fid_intra_floor"], rel=1e-9)
    assert wrong["fid_intra"] > 5 * right["fid_intra"]


def test_it_is_the_mean_of_the_classes() -> None:
    from gankit.evaluation.images import Extraction, Features, ImageSet, ImageSource
    from gankit_fidelity.formulas import frechet_distance
    from gankit_fidelity.metrics import by_class

    rng = np.random.default_rng(0)
    features, labels = torch.from_numpy(rng.normal(size=(90, 3))), torch.from_numpy(rng.integers(0, 3, 90))
    labels[0] = 7  # a class of a single image

    def batches() -> Iterator[Batch]:
        yield Batch(torch.zeros(90, 1, 2, 2), labels)

    extraction = Extraction(lambda images: Features(features, features), {}, frozenset({"features"}))
    found = by_class(ImageSet(ImageSource(90, 2, batches), extraction))
    assert set(found) == {0, 1, 2}
    some = features[labels == 1].numpy().astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(found[1].mean, some.mean(0))
    np.testing.assert_allclose(found[1].covariance, np.cov(some, rowvar=False), rtol=1e-9)
    assert frechet_distance(found[1], found[1]) == pytest.approx(0, abs=1e-9)


def test_data_without_labels_is_refused() -> None:
    evaluation = {"metrics": ["fid_intra"], "extractor": "digits", "images": 19}
    assert "data gives no labels" in problems(tiny(evaluation=evaluation))[0][1]
    found = problems(tiny(data=LABELLED, regularizers="auxiliary-classifier", evaluation=evaluation))
    assert "two images a class" in found[0][1]


def test_classes_of_too_few_images_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    one_missing = torch.arange(10).where(torch.arange(10) != 3, torch.tensor(4))
    found = measured(lambda images, labels: Batch(images, one_missing[labels]), 200)
    assert np.isfinite(found["fid_intra"])
    said = capsys.readouterr().err
    assert "fid_intra: of class 3 there are fewer than two images" in said
    assert "what is said is of the other classes" in said
    found = measured(lambda images, labels: Batch(images, torch.full_like(labels, 11)), 200)
    assert np.isnan(found["fid_intra"])
    assert "of each of the 11 classes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ... there" in (said := capsys.readouterr().err)
    assert "there is no other class, so it is NaN" in said


def test_they_are_named_once_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        evaluator, reals = evaluator_of(200)
        for _ in range(2):
            evaluator.evaluate(HeldOut(reals, lambda images, labels: Batch(images, labels * 0)), NOW)
        assert capsys.readouterr().err.count("fid_intra: of each of the 9 classes 1, 2,") == 1
