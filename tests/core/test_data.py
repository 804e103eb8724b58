"""Real images at every resolution, their order, and the way between bytes and network range."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gankit import Dataset, LabelledImages, UserError
from gankit.data.images import RealImages, fade_reals, reduced, to_network_range, to_uint8

CPU = torch.device("cpu")


def dataset(images: np.ndarray, labels: np.ndarray | None = None, channels: int = 0, classes: int = 0) -> Dataset:
    """A data set that loads what it is given."""

    class Given(Dataset):
        def image_channels(self) -> int:
            return channels or images.shape[1]

        def class_count(self) -> int:
            return classes

        def load(self, resolution: int) -> LabelledImages:
            return LabelledImages(images, labels)

    return Given()


def noise(count: int, size: int = 8, channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, size, size), dtype=np.uint8)


def reals(count: int = 7, size: int = 8, **others: int) -> RealImages:
    return RealImages(dataset(noise(count, size, **others)), [size])


# --- order ------------------------------------------------------------------------------------------------------------

seeds = st.integers(0, 2**40)


@pytest.mark.costly
@given(count=st.integers(1, 40), seed=seeds, epoch=st.integers(0, 10**6))
def test_an_epoch_shows_every_image_once(count: int, seed: int, epoch: int) -> None:
    order = reals(count, 1).indices(seed, epoch * count, count)
    assert sorted(order) == list(range(count))


@given(
    count=st.integers(1, 40), seed=seeds, shown=st.integers(0, 10**9), parts=st.lists(st.integers(1, 100), max_size=4)
)
def test_the_order_does_not_depend_on_how_it_is_cut_into_batches(
    count: int, seed: int, shown: int, parts: list[int]
) -> None:
    images = reals(count, 1)
    whole = images.indices(seed, shown, sum(parts) + 1)
    pieces, at = [], shown
    for part in [*parts, 1]:
        pieces.append(reals(count, 1).indices(seed, at, part))  # of another object: nothing is remembered
        at += part
    np.testing.assert_array_equal(whole, np.concatenate(pieces))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    images = reals(50, 1)
    orders = {tuple(images.indices(seed, epoch * 50, 50)) for seed in (0, 1, 2**32) for epoch in range(4)}
    assert len(orders) == 12


def test_the_order_is_the_same_in_every_release() -> None:
    assert list(reals(8, 1).indices(3, 5, 8)) == [0, 3, 2, 0, 6, 7, 5, 2]


def unevenly(*counts: int) -> RealImages:
    """Images of classes of which some have none, in an order that mixes them."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    return RealImages(dataset(noise(len(labels), 1), labels, classes=len(counts)), [1])


@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any), seed=seeds, rounds=st.integers(1, 30))
def test_evenly_shown_classes_come_once_a_round_and_their_images_in_turns(
    counts: list[int], seed: int, rounds: int
) -> None:
    images = unevenly(*counts)
    assert images.labels is not None
    there = [number for number, count in enumerate(counts) if count]
    shown = images.indices(seed, 0, rounds * len(there), even=True)
    assert all(sorted(each) == there for each in images.labels[shown].reshape(rounds, -1).tolist())
    for number in there:
        own = shown[images.labels[shown] == number]
        for start in range(0, rounds, counts[number]):
            assert len({*own[start : start + counts[number]]}) == len(own[start : start + counts[number]])


@given(shown=st.integers(0, 10**9), parts=st.lists(st.integers(1, 30), max_size=4))
def test_the_even_order_does_not_depend_on_how_it_is_cut_into_batches(shown: int, parts: list[int]) -> None:
    whole = unevenly(7, 1, 3).indices(0, shown, sum(parts) + 1, even=True)
    pieces, at = [], shown
    for part in [*parts, 1]:
        pieces.append(unevenly(7, 1, 3).indices(0, at, part, even=True))
        at += part
    np.testing.assert_array_equal(whole, np.concatenate(pieces))


def test_the_even_order_is_the_same_in_every_release_and_another_with_another_seed() -> None:
    images = unevenly(7, 1, 3)
    assert images.indices(3, 5, 9, even=True).tolist() == [9, 2, 5, 7, 10, 8, 2, 4, 7]
    assert images.indices(3, 5, 30, even=True).tolist() != images.indices(4, 5, 30, even=True).tolist()


