"""The sliced Wasserstein distance: plain scipy's number, and what it sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve, gaussian_filter
from scipy.stats import wasserstein_distance
from support.degradations import blurred, coarse, levels, noisy, repeated
from support.digits import digits
from support.populations import samples
from support.slow import slow_but
from torch import Tensor

from gankit_pggan.metrics import SlicedWasserstein, drawn
from gankit_pggan.sliced_wasserstein import (
    DIRECTIONS,
    PATCHES,
    laplacian,
    places,
    sizes,
    sliced_wasserstein,
    unit_vectors,
)

# --- the number -------------------------------------------------------------------------------------------------------


def textures(seed: int, count: int, height: int, width: int) -> Tensor:
    """Smooth coloured images, uint8 [count, 3, height, width]."""
    noise = np.random.default_rng(seed).standard_normal((count, 3, height, width))
    return torch.from_numpy(levels(128 + 200 * gaussian_filter(noise, (0, 0.3, 1 + seed, 1))))


BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])[None, None] / 256


def pyramid_of_scipy(images: np.ndarray, count: int) -> list[np.ndarray]:
    pyramid = [images]
    for _ in range(count - 1):
        finer = pyramid[-1]
        coarser = convolve(finer, BINOMIAL, mode="mirror")[:, :, ::2, ::2]
        sparse = np.zeros_like(finer)
        sparse[:, :, ::2, ::2] = coarser
        pyramid[-1:] = [finer - convolve(sparse, 4 * BINOMIAL, mode="mirror"), coarser]
    return pyramid


def descriptors(level: np.ndarray, rows: np.ndarray, columns: np.ndarray, side: int) -> np.ndarray:
    cut = np.stack(
        [
            level[image, :, row : row + side, column : column + side]
            for image in range(len(level))
            for row, column in zip(rows[image], columns[image], strict=True)
        ]
    )
    cut = (cut - cut.mean((0, 2, 3), keepdims=True)) / cut.std((0, 2, 3), keepdims=True)
    return cut.reshape(len(cut), -1)


def of_scipy(one: Tensor, other: Tensor) -> dict[int, float]:
    """The distances in float64, from the same patches and directions."""
    generator = torch.Generator().manual_seed(0)
    levels = sizes(*one.shape[2:])
    pyramids = [pyramid_of_scipy(images.double().numpy(), len(levels)) for images in (one, other)]
    distances = {}
    for number, (height, width) in enumerate(levels):
        side = min(7, height, width)
        sets = [
            descriptors(
                pyramid[number],
                places(height, side, len(one), generator).numpy(),
                places(width, side, len(one), generator).numpy(),
                side,
            )
            for pyramid in pyramids
        ]
        directions = unit_vectors(DIRECTIONS, 3 * side**2, generator).double().numpy()
        one_by_one = [wasserstein_distance(sets[0] @ along, sets[1] @ along) for along in directions]
        distances[height] = float(np.mean(one_by_one))
    return distances


SHAPES = [(32, 32), (32, 48), (16, 16), (8, 8), (4, 4), (4, 8)]


@pytest.mark.parametrize("shape", slow_but([(32, 48), (16, 16), (4, 8)], SHAPES))
def test_it_is_that_of_plain_scipy(shape: tuple[int, int]) -> None:
    one, other = textures(0, 12, *shape), textures(1, 12, *shape)
    found = sliced_wasserstein(one, other)
    assert list(found) == {32: [32, 16], 16: [16], 8: [8], 4: [4]}[shape[0]]
    assert found == pytest.approx(of_scipy(one, other), rel=1e-6)


@pytest.mark.parametrize("size", [(64, 64), (33, 47)])
def test_the_pyramid_is_scipys(size: tuple[int, int]) -> None:
    images = textures(0, 2, *size).double()
    count = len(sizes(*size))
    assert count == {64: 3, 33: 2}[size[0]]
    pyramid = [laplacian(images, level) for level in range(count)]
    for level, expected, shape in zip(pyramid, pyramid_of_scipy(images.numpy(), count), sizes(*size), strict=True):
        assert level.shape[2:] == shape
        np.testing.assert_allclose(level.numpy(), expected, atol=1e-10)
    flat = [laplacian(torch.full((1, 3, *size), 77.0), level) for level in range(count)]
    assert all(not level.any() for level in flat[:-1])
    assert (flat[-1] == 77).all()


def test_patches_are_drawn_from_everywhere_and_directions_are_of_length_one() -> None:
    generator = torch.Generator().manual_seed(0)
    assert sorted(set(places(16, 7, 20, generator).flatten().tolist())) == list(range(10))
    assert places(16, 7, 20, generator).shape == (20, PATCHES)
    assert not places(4, 4, 3, generator).any()
    torch.testing.assert_close(unit_vectors(9, 147, generator).norm(dim=1), torch.ones(9))


def test_the_block_size_changes_nothing() -> None:
    one, other = textures(0, 9, 32, 32), textures(1, 9, 32, 32)
    expected = sliced_wasserstein(one, other)
    for projections in (50 * 9 * PATCHES, 200 * 9 * PATCHES + 5):
        assert sliced_wasserstein(one, other, projections) == pytest.approx(expected, rel=1e-5)


def test_it_is_drawn_alike_each_time_and_leaves_torchs_generator_alone() -> None:
    one, other = textures(0, 10, 16, 16), textures(1, 10, 16, 16)
    state = torch.get_rng_state()
    first = sliced_wasserstein(one, other)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(5)
    assert sliced_wasserstein(one, other) == first


def test_images_are_left_as_they_are() -> None:
    one, other = textures(0, 10, 16, 16), textures(1, 10, 16, 16)
    copies = one.clone(), other.clone()
    sliced_wasserstein(one, other)
    assert torch.equal(one, copies[0])
    assert torch.equal(other, copies[1])


def test_images_of_one_colour_have_a_distance() -> None:
    """Such as an untrained generator gives; their patches have no deviation to divide by."""
    flat, images = torch.full((10, 3, 32, 32), 127, dtype=torch.uint8), textures(0, 10, 32, 32)
    assert all(0.5 < distance < 1 for distance in sliced_wasserstein(flat, images).values())
    assert all(distance == 0 for distance in sliced_wasserstein(flat, flat // 2).values())


# --- the metric -------------------------------------------------------------------------------------------------------


def swd(generated: np.ndarray, real: np.ndarray | None = None) -> float:
    return SlicedWasserstein().evaluate(samples(generated, digits(120).real if real is None else real))["swd"]


def test_levels_are_numbers_of_their_own_times_a_thousand() -> None:
    one, other = textures(0, 10, 32, 32), textures(1, 8, 32, 32)
    found = SlicedWasserstein().evaluate(samples(one.numpy(), other.numpy()))
    expected = sliced_wasserstein(drawn(one, 8), drawn(other, 8))
    assert found == pytest.approx(
        {"swd_32": 1000 * expected[32], "swd_16": 1000 * expected[16], "swd": 500 * (expected[32] + expected[16])}
    )


@pytest.mark.parametrize(
    ("worse", "degrees"),
    [
        pytest.param(noisy, [0, 20, 40, 80], id="noise", marks=pytest.mark.slow),
        pytest.param(blurred, [0, 0.75, 1, 2], id="blur"),
        pytest.param(coarse, [16, 8, 4, 2], id="resolution", marks=pytest.mark.slow),
    ],
)
def test_it_rises_as_images_get_worse(
    worse: Callable[[np.ndarray, float], np.ndarray], degrees: Sequence[float]
) -> None:
    numbers = [swd(worse(digits(120).new, degree)) for degree in degrees]
    assert numbers == sorted(numbers)
    assert numbers[-1] > 4 * numbers[0]


@pytest.mark.slow
def test_it_rises_as_classes_are_dropped_and_images_repeat() -> None:
    data = digits(120)
    count = int((data.classes >= 9).sum())
    dropped = [swd(repeated(data.new[data.classes >= least][:count], count), data.real[:count]) for least in (0, 9)]
    assert dropped[1] > 1.5 * dropped[0]
    found = [swd(repeated(data.new, unique)) for unique in (120, 20, 2)]
    assert found == sorted(found)
    assert found[2] > 2 * found[0]


def test_each_level_sees_its_own_scale() -> None:
    """Noise of single pixels lies in the finest level."""
    reals = digits(120).real.repeat(2, axis=2).repeat(2, axis=3)
    images = digits(120).new.repeat(2, axis=2).repeat(2, axis=3)
    clean, noise = (SlicedWasserstein().evaluate(samples(some, reals)) for some in (images, noisy(images, 20)))
    rises = {height: noise[f"swd_{height}"] - clean[f"swd_{height}"] for height in (32, 16)}
    assert rises[32] > 5 * abs(rises[16])


def test_it_is_blind_to_brightness_and_contrast_of_all_images() -> None:
    new = digits(120).new
    assert swd(levels(new * 0.5 + 60)) == pytest.approx(swd(new), rel=0.05)


def test_it_is_blind_to_copies_of_the_reals() -> None:
    assert swd(digits(120).real) < swd(digits(120).new)


def test_it_is_blind_to_which_patches_come_together() -> None:
    """Such as two digits side by side that are always the same, as they are not in reals."""
    data = digits(120)
    rng = np.random.default_rng(0)
    right = np.array([rng.choice(np.flatnonzero(data.classes == shown)) for shown in data.classes])
    twins = np.concatenate([data.new, data.new[right]], axis=3)
    pairs = np.concatenate([data.new, data.new[rng.permutation(right)]], axis=3)
    reals = np.concatenate([data.real, np.roll(data.real, 1, axis=0)], axis=3)
    assert swd(twins, reals) < 1.2 * swd(pairs, reals)
