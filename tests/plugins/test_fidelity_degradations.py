"""FID and KID through the classifiers that come with gankit rise with every way in which images can get worse."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from support.degradations import Material, blurred, coarse, noisy, repeated, rises
from support.tiny import tiny
from torch import Tensor

from gankit.evaluation.statistics import RunningStatistics, Statistics
from gankit_fidelity.extractors import Digits, FashionMnist
from gankit_fidelity.formulas import frechet_distance, kernel_distance
from gankit_images import datasets

Degradation = Callable[[np.ndarray, float], np.ndarray]
Distance = Callable[[Tensor, Tensor], float]


@pytest.fixture(scope="module", params=["digits", pytest.param("fashion-mnist", marks=pytest.mark.slow)])
def material(request: pytest.FixtureRequest) -> Material:
    """All digits, or 1,250 images of Fashion-MNIST's test split."""
    if request.param == "digits":
        images, classes = datasets.Digits(labels=True).load(16)
        assert classes is not None
        return Material(Digits(), images, classes)
    clothing = datasets.FashionMnist(split="test", labels=True)
    reason = clothing.missing(tiny())
    if reason:
        pytest.skip(reason)
    images, classes = clothing.load(32)
    assert classes is not None
    return Material(FashionMnist(), images[::8], classes[::8])


def fid(one: Tensor, other: Tensor) -> float:
    return frechet_distance(statistics(one), statistics(other))


def statistics(features: Tensor) -> Statistics:
    running = RunningStatistics()
    running.add(features)
    return running.result()


def kid(one: Tensor, other: Tensor) -> float:
    return kernel_distance(one, other, subsets=10)[0]


def numbers(material: Material, distance: Distance, forms: Sequence[Callable[[np.ndarray], Tensor]]) -> np.ndarray:
    """The distance of half the images in each form from the others as they are, [seed, form]."""
    return np.array(
        [
            [distance(form(held_out), material.features[reference]) for form in forms]
            for held_out, reference in material.halves()
        ]
    )


both = pytest.mark.parametrize("distance", [fid, kid])


@pytest.mark.parametrize(
    ("degradation", "levels"),
    [
        pytest.param(noisy, [5, 10, 20, 40, 80], id="noise", marks=pytest.mark.slow),
        pytest.param(blurred, [0.5, 0.75, 1, 1.5, 2], id="blur"),
        pytest.param(coarse, [2, 4, 8], id="resolution", marks=pytest.mark.slow),
    ],
)
def test_both_rise_as_images_get_worse(material: Material, degradation: Degradation, levels: Sequence[float]) -> None:
    if degradation is coarse:
        levels = [material.images.shape[2] // factor for factor in levels]
    seen = [material.features, *(material.seen(degradation(material.images, level)) for level in levels)]
    for distance in (fid, kid):
        found = numbers(material, distance, [lambda chosen, form=form: form[chosen] for form in seen])
        floor = found[:, 0].max()
        assert all(rises(of_seed, floor) for of_seed in found), found
        assert found[:, -1].min() > 50 * floor


@pytest.mark.slow
@both
def test_both_rise_as_classes_are_dropped(material: Material, distance: Distance) -> None:
    shown = material.classes
    found = numbers(
        material,
        distance,
        [lambda held, least=least: material.features[held[shown[held] >= least]] for least in (0, 1, 2, 4, 6, 8, 9)],
    )
    assert all(rises(of_seed, found[:, 0].max()) for of_seed in found), found


@pytest.mark.slow
@both
def test_both_rise_as_images_repeat(material: Material, distance: Distance) -> None:
    """The means over eight draws, since which few images are left matters as much as how few."""
    uniques = (10**6, 400, 200, 100, 50, 20, 5)

    def left(unique: int, draw: int) -> Callable[[np.ndarray], Tensor]:
        return lambda held: material.features[repeated(np.roll(held, 100 * draw), unique)]

    draws = [numbers(material, distance, [left(unique, draw) for unique in uniques]) for draw in range(8)]
    found = np.mean(draws, axis=0)
    assert all(rises(of_seed, found[:, 0].max()) for of_seed in found), found


@both
def test_both_praise_copies_of_the_reals(material: Material, distance: Distance) -> None:
    """Which is why there is `nearest-neighbor`."""
    found = numbers(material, distance, [lambda held: material.features[held]])
    copies = [
        distance(material.features[reference], material.features[reference]) for _, reference in material.halves()
    ]
    assert max(copies) < found.min()
