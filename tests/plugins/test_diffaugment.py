"""DiffAugment on images of all sizes: what is drawn, how far it goes, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pggan import component
from support.tiny import tiny
from torch import Tensor

from gankit.training.step import BEGINNING, AugmentedBatch

SIZES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 13), st.integers(1, 13))


def augmented(images: Tensor, seed: int = 0, **options: Any) -> Tensor:
    torch.manual_seed(seed)
    batch = AugmentedBatch(None, True, BEGINNING, {}, lambda name, value: None)
    return component("augmentation", "diffaugment", **options).apply(images, batch)


def numbered(size: tuple[int, ...]) -> Tensor:
    """Images whose pixels are all different, and none 0."""
    return torch.arange(1.0, 1 + torch.Size(size).numel()).view(size)


@settings(max_examples=15)
@given(size=SIZES, seed=st.integers(0, 999))
def test_translation_moves_each_image_as_a_whole(size: tuple[int, ...], seed: int) -> None:
    """Beside what a plain loop over all possible shifts finds there is nothing else."""
    images, reach = numbered(size), [int(each / 8 + 0.5) for each in size[2:]]
    for image, moved in zip(images, augmented(images, seed, policy="translation"), strict=True):
        possible = []
        for down in range(-reach[0], reach[0] + 1):
            for right in range(-reach[1], reach[1] + 1):
                expected = torch.zeros_like(image)
                for y in range(size[2]):
                    for x in range(size[3]):
                        if 0 <= y + down < size[2] and 0 <= x + right < size[3]:
                            expected[:, y, x] = image[:, y + down, x + right]
                possible.append(torch.equal(moved, expected))
        assert any(possible)


@settings(max_examples=15)
@given(size=SIZES, seed=st.integers(0, 999))
def test_cutout_leaves_a_rectangle_of_zeros(size: tuple[int, ...], seed: int) -> None:
    """Of half the height and width at most, and the same in each channel; a quarter of each at least is inside."""
    images = numbered(size)
    for image, cut in zip(images, augmented(images, seed, policy="cutout"), strict=True):
        hole = (cut == 0).all(0)
        assert torch.equal((cut == 0).any(0), hole)
        assert torch.equal(cut, image * ~hole)
        rows, columns = hole.any(1), hole.any(0)
        assert torch.equal(hole, rows[:, None] & columns)
        for side in (rows, columns):
            most = int(len(side) / 2 + 0.5)
            assert most // 2 <= int(side.sum()) <= most
            at = side.nonzero()[:, 0].tolist()
            assert at == list(range(at[0], at[-1] + 1)) if at else True


def test_color_reaches_as_far_as_it_says_and_no_farther() -> None:
    image = torch.tensor([0.9, -0.3, 0.0]).view(1, 3, 1, 1).expand(4000, 3, 2, 2) * torch.tensor([1.0, 0.5])
    colored = augmented(image, policy="color")
    brightness = colored.mean((1, 2, 3)) - image.mean((1, 2, 3))  # saturation and contrast keep the mean
    assert -0.5 <= float(brightness.min()) < -0.48
    assert 0.48 < float(brightness.max()) <= 0.5
    means = colored.mean(1)
    contrast = (means[:, 0, 0] - means[:, 0, 1]) / (image.mean(1)[0, 0, 0] - image.mean(1)[0, 0, 1])
    assert 0.5 - 1e-4 <= float(contrast.min()) < 0.52
    assert 1.48 < float(contrast.max()) <= 1.5 + 1e-4
    saturation = (colored[:, 0, 0, 0] - colored[:, 1, 0, 0]) / 1.2 / contrast
    assert -1e-4 <= float(saturation.min()) < 0.02
    assert 1.98 < float(saturation.max()) <= 2 + 1e-4
    pairs = torch.corrcoef(torch.stack([brightness, contrast, saturation]))
    assert float((pairs - torch.eye(3)).abs().max()) < 0.08  # drawn apart


def test_the_policy_is_carried_out_in_the_order_given() -> None:
    images = torch.rand(8, 3, 8, 8)
    first, last = augmented(images, policy=["cutout", "color"]), augmented(images, policy=["color", "cutout"])
    for made, zeros in ((first, False), (last, True)):  # color makes something of the hole
        assert bool((made == 0).flatten(1).any(1).all()) is zeros


def test_what_a_policy_may_not_be() -> None:
    with pytest.raises(ValueError, match="cutoff"):
        tiny(augment={"use": "diffaugment", "policy": ["color", "cutoff"]})
    with pytest.raises(ValueError, match="policy"):
        tiny(augment={"use": "diffaugment", "policy": []})
