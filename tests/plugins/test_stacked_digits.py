"""Stacked digits: known modes, and all of them counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.tiny import CPU, tiny

from gankit.config.checks import problems
from gankit.core.progress import Progress
from gankit.data.images import Batch, RealImages
from gankit.evaluation.evaluator import Evaluator
from gankit_images.datasets import Digits, StackedDigits


def test_each_channel_shows_a_digit_and_the_label_reads_them() -> None:
    images, labels = StackedDigits(images=500, labels=True).load(8)
    digits, classes = Digits(labels=True).load(8)
    assert labels is not None
    assert classes is not None
    assert images.shape == (500, 3, 8, 8)
    number = {image.tobytes(): label for image, label in zip(digits[:, 0], classes, strict=True)}
    read = [int("".join(str(number[channel.tobytes()]) for channel in image)) for image in images]
    assert read == labels.tolist()
    again, _ = StackedDigits(images=500).load(8)
    np.testing.assert_array_equal(images, again)
    assert (StackedDigits(images=500, seed=1).load(8).images != images).any()


@pytest.mark.slow
def test_all_modes_are_found_in_the_data_and_few_in_a_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    metric = {"use": "mode-coverage", "stacked": True}
    experiment = tiny(
        data={"use": "stacked-digits", "images": 12_000, "labels": True},
        regularizers="auxiliary-classifier",
        evaluation={"metrics": metric, "extractor": "digits", "images": 6000},
    )
    assert not problems(experiment)
    reals = RealImages(experiment.data, [16])
    assert reals.labels is not None
    low = np.flatnonzero(reals.labels < 100)

    class Some:
        network = None

        def __init__(self, chosen: np.ndarray) -> None:
            self.chosen = chosen

        def sample(self, first: int, count: int, seed: int) -> Batch:
            return reals.take(16, np.take(self.chosen, range(first, first + count), mode="wrap"), CPU)

    def modes(chosen: np.ndarray) -> float:
        rows = Evaluator(experiment.evaluation, reals, CPU).evaluate(Some(chosen), Progress(0, 1, 1, 1, 16, 1.0, 0))
        return next(row.value for row in rows if row.name == "modes")

    assert modes(np.arange(12_000)) > 980
    assert 95 <= modes(low) <= 200
