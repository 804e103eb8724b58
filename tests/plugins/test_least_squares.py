"""The least-squares loss and its two variants."""

from __future__ import annotations

import pytest
import torch
from support.pggan import component
from support.tiny import tiny, trainer

REAL, FAKE = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([1.0, -3.0, 0.25])

VARIANTS = {"equation 9": {}, "equation 8": {"fake": -1, "real": 1, "target": 0}}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_values(options: dict[str, float]) -> None:
    loss = component("loss", "least-squares", **options)
    a, b, c = (-1, 1, 0) if options else (0, 1, 1)
    expected = sum((r - b) ** 2 + (f - a) ** 2 for r, f in zip(REAL.tolist(), FAKE.tolist(), strict=True)) / 6
    assert float(loss.discriminator(REAL, FAKE)) == pytest.approx(expected)
    assert float(loss.generator(FAKE, None)) == pytest.approx(sum((f - c) ** 2 for f in FAKE.tolist()) / 6)


def test_equation_8_is_least_where_each_score_is_what_it_aims_at() -> None:
    loss = component("loss", "least-squares", **VARIANTS["equation 8"])
    ones = torch.ones(3)
    assert loss.discriminator(ones, -ones) == 0
    assert loss.generator(torch.zeros(3), None) == 0


def test_scores_of_patches_are_averaged() -> None:
    loss, patches = component("loss", "least-squares"), torch.randn(3, 4)
    torch.testing.assert_close(loss.generator(patches, None), loss.generator(patches.flatten(), None))


def test_it_trains_among_growing_networks() -> None:
    made = trainer(tiny(loss="least-squares", regularizers="minibatch-stddev"))
    while made.images < made.ends[-1]:
        assert all(torch.isfinite(value) for value in made.iteration().values())
