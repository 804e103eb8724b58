"""Precision, recall, density and coverage: torch-fidelity's and plain numpy's numbers, and what they see."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from support.degradations import blurred, noisy, repeated
from support.digits import digits
from support.populations import population, samples
from support.slow import slow_but
from support.tiny import tiny
from torch import Tensor
from torch_fidelity.metric_prc import prc_features_to_metric

from gankit_prdc.metrics import DensityCoverage, PrecisionRecall
from gankit_prdc.neighbors import balls_around, distances, nearest, radii


def features(seed: int, count: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(count, 48, generator=torch.Generator().manual_seed(seed)).relu()


def measured(generated: np.ndarray) -> dict[str, float]:
    """All four numbers of images against digits."""
    given = samples(generated, digits().real)
    return PrecisionRecall().evaluate(given) | DensityCoverage().evaluate(given)


# --- the numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("neighbors", slow_but([3], [1, 3, 5]))
@pytest.mark.parametrize("block", [(2048, 4096), (64, 100), (7, 5)])
def test_precision_and_recall_are_torch_fidelitys(neighbors: int, block: tuple[int, int]) -> None:
    generated, real = features(0, 300), features(1, 250, scale=1.1)
    theirs = prc_features_to_metric(generated, real, prc_neighborhood=neighbors, verbose=False)
    realistic = balls_around(generated, real, radii(real, neighbors, block), torch.le, block) > 0
    covered = balls_around(real, generated, radii(generated, neighbors, block), torch.le, block) > 0
    assert realistic.double().mean().item() == pytest.approx(theirs["precision"], rel=1e-6)
    assert covered.double().mean().item() == pytest.approx(theirs["recall"], rel=1e-6)
    assert 0.1 < theirs["recall"] < theirs["precision"] < 0.99


def test_all_four_are_those_of_the_papers_in_numpy() -> None:
    given = samples(noisy(digits().new, 15), digits().real)
    generated, real = given.generated.features.double().numpy(), given.real.features.double().numpy()
    apart, among, within = cdist(generated, real), cdist(real, real), cdist(generated, generated)
    third, fifth, of_generated = np.sort(among)[:, 3], np.sort(among)[:, 5], np.sort(within)[:, 3]
    assert PrecisionRecall().evaluate(given) == pytest.approx(
        {"precision": (apart <= third).any(1).mean(), "recall": (of_generated >= apart.T).any(1).mean()}, rel=1e-6
    )
    assert DensityCoverage().evaluate(given) == pytest.approx(
        {"density": (apart < fifth).sum(1).mean() / 5, "coverage": (apart.min(0) < fifth).mean()}, rel=1e-6
    )


def test_distances_are_those_of_the_plain_formula() -> None:
    one, other = features(0, 70), features(1, 90)
    torch.testing.assert_close(distances(one, other).numpy(), cdist(one, other), rtol=1e-9, atol=0)
    expected = np.sort(cdist(one, other))[:, :4]
    for block in ((2048, 4096), (7, 3), (1, 90)):
        np.testing.assert_allclose(nearest(one, other, 4, block), expected, rtol=1e-9)


def test_copies_are_at_distance_zero_wherever_they_stand() -> None:
    """Without the threshold a copy would be as far as rounding has it."""
    points = 100 + torch.randn(200, 512, generator=torch.Generator().manual_seed(0))
    assert (torch.cdist(points.double(), points.double()).diagonal() > 0).any()
    shuffled = points[torch.randperm(200, generator=torch.Generator().manual_seed(0))].repeat(3, 1)
    found = nearest(points, shuffled, 4, block=(33, 51))
    assert (found[:, :3] == 0).all()
    assert (found[:, 3] > 1).all()
    assert (balls_around(points, shuffled, radii(shuffled, 2), torch.le) == 3).all()
    assert (balls_around(points, shuffled, radii(shuffled, 2), torch.lt) == 0).all()


def test_surfaces_belong_to_the_balls_of_precision_and_not_to_those_of_density() -> None:
    """As in the code of either paper."""
    real, generated = torch.arange(5.0)[:, None], torch.tensor([[5.0], [-1], [9]])
    given: Any = SimpleNamespace(generated=SimpleNamespace(features=generated), real=SimpleNamespace(features=real))
    assert PrecisionRecall(neighbors=1).evaluate(given)["precision"] == pytest.approx(2 / 3)
    assert DensityCoverage(neighbors=1).evaluate(given) == {"density": 0, "coverage": 0}
    given = SimpleNamespace(generated=given.real, real=given.generated)
    assert PrecisionRecall(neighbors=1).evaluate(given)["recall"] == pytest.approx(2 / 3)


def test_too_few_images_have_no_neighbours() -> None:
    given = samples(digits().new[:10], digits().real[:3])
    assert all(math.isnan(number) for number in PrecisionRecall().evaluate(given).values())
    assert all(math.isnan(number) for number in DensityCoverage().evaluate(given).values())
    given = samples(digits().new[:3], digits().real[:10])
    assert all(math.isnan(number) for number in PrecisionRecall().evaluate(given).values())
    assert all(number >= 0 for number in DensityCoverage().evaluate(given).values())


# --- what they see, and what not --------------------------------------------------------------------------------------


def test_reals_are_near_the_top() -> None:
    found = measured(digits().new)
    assert found["precision"] > 0.85
    assert found["recall"] > 0.85
    assert found["coverage"] > 0.9
    assert found["density"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("worse", [noisy, blurred])
def test_precision_and_density_fall_with_quality(worse: type) -> None:
    levels = [1, 20, 40] if worse is noisy else [0.3, 0.75, 1.5]
    found = [measured(worse(digits().new, level)) for level in levels]
    for name in ("precision", "density"):
        numbers = [one[name] for one in found]
        assert numbers[0] > numbers[1] + 0.1 > numbers[2] + 0.2, numbers


def test_recall_and_coverage_fall_as_classes_are_dropped_and_the_others_do_not() -> None:
    new, classes = digits().new, digits().classes
    found = [measured(new[classes >= least]) for least in (0, 4, 8)]
    for name in ("recall", "coverage"):
        numbers = [one[name] for one in found]
        assert numbers[0] > numbers[1] + 0.2 > numbers[2] + 0.4, numbers
    for name in ("precision", "density"):
        assert found[2][name] > found[0][name] - 0.1


def test_recall_and_coverage_fall_as_images_repeat_and_the_others_do_not() -> None:
    found = [measured(repeated(digits().new, unique)) for unique in (500, 50, 5)]
    for name in ("recall", "coverage"):
        numbers = [one[name] for one in found]
        assert numbers[0] > numbers[1] + 0.3 > numbers[2], numbers
    for name in ("precision", "density"):
        assert found[2][name] > found[0][name] - 0.1


def test_copies_of_the_reals_deceive_all_four() -> None:
    reals, copies = measured(digits().new), measured(digits().real)
    assert copies["precision"] == copies["recall"] == copies["coverage"] == 1
    assert copies["density"] == pytest.approx(1, abs=0.01)
    assert all(copies[name] >= reals[name] - 0.05 for name in copies)


def test_one_odd_real_deceives_precision_but_hardly_density() -> None:
    """Its ball is as large as it is far from the others."""
    real, noise = population(digits().real).features, population(noisy(digits().new, 60)).features
    odd = torch.cat([real, noise.mean(0, keepdim=True)])
    for within, deceived in ((torch.le, True), (torch.lt, False)):
        before, after = (balls_around(noise, some, radii(some, 5), within) for some in (real, odd))
        if deceived:
            assert (after > 0).double().mean() > (before > 0).double().mean() + 0.5
        else:
            assert after.double().mean() / 5 < before.double().mean() / 5 + 0.25


# --- what is asked for ------------------------------------------------------------------------------------------------


def test_more_neighbors_than_images_are_refused_with_both_ways_out() -> None:
    few = tiny(evaluation={"metrics": [{"use": "precision-recall", "neighbors": 16}], "images": 16})
    (said,) = few.evaluation.metrics[0].problems(few)
    assert said == "evaluation.images: none of 16 images has 16 neighbours; give at least 17, or fewer neighbors"
