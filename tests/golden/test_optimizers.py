"""Optimizers against torch's own in its plain form, which rounds otherwise than that of one operation for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from support.pggan import component
from torch import Tensor, nn
from torch.testing import assert_close

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])

THEIRS: dict[str, tuple[dict[str, Any], Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer]]] = {
    "adam": ({"betas": [0.5, 0.9]}, lambda weights: torch.optim.Adam(weights, lr=0.02, betas=(0.5, 0.9))),
    "adamw": (
        {"betas": [0.5, 0.9], "weight_decay": 0.3},
        lambda weights: torch.optim.AdamW(weights, lr=0.02, betas=(0.5, 0.9), weight_decay=0.3),
    ),
    "rmsprop": ({"alpha": 0.9}, lambda weights: torch.optim.RMSprop(weights, lr=0.02, alpha=0.9)),
    "sgd": (
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.3},
        lambda weights: torch.optim.SGD(weights, lr=0.02, momentum=0.8, nesterov=True, weight_decay=0.3),
    ),
    "sgd without momentum": (
        {"momentum": 0.0, "nesterov": True},
        lambda weights: torch.optim.SGD(weights, lr=0.02),
    ),
}


def network(dtype: torch.dtype) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).to(dtype)


def weights_after(network: nn.Module, optimizer: torch.optim.Optimizer, dtype: torch.dtype) -> list[Tensor]:
    torch.manual_seed(1)
    for _ in range(5):
        optimizer.zero_grad()
        network(torch.randn(8, 3, dtype=dtype)).square().mean().backward()
        optimizer.step()
    return list(network.parameters())


@DTYPES
@pytest.mark.parametrize("name", THEIRS)
def test_updates(name: str, dtype: torch.dtype) -> None:
    options, build = THEIRS[name]
    (ours, theirs), option = (network(dtype), network(dtype)), {"lr": 0.02, **options}
    made = component("optimizer", name.split()[0], **option).build(ours.parameters())
    found = weights_after(ours, made, dtype)
    for weight, expected, start in zip(
        found, weights_after(theirs, build(theirs.parameters()), dtype), network(dtype).parameters(), strict=True
    ):
        assert_close(weight, expected, rtol=1e-12 if dtype == torch.float64 else 1e-5, atol=0)
        assert not torch.equal(weight, start)


@pytest.mark.parametrize(
    ("name", "options", "setting", "expected"),
    [
        ("adamw", {"betas": [0.5, 0.9]}, "betas", (0.5**0.8, 0.9**0.8)),
        ("sgd", {"momentum": 0.9}, "momentum", 0.9**0.8),
        ("sgd", {"nesterov": True}, "nesterov", True),
        ("sgd", {"nesterov": True, "momentum": 0.0}, "nesterov", False),
    ],
)
def test_decays_are_corrected_for_lazy_regularizers(
    name: str, options: dict[str, Any], setting: str, expected: object
) -> None:
    (group,) = component("optimizer", name, **options).build([nn.Parameter(torch.zeros(1))], 0.8).param_groups
    assert group[setting] == expected
    assert group["lr"] == pytest.approx(0.8e-3)
