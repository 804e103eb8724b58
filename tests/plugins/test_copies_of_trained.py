"""Copies of whatever was trained on are flagged: of held-out reals too where these are trained on, and mirrored."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from support.tiny import CPU, tiny

from gankit.api.measurement import FolderSampler
from gankit.core.progress import Progress
from gankit.data.images import Batch, RealImages
from gankit.evaluation.evaluator import Evaluator

NOW = Progress(0, 1, 1, 1, 16, 1.0, 0)


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@cache
def halves() -> tuple[RealImages, RealImages]:
    """Digits that are trained on, and as many that are not; neither has a test part."""
    trained, new = (RealImages(tiny().data, [16]) for _ in range(2))
    images = trained.at(16)
    order = np.random.default_rng(0).permutation(len(images))
    trained._levels, new._levels = ({16: images[some]} for some in np.array_split(order, 2))
    return trained, new


class Shown(FolderSampler):
    """Images of a data set, mirrored if asked for."""

    def __init__(self, images: RealImages, mirrored: bool = False) -> None:
        super().__init__(images, 16, CPU)
        self.mirrored = mirrored

    def sample(self, first: int, count: int, seed: int) -> Batch:
        images = super().sample(first, count, seed + 1).images  # another order than that by which reals are held out
        return Batch(images.flip(3) if self.mirrored else images)


def measured(
    source: Shown, images: int = 400, mirrors: bool = False, metric: str = "nearest-neighbor"
) -> dict[str, float]:
    options = tiny(evaluation={"metrics": metric, "extractor": "digits", "images": images}).evaluation
    rows = Evaluator(options, halves()[0], CPU, mirrors=mirrors).evaluate(source, NOW)
    return {row.name: row.value for row in rows}


@pytest.mark.parametrize("images", [100, 400, 880])
def test_a_copier_is_found_out_where_held_out_reals_are_trained_on(images: int) -> None:
    assert measured(Shown(halves()[0]), images) == {"nn_distance": 0, "nn_copies": 1}


def test_new_images_are_no_copies_of_reals_or_their_mirror_images() -> None:
    for mirrors in (False, True):
        found = measured(Shown(halves()[1]), 880, mirrors)
        assert found["nn_distance"] == pytest.approx(1, abs=0.07)
        assert found["nn_copies"] < 0.04  # of ten such halvings the mean is 0.017


def test_mirrored_copies_are_copies_where_training_mirrors() -> None:
    assert measured(Shown(halves()[0], mirrored=True), mirrors=True) == {"nn_distance": 0, "nn_copies": 1}
    assert measured(Shown(halves()[0], mirrored=True))["nn_copies"] < 0.3


def test_copies_of_all_that_was_trained_on_are_not_authentic() -> None:
    for mirrored in (False, True):
        assert measured(Shown(halves()[0], mirrored), 880, mirrored, "authenticity") == {"authenticity": 0}
        new = measured(Shown(halves()[1]), 880, mirrored, "authenticity")
        assert new["authenticity"] == pytest.approx(0.5, abs=0.06)


def test_a_run_that_mirrors_says_so_to_its_metrics(tmp_path: Path) -> None:
    from gankit.evaluation.pair import EvaluatorPair

    evaluation = {"metrics": "nearest-neighbor", "extractor": "digits", "images": 400, "quick": {"images": 400}}
    experiment = tiny(training={"mirror": True}, evaluation=evaluation)
    pair = EvaluatorPair(experiment, halves()[0], CPU)
    for full in (True, False):
        rows = pair.evaluate({"average": Shown(halves()[0], mirrored=True)}, NOW, full)
        assert [row.value for row in rows] == [0, 1]
