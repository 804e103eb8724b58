"""DiffAugment against numbers from the authors' own code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.case import Case
from support.pggan import component
from torch import Tensor

from gankit.training.step import BEGINNING, AugmentedBatch

BATCH = AugmentedBatch(None, True, BEGINNING, {}, lambda name, value: None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_each_policy_and_its_gradient(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws are the recorded ones, in the order and of the shapes in which the authors' code asks for them."""
    case, left = Case("diffaugment", dtype), list[Tensor]()

    def recorded(*size: Any, **_: Any) -> Tensor:
        drawn = left.pop(0)
        assert size in {tuple(drawn.shape), (-1, 2, tuple(drawn.shape)), (0, 9, tuple(drawn.shape))}
        return drawn

    for name in ("rand", "randint"):
        monkeypatch.setattr(torch, name, recorded)
    for number, policy in enumerate(case.meta["args"]["policies"]):
        left += [case[key] for key in case.arrays if key.startswith(f"rng.{number}_")]
        x = case["in.x"].requires_grad_()
        y = component("augmentation", "diffaugment", policy=policy).apply(x, BATCH)
        assert not left
        case.check(f"out.y_{number}", y)
        (gradient,) = torch.autograd.grad((y * case[f"in.cot_{number}"]).sum(), x)
        case.check(f"grad.x_{number}", gradient)
    case.check_complete()
