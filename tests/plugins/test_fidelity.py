"""FID and IS: against closed forms, against torch-fidelity's own road, and as rows of an evaluation."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from support.measuring import Made
from support.tiny import CPU, tiny
from torch import Tensor
from torch_fidelity import calculate_metrics, register_feature_extractor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

from gankit.core.progress import Progress
from gankit.data.images import RealImages, permutation
from gankit.discovery.manager import plugins
from gankit.evaluation.evaluator import Evaluator
from gankit.evaluation.passes import for_extractor
from gankit.evaluation.reference import split
from gankit.evaluation.statistics import Statistics
from gankit_fidelity.extractors import Digits
from gankit_fidelity.formulas import frechet_distance, inception_score
from gankit_fidelity.metrics import BlurredFrechetDistance


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def reals() -> RealImages:
    return RealImages(tiny().data, [4, 8, 16])


def evaluation(reals: RealImages, images: int, **options: Any) -> Evaluator:
    growth = {"use": "progressive", "start": 4, "final": 16, "images": 100}
    experiment = tiny(growth=growth, evaluation={"extractor": "digits", "images": images} | options)
    return Evaluator(experiment.evaluation, reals, CPU)


def values(evaluator: Evaluator, generate: Callable[[int, int], Tensor], resolution: int) -> dict[str, float]:
    rows = evaluator.evaluate(Made(generate), Progress(100, 100, 1, 1, resolution, 1.0, 100))
    return {row.name: row.value for row in rows}


def shown(reals: RealImages, chosen: np.ndarray, resolution: int = 16) -> Callable[[int, int], Tensor]:
    """A generator that gives reals."""
    return lambda first, count: reals.take(resolution, chosen[first : first + count], CPU).images


# --- the formula ------------------------------------------------------------------------------------------------------


def rotated(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """A matrix with these eigenvalues, and the same eigenvectors for every call of one seed."""
    vectors, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))
    return (vectors * values) @ vectors.T


@pytest.mark.parametrize("width", [1, 5, 64])
def test_fid_of_gaussians_is_the_closed_form(width: int) -> None:
    rng = np.random.default_rng(width)
    means, spectra = rng.standard_normal((2, width)), rng.uniform(0.1, 4, (2, width))
    one, other = (Statistics(100, mean, rotated(spectrum)) for mean, spectrum in zip(means, spectra, strict=True))
    expected = ((means[0] - means[1]) ** 2).sum() + ((np.sqrt(spectra[0]) - np.sqrt(spectra[1])) ** 2).sum()
    assert frechet_distance(one, other) == pytest.approx(expected, rel=1e-9)


def random_statistics(seed: int) -> Statistics:
    rng = np.random.default_rng(seed)
    return Statistics(100, rng.standard_normal(16), rotated(rng.uniform(0, 2, 16), seed))


@pytest.mark.parametrize("seed", range(8))
def test_formulas_are_torch_fidelitys_to_the_bit(seed: int) -> None:
    one, other = random_statistics(seed), random_statistics(seed + 1)
    theirs = [{"mu": each.mean, "sigma": each.covariance} for each in (one, other)]
    assert frechet_distance(one, other) == fid_statistics_to_metric(*theirs, verbose=False)[KEY_METRIC_FID]
    logits = torch.randn(40 + seed, 1 + seed, generator=torch.Generator().manual_seed(seed))
    score = isc_features_to_metric(logits, splits=1 + seed)
    assert inception_score(logits, 1 + seed) == (score[KEY_METRIC_ISC_MEAN], score[KEY_METRIC_ISC_STD])


def test_fid_is_symmetric_and_zero_on_itself() -> None:
    one, other = random_statistics(0), random_statistics(1)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-9)
    assert 0 <= frechet_distance(one, one) < 1e-9


def test_fid_is_never_negative() -> None:
    flat = [Statistics(9, np.zeros(8), rotated(np.r_[np.zeros(7), 1e3], seed)) for seed in range(8)]
    assert all(frechet_distance(one, one) >= 0 for one in flat)


@pytest.mark.parametrize("broken", ["mean", "covariance"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_fid_of_what_is_not_finite_is_nan(broken: str, value: float) -> None:
    one, other = random_statistics(0), random_statistics(1)
    getattr(other, broken).flat[3] = value
    assert math.isnan(frechet_distance(one, other))
    assert math.isnan(frechet_distance(other, one))


# --- torch-fidelity's own road ----------------------------------------------------------------------------------------


class DigitsInTorchFidelity(FeatureExtractorBase):
    """The digits extractor as torch-fidelity wants it, to send the same images down both roads."""

    def __init__(self, name: str, features_list: list[str], **others: Any) -> None:
        super().__init__(name, features_list)
        self.extract = Digits().load(CPU)

    def forward(self, input: Tensor) -> tuple[Tensor, ...]:
        seen = self.extract(input)._asdict()
        return tuple(seen[name] for name in self.features_list)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("pooled", "logits")

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "logits" if metric == "isc" else "pooled"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    @staticmethod
    def get_dummy_input_for_compile() -> Tensor:
        return torch.zeros(1, 3, 16, 16, dtype=torch.uint8)


class Bytes(torch.utils.data.Dataset[Tensor]):
    """Images as torch-fidelity takes them."""

    def __init__(self, images: Tensor) -> None:
        self.images = for_extractor(images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def test_fid_and_is_are_torch_fidelitys(reals: RealImages) -> None:
    size = 300
    noisy = reals.take(16, permutation(reals.count, 5)[:size], CPU).images
    noisy = noisy + 0.3 * torch.randn(noisy.shape, generator=torch.Generator().manual_seed(0))
    ours = values(evaluation(reals, size, metrics=["fid", "is"]), lambda first, count: noisy[first : first + count], 16)

    name = "gankit-digits-for-tests"
    register_feature_extractor(name, DigitsInTorchFidelity)
    reference = reals.take(16, split(reals, size, 0).reference.chosen, CPU).images
    with torch.random.fork_rng():
        theirs = calculate_metrics(
            **{"input1": Bytes(noisy), "input2": Bytes(reference), "fid": True, "isc": True},
            **{"feature_extractor": name, "cuda": False, "cache": False, "save_cpu_ram": True, "verbose": False},
        )

    assert ours["fid"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)  # its means are float32
    assert ours["is"] == pytest.approx(theirs["inception_score_mean"], rel=1e-6)
    assert ours["is_std"] == pytest.approx(theirs["inception_score_std"], rel=1e-4)


# --- in an evaluation -------------------------------------------------------------------------------------------------


def test_every_metric_and_floor_has_its_row(reals: RealImages) -> None:
    metrics = ["fid", "fid_full", "is", "fid_blurred", {"use": "fid_blurred", "sigma": 1}]
    everything = evaluation(reals, 200, metrics=metrics)
    rows = values(everything, shown(reals, split(reals, 200, 0).held_out.chosen, 8), 8)
    assert list(rows) == [
        *("fid", "fid_floor", "fid_full", "fid_full_floor", "is", "is_std"),
        *("fid_blurred_0.6", "fid_blurred_1"),
    ]
    assert rows["fid"] == pytest.approx(rows["fid_floor"])  # shown are the very reals that are held out
    assert rows["fid_full"] == pytest.approx(rows["fid_full_floor"])
    assert rows["fid_full"] > 10 * rows["fid"]
    assert rows["fid_blurred_1"] > 2 * rows["fid_blurred_0.6"] > 2 * rows["fid_floor"]
    assert 1 < rows["is"] < 10


def test_at_the_final_resolution_both_fids_are_one(reals: RealImages) -> None:
    rows = values(evaluation(reals, 200, metrics=["fid", "fid_full"]), shown(reals, np.arange(200)), 16)
    assert rows["fid"] == rows["fid_full"]
    assert rows["fid_floor"] == rows["fid_full_floor"]


def test_blurred_digits_stand_clearly_above_the_floor(reals: RealImages) -> None:
    metrics = ["fid", "fid_blurred", {"use": "fid_blurred", "sigma": 0.5}]
    rows = values(evaluation(reals, 898, metrics=metrics), shown(reals, np.arange(898)), 16)
    assert rows["fid_floor"] < 0.6
    assert rows["fid_blurred_0.5"] > 2 * rows["fid_floor"]
    assert rows["fid_blurred_0.6"] > 4 * rows["fid_floor"]


@pytest.mark.parametrize(("sigma", "size"), [(0.6, 16), (2.0, 16), (5.0, 4)])
def test_the_blur_is_scipys(sigma: float, size: int) -> None:
    images = torch.rand(3, 2, size, size, generator=torch.Generator().manual_seed(0))
    blurred = BlurredFrechetDistance(sigma=sigma).blurred(images)
    np.testing.assert_allclose(blurred, gaussian_filter(images.numpy(), (0, 0, sigma, sigma)), atol=1e-5)


def test_protocols_with_too_few_images_are_refused() -> None:
    for metric, images, said in (
        ("fid", 1, "at least 2"),
        ("fid_full", 1, "at least 2"),
        ("fid_blurred", 1, "at least 2"),
        ("is", 9, "9 images cannot be divided into 10 splits"),
        ({"use": "is", "splits": 20}, 19, "19 images cannot be divided into 20 splits"),
    ):
        for count in (images, images + 1):
            experiment = tiny(evaluation={"metrics": metric, "images": count, "extractor": "digits"})
            problems = " ".join(experiment.evaluation.metrics[0].problems(experiment))
            assert (said in problems) == (count == images)


def test_reals_are_seen_again_by_other_code_and_where_a_cpu_computes_otherwise(
    reals: RealImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept() -> int:
        values(evaluation(reals, 20, metrics=["fid"]), shown(reals, np.arange(20)), 16)
        return len(list((tmp_path / "cache").rglob("*.npz")))

    first = kept()
    assert first > 0
    assert kept() == first
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        assert kept() == 2 * first
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr(plugins, "origin", lambda name: SimpleNamespace(sha256="that of an edited plugin"))
    assert kept() == 3 * first


@pytest.mark.slow
def test_numbers_do_not_depend_on_the_order_of_sets() -> None:
    script = (
        "import sys, torch, numpy as np\n"
        "from gankit_fidelity.extractors import Digits\n"
        "from gankit_fidelity.metrics import FrechetDistance, InceptionScore\n"
        "from gankit.data.images import Batch\n"
        "from gankit.evaluation.images import Extraction, ImageSet, ImageSource, Samples\n"
        "def population(seed):\n"
        "    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1\n"
        "    return ImageSet(ImageSource(40, 8, lambda: map(Batch, images.split(16))), extraction)\n"
        "metrics = [FrechetDistance(), InceptionScore()]\n"
        "keep = frozenset().union(*(metric.needs for metric in metrics))\n"
        "extraction = Extraction(Digits().load(torch.device('cpu')), {}, keep)\n"
        "samples = Samples(population(0), population(1), population(1))\n"
        "torch.set_num_threads(1)\n"
        "print([metric.evaluate(samples) for metric in metrics])\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in range(6)  # between 0 and 3 torch-fidelity's own list of layers changes its order
    ]
    outputs = [process.communicate(timeout=300)[0] for process in running]
    assert outputs[0].startswith("[{'fid': ")
    assert len(set(outputs)) == 1
