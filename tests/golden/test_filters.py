"""Resampling through filters against the authors' own code."""

from __future__ import annotations

import pytest
import torch
from support.case import Case

from gankit.networks.filters import Padding, Resample, blurred, doubled, fir, halved, resample


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("number", [0, 1])
def test_filters(dtype: torch.dtype, number: int) -> None:
    case = Case("sg2_upfirdn2d", dtype)
    x, taps = case["in.x"], case[f"in.filter_{number}"]
    kernel = fir(taps.tolist())
    case.check(f"out.setup_filter_{number}", kernel)
    for name, by in (("upsample2d", doubled), ("downsample2d", halved), ("filter2d", blurred)):
        case.check(f"out.{name}_{number}", by(x, kernel))
    general = resample(x, kernel, Padding(2, 1, 0, 3), up=3, down=2, gain=1.7)
    case.check(f"out.upfirdn_{number}", general)
    cropped = resample(x, kernel, Padding(-1, 2, 1, -1), up=(2, 1), flip=True)
    case.check(f"out.upfirdn_flip_crop_{number}", cropped)
    case.check_complete(*(key for key in case.arrays if not key.endswith(str(number))))


def test_a_filter_keeps_the_mean_of_a_plain_map_and_can_be_differentiated_twice() -> None:
    x = torch.full((1, 2, 8, 8), 3.0, requires_grad=True)
    up = Resample([1, 3, 3, 1], "up")(x)
    assert torch.allclose(up[:, :, 2:-2, 2:-2], torch.tensor(3.0))
    double = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda y: resample(y, fir([1, 2, 1]), Padding(1, 1, 1, 1), down=2), [double])
