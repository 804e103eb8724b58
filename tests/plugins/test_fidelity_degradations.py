"""FID through the digits extractor must rise with every way in which images can get worse."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from gankit.data import RealImages, to_network_range
from gankit.evaluation.evaluator import split
from gankit.evaluation.samples import for_extractor
from gankit.evaluation.statistics import RunningStatistics
from gankit_fidelity import extractors
from gankit_fidelity.metrics import frechet_distance
from gankit_images.datasets import Digits


@pytest.fixture(scope="module")
def features() -> dict[str, Tensor]:
    """Features of all digits, and of all of them degraded in each way."""
    reals = RealImages(Digits(), [2, 4, 8, 16])
    extract, digits = extractors.Digits().load(torch.device("cpu")), reals.at(16).astype(float)
    noise = np.random.default_rng(0).standard_normal(digits.shape)
    degraded = {"noise 0": digits, "blur 0": digits, "resolution 16": digits}
    degraded |= {f"noise {sigma}": digits + sigma * noise for sigma in (10, 20, 40, 80)}
    degraded |= {f"blur {sigma}": gaussian_filter(digits, (0, 0, sigma, sigma)) for sigma in (0.5, 0.75, 1, 1.5, 2)}
    for size in (2, 4, 8):
        degraded[f"resolution {size}"] = reals.at(size).repeat(16 // size, axis=2).repeat(16 // size, axis=3)
    with torch.no_grad():
        return {name: extract(for_extractor(to_network(images))).pooled for name, images in degraded.items()}


def to_network(images: np.ndarray) -> Tensor:
    return to_network_range(torch.from_numpy(images))


def fid(features: Tensor, chosen: np.ndarray, others: Tensor, reference: np.ndarray) -> float:
    both = []
    for seen, positions in ((features, chosen), (others, reference)):
        running = RunningStatistics()
        running.add(seen[positions.tolist()])
        both.append(running.result())
    return frechet_distance(*both)


def mean_fids(features: dict[str, Tensor], names: list[str]) -> list[float]:
    """FID of 898 held-out digits in each form, the mean over three splits."""
    splits = [split(1797, 898, seed) for seed in range(3)]
    return [
        float(np.mean([fid(features[name], s.held_out, features["noise 0"], s.reference) for s in splits]))
        for name in names
    ]


def rises(numbers: list[float]) -> bool:
    return all(low < high for low, high in pairwise(numbers))


@pytest.mark.parametrize(
    ("kind", "levels"),
    [("noise", [0, 10, 20, 40, 80]), ("blur", [0, 0.5, 0.75, 1, 1.5, 2]), ("resolution", [16, 8, 4, 2])],
)
def test_fid_rises_as_images_get_worse(features: dict[str, Tensor], kind: str, levels: list[float]) -> None:
    fids = mean_fids(features, [f"{kind} {level}" for level in levels])
    assert rises(fids), fids
    assert fids[-1] > 50 * fids[0]


def chosen_fids(features: dict[str, Tensor], choices: list[Callable[[np.ndarray], np.ndarray]]) -> list[float]:
    """FID of a choice among 898 held-out digits, the mean over eight splits."""
    digits, splits = features["noise 0"], [split(1797, 898, seed) for seed in range(8)]
    return [
        float(np.mean([fid(digits, choose(s.held_out), digits, s.reference) for s in splits])) for choose in choices
    ]


def test_fid_rises_as_classes_are_dropped(features: dict[str, Tensor]) -> None:
    shown = Digits(labels=True).load(8).labels
    assert shown is not None
    choices = [lambda held, seen=shown, least=least: held[seen[held] >= least] for least in (0, 1, 2, 4, 6, 8, 9)]
    fids = chosen_fids(features, choices)
    assert rises(fids), fids


def test_fid_rises_as_images_repeat(features: dict[str, Tensor]) -> None:
    choices = [lambda held, unique=unique: held[np.arange(898) % unique] for unique in (898, 400, 200, 100, 50, 20, 5)]
    fids = chosen_fids(features, choices)
    assert rises(fids), fids
