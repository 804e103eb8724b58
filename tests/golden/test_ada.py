"""Adaptive augmentation against numbers from the authors' own code."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from support.case import Case
from support.pggan import component
from torch import Tensor

from gankit_ada.pipe import augmented
from gankit_ada.pipe.draws import Draws

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
NAMES = {
    **{"xflip": "flip", "rotate90": "rotate-90", "xint": "translate-int"},
    **{name: name for name in ("scale", "brightness", "contrast", "hue")},
}


class Percentile(Draws):
    """Draws the same percentile of every distribution; of normal ones the authors' code leaves out a root of 2."""

    share = 0.5

    def _uniform(self, columns: int) -> Tensor:
        return self._all(self.share, columns)

    def _normal(self, columns: int) -> Tensor:
        return torch.erfinv(self._all(2 * self.share - 1, columns))


@DTYPES
def test_transforms_and_their_gradients(dtype: torch.dtype) -> None:
    case = Case("sg2_ada_augment", dtype)
    for number, recorded in enumerate(case.meta["args"]):
        x = case["in.x"].requires_grad_()
        draws = Percentile(x, {NAMES[name]: chance for name, chance in recorded["kwargs"].items()})
        draws.share = recorded["debug_percentile"]
        y = augmented(x, draws)
        case.check(f"out.y_{number}", y)
        (gradient,) = torch.autograd.grad(y.square().sum(), x)
        case.check(f"grad.x_of_sumsq_{number}", gradient)
    case.check_complete()


def test_the_heuristic() -> None:
    """Scores of 160 patches an update have exactly the recorded mean signs."""
    case = Case("sg2_ema_lazyreg_ada")
    ((batch, interval, kimg, target, _),) = case.meta["args"]["ada_batch_interval_kimg_target"]
    ada = component("augmentation", "ada", over=1000 * kimg, interval=interval, target=target)
    memory: dict[str, Tensor] = {}
    found = []
    for r in case["sched.ada_signs_0"].tolist():
        score = torch.ones(batch * 5)
        score[: round(len(score) * (1 - r) / 2)] = -1
        for _ in range(interval):
            ada.adapt(step_of(score.view(batch, 5), memory))
        found.append(memory["p"])
    case.check("sched.ada_p_0", torch.stack(found))


def step_of(score: Tensor, memory: dict[str, Tensor]) -> Any:
    """A step of the discriminator that gave reals this score."""
    return SimpleNamespace(on_real=SimpleNamespace(score=score), memory=lambda _: memory, log=lambda *_: None)
