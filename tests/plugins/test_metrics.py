"""What holds for every metric that needs nothing but images: it needs what it says and gives the same each time."""

from __future__ import annotations

import random
from functools import cache

import numpy as np
import pytest
import torch
from support.degradations import noisy
from support.digits import digits
from support.populations import population
from support.tiny import tiny

from gankit import Metric
from gankit.core.component import named
from gankit.discovery.manager import plugins
from gankit.evaluation.images import Samples

LEAST = {
    "fid": 2,
    "fid_full": 2,
    "fid_infinity": 20,
    "is": 10,
    "kid": 2,
    "mind": 2,
    "mode-coverage": 1,
    "precision-recall": 4,
    "density-coverage": 6,
    "realism": 4,
    "swd": 2,
    "ms-ssim": 2,
    "nearest-neighbor": 1,
    "authenticity": 1,
    "distinct": 2,
    "vendi": 2,
}
"""How few images each can do with."""


@pytest.fixture(params=LEAST)
def metric(request: pytest.FixtureRequest) -> Metric:
    plugins.load_installed()
    return named(Metric, request.param)


def measured(metric: Metric, batch: int = 64) -> dict[str, float]:
    """The metric of some noisy digits, given only what it says that it needs."""
    data = digits(120)
    generated, real, unseen = (
        population(images, batch=batch, keep=metric.needs)
        for images in (noisy(data.new, 15), data.real, data.unseen[:120])
    )
    return metric.evaluate(Samples(generated, real, real, unseen, real))


@cache
def found_by(kind: type[Metric]) -> dict[str, float]:
    """The same by default options, measured once."""
    return measured(kind())


def test_it_says_what_it_needs_and_gives_plain_numbers(metric: Metric) -> None:
    found = found_by(type(metric))
    assert found
    assert all(type(number) is float and np.isfinite(number) for number in found.values())


def test_it_gives_the_same_each_time_and_leaves_generators_alone(metric: Metric) -> None:
    first = found_by(type(metric))
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    states = torch.get_rng_state(), str(np.random.get_state()), random.getstate()
    assert measured(metric) == first
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (str(np.random.get_state()), random.getstate()) == states[1:]


def test_the_batch_size_changes_nothing(metric: Metric) -> None:
    expected = found_by(type(metric))
    for batch in (1, 500):  # of 120 images, which by default end in a batch that is not full
        assert measured(metric, batch) == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(("name", "least"), LEAST.items())
def test_too_few_images_are_refused_at_load(name: str, least: int) -> None:
    def problems(images: int) -> list[str]:
        experiment = tiny(evaluation={"extractor": "digits", "images": images})
        return list(named(Metric, name).problems(experiment))

    assert [images for images in range(1, 24) if problems(images)] == list(range(1, least))
    assert all("evaluation.images" in problem for images in range(1, least) for problem in problems(images))
