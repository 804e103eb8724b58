"""MS-SSIM: plain scipy's number, and what it sees."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve
from support.degradations import levels, noisy, repeated
from support.digits import digits
from support.populations import samples

from gankit_pggan.metrics import MultiScaleSimilarity
from gankit_pggan.structural_similarity import gaussian, mean_similarity, random_pairs, similarity

# --- the number -------------------------------------------------------------------------------------------------------


def of_scipy(one: np.ndarray, other: np.ndarray) -> float:
    """Multi-scale structural similarity of two images [C, H, W] after Wang et al. 2003."""
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
    count = min(5, int(math.log2(min(one.shape[1:]))) + 1)
    product = 1.0
    for scale, weight in enumerate(weights[:count] * weights.sum() / weights[:count].sum()):
        width = min(11, *one.shape[1:])
        places = np.arange(width) - (width - 1) / 2
        row = np.exp(-(places**2) / (2 * (1.5 * width / 11) ** 2))
        window = np.outer(row, row)[None] / row.sum() ** 2

        def mean(image: np.ndarray, window: np.ndarray = window) -> np.ndarray:
            return convolve(image, window, mode="valid", method="direct")

        first, second = mean(one), mean(other)
        variances = mean(one**2) - first**2 + mean(other**2) - second**2
        structure = (2 * (mean(one * other) - first * second) + 58.5225) / (variances + 58.5225)
        if scale == count - 1:
            structure = structure * (2 * first * second + 6.5025) / (first**2 + second**2 + 6.5025)
        product *= max(structure.mean(), 0) ** weight
        one, other = (
            (image[:, ::2, ::2] + image[:, 1::2, ::2] + image[:, ::2, 1::2] + image[:, 1::2, 1::2]) / 4
            for image in (
                one[:, : one.shape[1] // 2 * 2, : one.shape[2] // 2 * 2],
                other[:, : one.shape[1] // 2 * 2, : one.shape[2] // 2 * 2],
            )
        )
    return product


def scenes(count: int, height: int, width: int) -> np.ndarray:
    """Smooth images, uint8 [count, 3, height, width], each like the one before it."""
    noise = np.random.default_rng(0).standard_normal((count, 3, height, width))
    noise[1:] += 2 * noise[:-1]
    return levels(128 + 60 * gaussian_filter(noise, (0, 0, 1, 1)))


@pytest.mark.parametrize("size", [(64, 64), (32, 32), (16, 16), (8, 8), (4, 4), (2, 2), (1, 1), (16, 24), (37, 21)])
def test_it_is_that_of_plain_scipy(size: tuple[int, int]) -> None:
    images = scenes(6, *size)
    pairs = images.astype(float).reshape(3, 2, 3, *size)
    expected = [of_scipy(one, other) for one, other in pairs]
    found = similarity(*(torch.from_numpy(part) for part in (pairs[:, 0], pairs[:, 1])))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    found = mean_similarity(torch.from_numpy(images), torch.arange(6).reshape(3, 2))
    assert found == pytest.approx(np.mean(expected), rel=1e-6)


def test_the_window_narrows_with_the_image() -> None:
    assert gaussian(1).tolist() == [1]
    for width in (2, 7, 11):
        window = gaussian(width)
        assert window.sum().item() == pytest.approx(1)
        torch.testing.assert_close(window, window.flip(0))
    assert (gaussian(11)[5] / gaussian(11)[4]).item() == pytest.approx(math.exp(0.5 / 1.5**2))


def test_it_is_one_of_equal_images_symmetric_and_never_negative() -> None:
    images = torch.from_numpy(scenes(8, 32, 32)).double()
    one, other = images[::2], images[1::2]
    torch.testing.assert_close(similarity(one, one), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(similarity(one, other), similarity(other, one))
    assert (similarity(one, 255 - one) == 0).all()


@pytest.mark.parametrize("at_a_time", [1, 3, 100])
def test_the_batch_size_changes_nothing(at_a_time: int) -> None:
    images, pairs = torch.from_numpy(scenes(20, 16, 16)), random_pairs(20)
    assert mean_similarity(images, pairs, at_a_time) == pytest.approx(mean_similarity(images, pairs), rel=1e-9)


@pytest.mark.parametrize("images", [2, 3, 50, 501, 30_000])
def test_pairs_are_of_unlike_images_that_all_come_equally_often(images: int) -> None:
    pairs = random_pairs(images)
    assert len(pairs) == min(10_000, images * (images - 1) // 2)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert torch.equal(pairs, random_pairs(images))
    often = pairs.flatten().bincount(minlength=images)
    if images == 50:
        assert often.max() - often.min() <= 1
    if images > 50:
        assert (often - 20_000 / images).abs().max() < 6


# --- the metric -------------------------------------------------------------------------------------------------------


def ms_ssim(images: np.ndarray) -> float:
    return MultiScaleSimilarity().evaluate(samples(images, digits().real[:2]))["ms_ssim"]


@pytest.mark.slow
def test_it_rises_as_classes_are_dropped_and_is_one_of_a_single_image() -> None:
    data = digits()
    found = [ms_ssim(data.new[data.classes >= least]) for least in (0, 8, 9)]
    assert found[0] + 0.1 < found[1] < found[2] - 0.1
    assert ms_ssim(repeated(data.new, 1)) == pytest.approx(1)


def test_the_reals_number_is_the_floor() -> None:
    assert ms_ssim(digits().new) == pytest.approx(ms_ssim(digits().real), abs=0.03)


@pytest.mark.slow
def test_it_is_blind_to_quality() -> None:
    assert ms_ssim(noisy(digits().new, 150)) < ms_ssim(digits().new)


@pytest.mark.slow
def test_it_is_blind_to_collapse_onto_some_dozen_images_and_to_copies() -> None:
    assert ms_ssim(repeated(digits().new, 51)) == pytest.approx(ms_ssim(digits().new), abs=0.03)
    assert MultiScaleSimilarity().evaluate(samples(digits().real, digits().real)) == {"ms_ssim": ms_ssim(digits().real)}


def test_one_real_has_no_floor() -> None:
    assert math.isnan(ms_ssim(digits().new[:1]))


@pytest.mark.slow
def test_images_may_come_class_by_class() -> None:
    data = digits()
    in_order = data.new[np.argsort(data.classes, kind="stable")]
    assert ms_ssim(in_order) == pytest.approx(ms_ssim(data.new), abs=0.01)
    neighbours = torch.arange(500).reshape(250, 2)
    assert mean_similarity(torch.from_numpy(in_order), neighbours) > 2 * ms_ssim(data.new)