def test_a_batch_is_the_images_of_its_indices_with_their_labels() -> None:
    labels = np.arange(7) % 3
    images = RealImages(dataset(noise(7), labels, classes=3), [4, 8])
    torch.manual_seed(0)
    before = torch.get_rng_state()

    batch, batch_labels = images.take(4, chosen := images.indices(1, 5, 4), CPU)

    assert batch.dtype == torch.float32
    np.testing.assert_array_equal(to_uint8(batch).numpy(), images.at(4)[chosen])
    assert batch_labels is not None
    np.testing.assert_array_equal(batch_labels.numpy(), labels[chosen])
    assert torch.equal(before, torch.get_rng_state())


# --- resolutions ------------------------------------------------------------------------------------------------------


def test_lower_resolutions_are_rounded_means_of_the_final_one() -> None:
    images = noise(3, 16, 3)
    means = images.reshape(3, 3, 4, 4, 4, 4).astype(np.float64).mean((3, 5))
    small = RealImages(dataset(images), [4, 8, 16]).at(4)
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small, np.rint(means))


def test_reducing_in_chunks_is_reducing_at_once() -> None:
    images = noise(2500, 2)
    np.testing.assert_array_equal(reduced(images, 1), np.concatenate([reduced(image[None], 1) for image in images]))


def test_a_resolution_that_does_not_divide_the_final_one_is_refused() -> None:
    with pytest.raises(ValueError, match="8x8 cannot be reduced to a height of 3"):
        reals().at(3)


# --- fingerprint ------------------------------------------------------------------------------------------------------


def test_the_fingerprint_tells_data_sets_apart() -> None:
    images, labels = noise(4), np.array([0, 1, 0, 1])
    changed = images.copy()
    changed[3, 0, 7, 7] ^= 1
    variants = [
        dataset(images),
        dataset(changed),
        dataset(images[:3]),
        dataset(images[::-1]),
        dataset(images.reshape(1, 4, 8, 8)),
        dataset(images, labels, classes=2),
        dataset(images, 1 - labels, classes=2),
    ]
    assert len({RealImages(variant, [8]).fingerprint for variant in variants}) == len(variants)
    assert RealImages(dataset(images.copy()), [8]).fingerprint == RealImages(dataset(images), [4, 8]).fingerprint


# --- what data sets may get wrong -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        dataset(noise(3).astype(np.float32)),
        dataset(noise(3, 4)),
        dataset(noise(3), channels=3),
        dataset(noise(0)),
        dataset(noise(3), np.array([0, 1, 2])),
        dataset(noise(3), classes=2),
        dataset(noise(3), np.array([0, 1, 2]), classes=2),
        dataset(noise(3), np.array([0, -1, 1]), classes=2),
        dataset(noise(3), np.array([0, 1]), classes=2),
    ],
)
def test_what_a_data_set_gets_wrong_is_said(wrong: Dataset) -> None:
    with pytest.raises(UserError, match="data: Given"):
        RealImages(wrong, [8])


# --- bytes and network range ------------------------------------------------------------------------------------------


def test_bytes_come_back_from_network_range() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    networks = to_network_range(levels)
    assert (networks[0], networks[-1]) == (-1, 1)
    assert torch.equal(to_uint8(networks), levels)


def test_network_range_is_clamped_and_rounded() -> None:
    values = torch.tensor([-3.0, -1.0, -1 + 0.9 / 255, -1 + 1.1 / 255, 0.0, 1 - 1.1 / 255, 1 - 0.9 / 255, 1.0, 1.04])
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 128, 254, 255, 255, 255]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_finite_number_is_no_image(value: float) -> None:
    with pytest.raises(UserError, match="diverged"):
        to_uint8(torch.tensor([0.0, value]))


def test_fading_goes_from_coarse_to_fine() -> None:
    images = torch.rand(2, 1, 4, 4) * 2 - 1
    coarse = fade_reals(images, 0.0)
    assert torch.equal(coarse[..., ::2, ::2], coarse[..., 1::2, 1::2])
    torch.testing.assert_close(coarse[..., ::2, ::2], images.reshape(2, 1, 2, 2, 2, 2).mean((3, 5)))
    torch.testing.assert_close(fade_reals(images, 0.25), 0.75 * coarse + 0.25 * images)
    assert torch.equal(fade_reals(images, 1.0), images)
