"""The Vendi score: its definition in numpy, what it sees, and what not."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.degradations import noisy, repeated
from support.digits import digits
from support.populations import samples

from gankit_memorization.vendi import Vendi, spectrum, vendi_score


def by_definition(features: np.ndarray) -> float:
    """The exponential of the entropy of eigenvalues of the whole matrix of cosine similarities over n."""
    lengths = np.linalg.norm(features, axis=1)
    alike = features @ features.T / np.outer(lengths, lengths)
    shares = np.linalg.eigvalsh(alike / len(features))
    shares = shares[shares > 1e-14]
    return math.exp(-(shares * np.log(shares)).sum())


def vendi(images: np.ndarray) -> float:
    return Vendi().evaluate(samples(images, digits().real))["vendi"]


@given(st.integers(1, 12), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_it_is_the_definition_whether_images_or_features_are_more(count: int, width: int, seed: int) -> None:
    features = np.random.default_rng(seed).standard_normal((count, width))
    assert vendi_score(torch.from_numpy(features)) == pytest.approx(by_definition(features), rel=1e-6)


def test_blocks_change_nothing() -> None:
    features = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    whole = np.sort(spectrum(features))
    for block in (1, 7, 50):
        np.testing.assert_allclose(np.sort(spectrum(features, block)), whole, atol=1e-12)


def test_it_counts_unlike_images_and_those_without_any_feature_as_one_of_them() -> None:
    for count in (1, 2, 5):
        directions = torch.eye(5)[torch.arange(60) % count] * torch.rand(60, 1).add(0.1)
        assert vendi_score(directions) == pytest.approx(count)
    assert vendi_score(torch.zeros(4, 3)) == pytest.approx(1)
    assert vendi_score(torch.cat([torch.zeros(10, 3), torch.ones(10, 3)])) == pytest.approx(2)


def test_it_falls_as_images_repeat_and_classes_are_dropped() -> None:
    new, classes = digits().new, digits().classes
    for worse in (
        [repeated(new, unique) for unique in (500, 50, 5, 1)],
        [new[classes >= least] for least in (0, 4, 8)],
    ):
        numbers = [vendi(images) for images in worse]
        assert all(low < high - 0.2 for high, low in pairwise(numbers)), numbers
    assert vendi(repeated(new, 1)) == pytest.approx(1)


def test_it_is_blind_to_copies_and_to_what_images_show() -> None:
    data = digits()
    assert vendi(data.real) == pytest.approx(vendi(data.new), rel=0.03)
    with_bad = np.concatenate([data.new[:400], noisy(data.new[:50], 60), data.new[450:, :, ::-1]])
    assert vendi(with_bad) > vendi(data.new), "noise and digits upside down are various"
