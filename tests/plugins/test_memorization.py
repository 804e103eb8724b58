"""What a generator repeats: training images that FID praises it for, and its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from support.degradations import blurred, noisy, repeated
from support.digits import digits
from support.populations import samples

from gankit_fidelity.metrics import FrechetDistance
from gankit_memorization.metrics import Distinct, NearestNeighbor, copies, distinct_features, distinct_images

# --- training images --------------------------------------------------------------------------------------------------


def measured(generated: np.ndarray) -> dict[str, float]:
    """Both numbers of images, and their FID, against digits that were trained on."""
    given = samples(generated, digits().real, digits().unseen)
    return NearestNeighbor().evaluate(given) | FrechetDistance().evaluate(given)


def test_both_numbers_are_those_of_plain_numpy() -> None:
    given = samples(noisy(digits().new, 10), digits().real, digits().unseen)
    trained, generated, unseen = (
        some.features.double().numpy() for some in (given.real, given.generated, given.held_out)
    )
    found, expected = cdist(generated, trained).min(1), cdist(unseen, trained).min(1)
    assert NearestNeighbor(quantile=0.2).evaluate(given) == pytest.approx(
        {
            "nn_distance": np.median(found) / np.median(expected),
            "nn_copies": (found <= np.quantile(expected, 0.2)).mean(),
        },
        rel=1e-6,
    )


def test_unseen_reals_are_no_copies() -> None:
    found = measured(digits().new)
    assert found["nn_distance"] == pytest.approx(1, abs=0.07)
    assert found["nn_copies"] < 0.03


def test_copies_are_flagged_where_fid_praises_them() -> None:
    unseen, exact, slightly_off = (
        measured(images) for images in (digits().new, digits().real, noisy(digits().real, 3))
    )
    assert exact["nn_distance"] == 0
    assert exact["nn_copies"] == 1
    assert slightly_off["nn_distance"] < 0.4
    assert slightly_off["nn_copies"] > 0.9
    assert max(exact["fid"], slightly_off["fid"]) < unseen["fid"]


def test_some_copies_among_new_images_are_counted() -> None:
    found = measured(np.concatenate([digits().new[:350], digits().real[:150]]))
    assert found["nn_copies"] == pytest.approx(0.3, abs=0.03)
    assert found["nn_distance"] > 0.7


def test_copies_are_flagged_though_held_out_reals_have_copies_too() -> None:
    """As in data sets that hold some images twice: then no image can be nearer than the nearest held-out ones."""
    unseen = np.concatenate([digits().unseen, digits().real[:20]])
    found = NearestNeighbor().evaluate(samples(digits().real, digits().real, unseen))
    assert found == {"nn_distance": 0, "nn_copies": 1}
    found = NearestNeighbor().evaluate(samples(digits().new, digits().real, digits().real))
    assert math.isnan(found["nn_distance"])


@pytest.mark.slow
def test_it_is_blind_to_missing_classes_repeated_images_and_bad_ones() -> None:
    data = digits()
    for images in (data.new[data.classes >= 8], repeated(data.new, 50), noisy(data.new, 80), blurred(data.new, 2)):
        found = measured(images)
        assert found["nn_distance"] > 0.9
        assert found["nn_copies"] < 0.05
        assert found["fid"] > 3 * measured(data.new)["fid"]


def test_it_needs_held_out_reals() -> None:
    with pytest.raises(LookupError):
        NearestNeighbor().evaluate(samples(digits().new, digits().real))


def test_images_at_the_quantile_itself_count_as_copies() -> None:
    expected = torch.tensor([0.0, 1, 2, 3, 4])
    assert copies(torch.tensor([0.0, 1, 1.01, 5]), expected, quantile=0.25) == 0.5


# --- its own ----------------------------------------------------------------------------------------------------------


def distinct(images: np.ndarray) -> dict[str, float]:
    return Distinct().evaluate(samples(images, digits().real))


def test_equal_images_count_once() -> None:
    images = torch.from_numpy(digits().new[[0, 1, 0, 2, 1, 0]])
    assert distinct_images(images) == 3
    images[2, 0, 5, 5] += 1
    assert distinct_images(images) == 4
    assert distinct_images(images[:, :, ::2, ::2]) == len({image.numpy().tobytes() for image in images[:, :, ::2, ::2]})


@pytest.mark.parametrize("block", [(2048, 4096), (7, 5), (5, 7), (1, 1)])
def test_features_near_an_earlier_one_do_not_count(block: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    features = rng.uniform(size=(60, 2))
    apart = cdist(features, features)
    expected = sum(all(apart[late, early] > 0.1 for early in range(late)) for late in range(60))
    assert 20 < expected < 55
    assert distinct_features(torch.from_numpy(features), 0.1, block) == expected


def test_reals_are_all_distinct_and_collapse_is_seen() -> None:
    assert distinct(digits().new) == {"distinct": 1, "distinct_near": 1}
    for unique in (100, 10, 1):
        assert distinct(repeated(digits().new, unique)) == {"distinct": unique / 500, "distinct_near": unique / 500}


def test_images_that_only_look_the_same_are_seen_as_near() -> None:
    found = distinct(noisy(repeated(digits().new, 100), 1))
    assert found["distinct"] == 1
    assert found["distinct_near"] == pytest.approx(0.2, abs=0.02)


def test_it_is_blind_to_quality_classes_and_copies_of_training_images() -> None:
    data = digits()
    for images in (noisy(data.new, 80), data.new[data.classes >= 8], data.real):
        assert distinct(images) == {"distinct": 1, "distinct_near": 1}


def test_one_real_has_no_neighbour() -> None:
    found = Distinct().evaluate(samples(digits().new[:5], digits().real[:1]))
    assert found["distinct"] == 1
    assert math.isnan(found["distinct_near"])
