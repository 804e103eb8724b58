"""The averaged generators."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from support.pggan import component
from torch import Tensor, nn

from gankit.core.progress import Stage, progress_in

START = 1_000


def moved(average: object, weights: list[float], batch: int = 8, resolution: int = 4) -> list[float]:
    """The averaged weight after each update of a stage that shows `batch` images and has the current weight so."""
    current, averaged = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    memory: dict[str, Tensor] = {}
    seen = []
    with torch.no_grad():
        for number, weight in enumerate(weights):
            current.weight.fill_(weight)
            now = progress_in([Stage(2, START), Stage(resolution, 100)], 2, START + number * batch)
            average.move(averaged, current, now, batch, memory)  # pyright: ignore[reportAttributeAccessIssue]
            seen.append(float(averaged.weight))
    return seen


def test_an_exponential_average_halves_as_often_by_small_batches_as_by_large() -> None:
    average = component("average", "exponential", half_life=16, warmup=0)
    large = moved(average, [0.0, 1.0], batch=16)
    small = moved(average, [0.0, 0.0, 1.0, 1.0], batch=8)
    assert small[3] - small[1] * 0.5 == pytest.approx(large[1] - large[0] * 0.5) == pytest.approx(0.5)


def test_the_half_life_may_depend_on_the_resolution_and_begins_with_a_copy() -> None:
    average = component("average", "exponential", half_life={4: 8, 8: 16}, warmup=0.5)
    assert moved(average, [3.0, 3.0]) == [3.0, 3.0]
    at_4, at_8 = (moved(average, [0.0] * 8 + [1.0], resolution=resolution)[-1] for resolution in (4, 8))
    assert at_4 == pytest.approx(0.5)
    assert at_8 == pytest.approx(1 - 0.5**0.5)


def test_a_decay_is_kept_an_update_whatever_the_batch_and_how_long_the_stage() -> None:
    average = component("average", "exponential", half_life=16, decay=0.75)
    for batch in (1, 64):
        first, second = moved(average, [0.0, 4.0], batch=batch)
        assert second - 0.75 * first == pytest.approx(1)
    by_resolution = component("average", "exponential", decay={4: 0, 8: 0.5})
    assert moved(by_resolution, [3.0, 5.0]) == [3.0, 5.0]
    first, second = moved(by_resolution, [0.0, 4.0], resolution=8)
    assert second - 0.5 * first == pytest.approx(2)
    with pytest.raises(ValidationError, match="less than 1"):
        component("average", "exponential", decay=1.0)


def test_snapshots_are_averaged_plainly_over_the_last_of_them() -> None:
    average = component("average", "snapshots", every=16, last=2)
    # updates of 8 images: snapshots are due at the second, fourth, sixth and eighth
    assert moved(average, [9, 1, 9, 2, 9, 4, 9, 8]) == [9, 1, 1, 1.5, 1.5, 3, 3, 6]


def test_snapshots_begin_anew_with_each_stage() -> None:
    average = component("average", "snapshots", every=8, last=4)
    current, averaged, memory = nn.Linear(2, 3), nn.Linear(2, 3), {}
    with torch.no_grad():
        stages = [Stage(4, 24), Stage(8, 24)]
        for images, number, value in ((0, 1, 1.0), (8, 1, 3.0), (16, 1, 5.0), (24, 2, 7.0)):
            for parameter in current.parameters():
                parameter.fill_(value)
            average.move(averaged, current, progress_in(stages, number, images), 8, memory)
    assert all(bool((parameter == 7).all()) for parameter in averaged.parameters())
