"""Compiled networks have the gradients of plain ones, and are used where no gradient is derived twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.slow import slow_but
from support.systems import stir
from support.tiny import tiny, trainer

from gankit.config.checks import problems
from gankit.config.loader import load_experiment
from gankit.core.errors import UserError
from gankit.training import compiling
from gankit.training.trainer import Trainer
from gankit.training.update import Moment

SMALL = sorted((Path(__file__).parents[2] / "experiments" / "small").glob("*.yaml"))


def made(file: Path, compiles: bool) -> Trainer:
    settings = [f"training.compile={str(compiles).lower()}", "training.batch=4", "training.device=cpu"]
    found = trainer(load_experiment(file, settings))
    torch.manual_seed(0)
    for network in found.networks.values():
        stir(network)
    found.images = found.ends[-1] - found.stages[-1].images // 2
    found._follow_growth()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["inductor"])
@pytest.mark.parametrize("file", [f for f in SMALL if f.stem == "stylegan2-digits"], ids=lambda file: file.stem)
def test_by_the_compiler_itself(file: Path, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "BACKEND", backend)
    same(file, monkeypatch)


@pytest.mark.parametrize(
    "file", slow_but([f for f in SMALL if f.stem == "sngan-digits"], SMALL), ids=lambda file: file.stem
)
def test_gradients_are_those_of_plain_networks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As traced: all that the compiler does but its kernels. What penalties derive twice is taken of plain networks."""
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")
    same(file, monkeypatch)


def same(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, compiled = (made(file, compiles) for compiles in (False, True))
    for name in ("discriminator", "generator"):
        records: list[Any] = []
        for each in (plain, compiled):
            for optimizer in each.optimizers.values():
                monkeypatch.setattr(optimizer, "step", lambda: None)  # so that both stay where they are
            each.iterations = 0  # lazy regularizers are due
            records.append(each.updater.update(name, each._batch(), Moment(0, each.images, 0, each.now)))
        assert records[0].keys() == records[1].keys()
        for scalar, value in records[0].items():
            torch.testing.assert_close(records[1][scalar], value, rtol=1e-3, atol=1e-4)
        gradients = [[parameter.grad for parameter in each.trained[name]] for each in (plain, compiled)]
        assert any(gradient is not None and gradient.any() for gradient in gradients[0])
        for found, expected in zip(gradients[1], gradients[0], strict=True):
            assert (found is None) == (expected is None)
            if found is not None and expected is not None:
                torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()) + 1e-8)


def test_a_machine_without_a_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> None:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(compiling, "BACKEND", broken)
    with pytest.raises(UserError, match=r"training\.compile: torch cannot compile for cpu here; .*no C\+\+ compiler"):
        trainer(tiny(training={"batch": 8, "compile": True}))


def test_it_does_not_go_with_activations_that_are_made_again() -> None:
    [(path, said)] = problems(tiny(training={"batch": 8, "compile": True, "activation_checkpointing": True}))
    assert path == ("training", "compile")
    assert said.startswith("does not go with activation_checkpointing")
