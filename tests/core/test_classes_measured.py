"""How often a generator with classes is asked for each when it is measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.measuring import Brightness, at, evaluator, registered
from support.tiny import CPU
from torch import Tensor

from gankit import BuildContext, Dataset, LabelledImages, Metric, UserError
from gankit.core.registry import register
from gankit.data.images import Batch, RealImages
from gankit.evaluation.images import Samples
from gankit.kinds.callbacks import Row
from gankit.results.protocols import refuse_unlike_protocols
from gankit.results.run_results import RunResults, StageMetrics
from gankit.training.sampler import GeneratorSampler

LEVELS = [40, 200]
"""Of grey, by class."""


class DarkAndBright(Dataset):
    """So many images of each class, all of a class alike."""

    counts: tuple[int, int]

    def image_channels(self) -> int:
        return 1

    def class_count(self) -> int:
        return 2

    def class_names(self) -> tuple[str, ...]:
        return "dark", "bright"

    def load(self, resolution: int) -> LabelledImages:
        labels = np.repeat([0, 1], self.counts)
        levels = np.array(LEVELS, np.uint8)[labels]
        return LabelledImages(np.tile(levels[:, None, None, None], (1, 1, resolution, resolution)), labels)


class Perfect:
    """Stands for a generator: gives of each class what the data have of it."""

    context = BuildContext("generator", 8, 0, 0, latent=1, classes=2)
    resolution, scales = 8, None

    def map(self, z: Tensor, labels: Tensor) -> Tensor:
        return z

    def synthesize(self, styles: Tensor, labels: Tensor) -> Tensor:
        levels = torch.tensor(LEVELS)[labels] * (2 / 255) - 1
        return levels.view(-1, 1, 1, 1).expand(-1, 1, 8, 8)


class ShareOfBright(Metric):
    """How many of the generated images are of the second class."""

    def evaluate(self, samples: Samples) -> dict[str, float]:
        labels = samples.generated.labels
        assert labels is not None
        return {type(self).__name__.lower(): float(labels.mean())}


class ShareWhereEven(ShareOfBright):
    """The same for a metric that goes class by class."""

    per_class = True


class BrightnessOfEach(Metric):
    """How bright the images are of each class that there is, by its name."""

    needs = frozenset({"features"})
    per_class = True

    def evaluate(self, samples: Samples) -> dict[str, float]:
        labels, features = samples.generated.labels, samples.generated.features
        assert labels is not None
        return {
            f"brightness_{samples.class_names[label]}": float(features[torch.from_numpy(labels == label), 0].mean())
            for label in np.unique(labels)
        }


class FewBright:
    """Where dark images come from, and of a seed so many bright ones among them."""

    network = None

    def __init__(self, *bright: int) -> None:
        self.bright = bright

    def sample(self, first: int, count: int, seed: int) -> Batch:
        labels = (torch.arange(first, first + count) < self.bright[seed]).long()
        return Batch(Perfect().synthesize(labels, labels), labels)


@pytest.fixture(autouse=True)
def _registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    with registered():
        for component in (DarkAndBright, ShareOfBright, ShareWhereEven, BrightnessOfEach):
            register("test", component.__name__.lower(), component)
        yield


def measured(counts: tuple[int, int], **options: Any) -> dict[str, Row]:
    reals = RealImages(DarkAndBright(counts=counts), [8])
    metrics = Brightness(), ShareOfBright(), ShareWhereEven()
    measuring = evaluator(*metrics, reals=reals, **{"images": 179, **options})
    generator: Any = Perfect()
    return {row.name: row for row in measuring.evaluate(GeneratorSampler(generator, CPU), at(8))}


def asked(row: Row) -> str | None:
    assert row.protocol is not None
    return row.protocol.get("classes")


def test_a_perfect_generator_is_not_measured_by_the_imbalance_of_the_data() -> None:
    found = measured((170, 9))
    assert found["shareofbright"].value == pytest.approx(9 / 179, abs=0.03)
    assert abs(found["brightness"].value) < 5
    assert asked(found["brightness"]) == asked(found["shareofbright"]) == "as in the data"
    assert asked(found["brightness_floor"]) is None


def test_metrics_that_go_class_by_class_are_given_each_as_often() -> None:
    found = measured((170, 9))["sharewhereeven"]
    assert found.value == pytest.approx(0.5, abs=0.1)
    assert asked(found) is None


@pytest.mark.parametrize(
    ("bright", "options", "expected"),
    [
        ([8], {"bootstrap": 5}, {"bright", "dark", "bright_error", "dark_error"}),
        ([1], {"bootstrap": 5}, {"bright", "dark", "dark_error"}),  # which a resample may lack
        ([8, 8], {"seeds": 2}, {"bright", "dark", "bright_seeds_std", "dark_seeds_std"}),
        ([8, 0], {"seeds": 2}, {"dark", "dark_seeds_std"}),
    ],
)
def test_numbers_by_class_have_errors_where_each_resample_and_seed_has_the_class(
    bright: list[int], options: dict[str, int], expected: set[str]
) -> None:
    reals = RealImages(DarkAndBright(counts=(16, 16)), [8])
    measuring = evaluator(BrightnessOfEach(), reals=reals, images=16, **options)
    found = {row.name.removeprefix("brightness_"): row.value for row in measuring.evaluate(FewBright(*bright), at(8))}
    assert found.keys() == expected
    assert found["dark"] == LEVELS[0]


def test_each_class_comes_as_often_by_wish() -> None:
    found = measured((170, 9), classes="even")
    assert found["shareofbright"].value == found["sharewhereeven"].value
    assert asked(found["shareofbright"]) is None


def test_what_was_measured_of_balanced_data_before_is_what_is_measured_now() -> None:
    found = measured((90, 90))
    assert found["shareofbright"].value == measured((90, 90), classes="even")["shareofbright"].value
    assert asked(found["shareofbright"]) is None


def test_numbers_of_both_kinds_are_not_compared() -> None:
    runs = [
        RunResults(Path(name), [StageMetrics(96, 8, measured((170, 9), classes=name))]) for name in ("data", "even")
    ]
    with pytest.raises(UserError, match="classes: as in the data in data, none in even"):
        refuse_unlike_protocols(runs, ["shareofbright"])
    refuse_unlike_protocols(runs, ["sharewhereeven", "brightness_floor"])
