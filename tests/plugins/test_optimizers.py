"""Optimizers: torch's to the bit, and no compiler of torch's beside them."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.command import QUICKSTART, SMALL
from torch.nn import Parameter

from gankit.kinds import Optimizer
from gankit.testing.state import bits, first_differing
from gankit_basics.optimizers import SGD, Adam, AdamW, RMSprop

PAIRS: list[tuple[Optimizer, Callable[..., torch.optim.Optimizer], dict[str, Any]]] = [
    (Adam(lr={0: 0.1}, betas=(0.5, 0.9)), torch.optim.Adam, {"betas": (0.5, 0.9), "eps": 1e-8, "fused": True}),
    (
        AdamW(lr={0: 0.1}, weight_decay=0.2),
        torch.optim.AdamW,
        {"betas": (0.0, 0.99), "weight_decay": 0.2, "fused": True},
    ),
    (RMSprop(lr={0: 0.1}, alpha=0.9), torch.optim.RMSprop, {"alpha": 0.9}),
    (SGD(lr={0: 0.1}, nesterov=True), torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "fused": True}),
]


def parameters() -> list[Parameter]:
    draws = torch.Generator().manual_seed(0)
    return [Parameter(torch.randn(size, generator=draws)) for size in ((3, 4), (7,), (2, 3, 3, 3))]


def trained(optimizer: torch.optim.Optimizer, moved: list[Parameter], updates: range) -> None:
    for number in updates:
        optimizer.zero_grad()
        draws = torch.Generator().manual_seed(number)
        torch.stack([(each * torch.randn(each.shape, generator=draws)).sum().sin() for each in moved]).sum().backward()
        optimizer.step()
        assert not any(each.requires_grad for state in optimizer.state.values() for each in state.values())


@pytest.mark.parametrize(("options", "kind", "given"), PAIRS, ids=lambda each: getattr(each, "__name__", ""))
def test_they_are_torchs_to_the_bit_and_take_each_others_state(
    options: Optimizer, kind: Callable[..., torch.optim.Optimizer], given: dict[str, Any]
) -> None:
    mine, theirs = parameters(), parameters()
    own, torchs = options.build(mine), kind(theirs, lr=0.1, **given)
    trained(own, mine, range(4))
    trained(torchs, theirs, range(4))
    assert first_differing(bits(mine), bits(theirs)) is None
    assert first_differing(bits(own.state_dict()["state"]), bits(torchs.state_dict()["state"])) is None
    assert own.state_dict()["param_groups"][0].keys() == torchs.state_dict()["param_groups"][0].keys()

    before = bits(own.state_dict())
    again, other = options.build(mine), kind(theirs, lr=0.1, **given)
    again.load_state_dict(torchs.state_dict())
    other.load_state_dict(own.state_dict())
    trained(again, mine, range(4, 6))
    trained(other, theirs, range(4, 6))
    assert first_differing(bits(mine), bits(theirs)) is None
    assert first_differing(before, bits(again.state_dict())) is not None


@pytest.mark.parametrize(("options", "kind", "given"), PAIRS, ids=lambda each: getattr(each, "__name__", ""))
def test_copies_and_pickled_ones_go_on_as_torchs(
    options: Optimizer, kind: type[torch.optim.Optimizer], given: dict[str, Any]
) -> None:
    moved = parameters()
    optimizer = options.build(moved)
    trained(optimizer, moved, range(2))
    copies = [pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer)]
    trained(optimizer, moved, range(2, 4))
    for other in copies:
        assert type(other) is kind
        own = other.param_groups[0]["params"]
        assert first_differing(bits(own), bits(moved)) is not None
        trained(other, own, range(2, 4))
        assert first_differing(bits(own), bits(moved)) is None


def test_their_hooks_are_called() -> None:
    heard, moved = list[str](), parameters()
    optimizer = Adam().build(moved)
    optimizer.register_step_post_hook(lambda *_: heard.append("after"))
    trained(optimizer, moved, range(2))
    assert heard == ["after", "after"]


@pytest.mark.costly
def test_a_run_imports_neither_torchs_compiler_nor_torch_fidelity(tmp_path: Path) -> None:
    """Each takes about as long as torch itself."""
    code = f"""
import sys
from gankit.cli import main
code = main({["run", str(QUICKSTART), *SMALL, "--out", "run"]!r})
sys.exit(code or ", ".join({{"torch._dynamo", "torch_fidelity", "torchvision"}} & sys.modules.keys()) or None)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "fid" in done.stdout
