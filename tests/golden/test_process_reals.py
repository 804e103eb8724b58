"""Reals as the authors of PGGAN show them: reduced by box filter, mapped to [-1, 1], faded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.case import Case

from gankit.data.images import fade_reals, reduced, to_network_range


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_reals_at_every_level_of_detail_are_the_authors(dtype: torch.dtype) -> None:
    case = Case("tf_pggan_process_reals", dtype)
    for number, level in enumerate(case["in.lods"].tolist()):
        expected = case.arrays[f"in.uint8_{number}"]
        images = reduced(case.arrays["in.uint8_full"], expected.shape[-1])
        np.testing.assert_array_equal(images, expected)
        shown = fade_reals(to_network_range(torch.from_numpy(images)).to(dtype), alpha=1 - level % 1)
        case.check(f"out.real_{number}", shown)
    case.check_complete()


def test_the_case_has_fades_in_it() -> None:
    assert sum(level % 1 > 0 for level in Case("tf_pggan_process_reals")["in.lods"].tolist()) >= 2
