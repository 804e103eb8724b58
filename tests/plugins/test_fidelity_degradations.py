"""FID through the classifiers that come with gankit must rise with every way in which images can get worse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from support.tiny import tiny
from torch import Tensor

from gankit.data import reduced, to_network_range
from gankit.evaluation.evaluator import split
from gankit.evaluation.samples import for_extractor
from gankit.evaluation.statistics import RunningStatistics
from gankit_fidelity.extractors import BundledClassifier, Digits, FashionMnist
from gankit_fidelity.metrics import frechet_distance
from gankit_images import datasets

RESOLUTIONS = {"digits": [16, 8, 4, 2], "fashion-mnist": [32, 16, 8, 4]}


@dataclass(frozen=True)
class Material:
    """What a classifier sees in images, and in all of them degraded in each way."""

    features: dict[str, Tensor]
    classes: np.ndarray
    name: str

    @property
    def held_out(self) -> int:
        """How many images are compared with the others."""
        return len(self.classes) // 2


@pytest.fixture(scope="module", params=RESOLUTIONS)
def material(request: pytest.FixtureRequest) -> Material:
    """All digits, or 1,250 images of Fashion-MNIST's test split."""
    if request.param == "digits":
        return degraded(Digits(), *datasets.Digits(labels=True).load(16))
    clothing = datasets.FashionMnist(split="test", labels=True)
    reason = clothing.missing(tiny())
    if reason:
        pytest.skip(reason)
    images, classes = clothing.load(32)
    assert classes is not None
    return degraded(FashionMnist(), images[::8], classes[::8])


def degraded(classifier: BundledClassifier, originals: np.ndarray, classes: np.ndarray | None) -> Material:
    assert classes is not None
    extract, images = classifier.load(torch.device("cpu")), originals.astype(float)
    noise = np.random.default_rng(0).standard_normal(images.shape)
    size = images.shape[2]
    forms = {"noise 0": images, "blur 0": images, f"resolution {size}": images}
    forms |= {f"noise {sigma}": images + sigma * noise for sigma in (10, 20, 40, 80)}
    forms |= {f"blur {sigma}": gaussian_filter(images, (0, 0, sigma, sigma)) for sigma in (0.5, 0.75, 1, 1.5, 2)}
    for small in RESOLUTIONS[classifier.file.stem][1:]:
        factor = size // small
        forms[f"resolution {small}"] = reduced(originals, small).repeat(factor, axis=2).repeat(factor, axis=3)
    with torch.no_grad():
        features = {
            form: torch.cat([extract(for_extractor(batch)).pooled for batch in to_network(images).split(256)])
            for form, images in forms.items()
        }
    return Material(features, classes, classifier.file.stem)


def to_network(images: np.ndarray) -> Tensor:
    return to_network_range(torch.from_numpy(images))


def fid(features: Tensor, chosen: np.ndarray, others: Tensor, reference: np.ndarray) -> float:
    both = []
    for seen, positions in ((features, chosen), (others, reference)):
        running = RunningStatistics()
        running.add(seen[positions.tolist()])
        both.append(running.result())
    return frechet_distance(*both)


def mean_fids(material: Material, forms: list[str]) -> list[float]:
    """FID of half the images in each form, the mean over three splits."""
    features = material.features
    splits = [split(len(material.classes), material.held_out, seed) for seed in range(3)]
    return [
        float(np.mean([fid(features[form], s.held_out, features["noise 0"], s.reference) for s in splits]))
        for form in forms
    ]


def rises(numbers: list[float]) -> bool:
    return all(low < high for low, high in pairwise(numbers))


@pytest.mark.parametrize(
    ("kind", "levels"), [("noise", [0, 10, 20, 40, 80]), ("blur", [0, 0.5, 0.75, 1, 1.5, 2]), ("resolution", None)]
)
def test_fid_rises_as_images_get_worse(material: Material, kind: str, levels: Sequence[float] | None) -> None:
    fids = mean_fids(material, [f"{kind} {level}" for level in levels or RESOLUTIONS[material.name]])
    assert rises(fids), fids
    assert fids[-1] > 50 * fids[0]


def chosen_fids(material: Material, choices: list[Callable[[np.ndarray], np.ndarray]]) -> list[float]:
    """FID of a choice among half the images, the mean over eight splits."""
    images = material.features["noise 0"]
    splits = [split(len(material.classes), material.held_out, seed) for seed in range(8)]
    return [
        float(np.mean([fid(images, choose(s.held_out), images, s.reference) for s in splits])) for choose in choices
    ]


def test_fid_rises_as_classes_are_dropped(material: Material) -> None:
    shown = material.classes
    choices = [lambda held, least=least: held[shown[held] >= least] for least in (0, 1, 2, 4, 6, 8, 9)]
    fids = chosen_fids(material, choices)
    assert rises(fids), fids


def test_fid_rises_as_images_repeat(material: Material) -> None:
    choices = [
        lambda held, unique=unique: held[np.arange(len(held)) % unique]
        for unique in (material.held_out, 400, 200, 100, 50, 20, 5)
    ]
    fids = chosen_fids(material, choices)
    assert rises(fids), fids
