"""Reals as the authors of PGGAN show them: reduced by box filter, mapped to [-1, 1], faded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.case import Case

from gankit.data import fade_reals, reduced, to_network_range

CASE = Case("tf_pggan_process_reals", torch.float32)


@pytest.mark.parametrize("number", range(5))
def test_reals_at_a_level_of_detail_are_the_authors(number: int) -> None:
    level = float(CASE["in.lods"][number])
    expected = CASE.arrays[f"in.uint8_{number}"]

    images = reduced(CASE.arrays["in.uint8_full"], expected.shape[-1])

    np.testing.assert_array_equal(images, expected)
    alpha = 1 - level % 1
    CASE.check(f"out.real_{number}", fade_reals(to_network_range(torch.from_numpy(images)), alpha))


def test_the_case_has_fades_in_it() -> None:
    assert sum(float(level) % 1 > 0 for level in CASE["in.lods"]) >= 2
