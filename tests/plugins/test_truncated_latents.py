"""Samples truncated by their latents: the distribution, and where a trained generator makes use of it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import scipy.stats
import torch
from support.untrained import bundled

from gankit import UserError
from gankit.exports.programs import write_pt2
from gankit.exports.tracing import Baked
from gankit.generators.trained import TrainedGenerator
from gankit.pictures.interpolating import usual_space
from gankit_biggan.modules import truncated_normal


@pytest.fixture(scope="module")
def trained() -> TrainedGenerator:
    return bundled("biggan-digits")


def normal(*size: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("threshold", [0.04, 0.5, 1.0, 2.0])
def test_each_number_keeps_its_share_of_the_distribution(threshold: float) -> None:
    z = normal(1000)
    shares = scipy.stats.norm.cdf(z.numpy())
    expected = scipy.stats.truncnorm.ppf(shares, -threshold, threshold)
    torch.testing.assert_close(truncated_normal(z, threshold), torch.tensor(expected), rtol=0, atol=1e-9)


def test_it_is_distributed_as_what_is_drawn_anew_until_it_is_within() -> None:
    drawn = normal(40_000)
    within = drawn[drawn.abs() <= 0.7]
    ours = truncated_normal(-drawn, 0.7)
    _, chance = scipy.stats.ks_2samp(within.numpy(), ours.numpy())
    assert float(chance) > 0.01  # pyright: ignore[reportArgumentType]


def test_nothing_is_beyond_the_threshold_however_far_latents_are() -> None:
    z = torch.tensor([-9.0, -5.5, 0.0, 1e-20, 5.5, 9.0])
    for threshold in (0.0, 0.5, 3.0, 8.0):
        inside = truncated_normal(z, threshold)
        assert bool(inside.isfinite().all())
        assert float(inside.abs().max()) <= threshold
    assert torch.equal(truncated_normal(z, math.inf), z)


def test_images_are_those_of_truncated_latents_of_the_same_class(trained: TrainedGenerator) -> None:
    z, labels = normal(3, trained.latent, dtype=torch.float32), torch.tensor([3, 1, 4])
    inside = truncated_normal(z, 0.5)
    assert trained.can_truncate
    assert torch.equal(trained(z, labels, truncation=0.5), trained(inside, labels))
    styles = trained.map(z, labels, truncation=0.5, cutoff=2)
    assert torch.equal(styles[:, :2], trained.map(inside, labels)[:, :2])
    assert torch.equal(styles[:, 2:], trained.map(z, labels)[:, 2:])
    with pytest.raises(UserError, match="truncation: expected how far from 0 latents may be, 0 or more, not -1"):
        trained(z, labels, truncation=-1)


def test_samples_are_truncated_and_keep_their_classes(trained: TrainedGenerator) -> None:
    plain, half, none = (trained.sample(4, seed=1, truncation=psi) for psi in (None, 0.5, 0.0))
    torch.testing.assert_close(trained.sample(4, seed=1, truncation=9.0), plain, rtol=0, atol=1e-3)
    assert len({tuple(images.flatten().tolist()) for images in (plain, half, none)}) == 3
    ones, twos = (trained.sample(2, seed=1, label=label, truncation=0) for label in (1, 2))
    assert torch.equal(ones[0], ones[1])  # of one class all are alike
    assert not torch.allclose(ones, twos)


def test_lines_are_between_latents_and_programs_are_handed_truncated_ones(
    trained: TrainedGenerator, tmp_path: Path
) -> None:
    assert usual_space(trained) == "z"
    with pytest.raises(UserError, match="truncates latents, which a program is handed: leave it out, and hand it"):
        write_pt2(tmp_path / "digits.pt2", trained, Baked(truncation=0.5))
