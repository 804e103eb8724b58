"""One optimizer for both networks: what each has of its own, and where mistakes in it are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command import QUICKSTART
from support.toys import EXPERIMENT

import gankit
from gankit.cli import main
from gankit.config.experiment import Experiment
from gankit.core.options import with_article
from gankit.core.registry import register

OPTIMIZER = "{use: adam, lr: 1e-3, betas: [0, 0.99]}"
EXPECTED = "expected the name of an optimizer, or a mapping with 'use: <name>' and its options"
OF_GENERATOR, OF_BOTH = "training.optimizer.generator", "training.optimizer"

MISTAKES = [  # what one network has of its own; where it is wrong; what is said
    ("{use: adam, lr: x, generator: null}", f"{OF_BOTH}.lr: expected a number, not 'x'"),
    ("{use: adam, lr: x, generator: {}, discriminator: {}}", f"{OF_BOTH}.lr: expected a number, not 'x'"),
    ("{use: adam, lr: x, generator: {lr: 1}}", f"{OF_BOTH}.lr: expected a number, not 'x'"),
    ("{use: adam, lr: x, generator: adam}", f"{OF_BOTH}.lr: expected a number, not 'x'"),
    ("{use: adam, generator: {lr: x}}", f"{OF_GENERATOR}.lr: expected a number, not 'x'"),
    ("{use: adam, generator: {}, ler: 1}", f"{OF_BOTH}.ler: unknown option. Did you mean 'lr'?"),
    ("{use: adan, generator: null}", f"{OF_BOTH}.use: no optimizer is called 'adan'. Did you mean 'adam'?"),
    ("{use: adam, generator: 3}", f"{OF_GENERATOR}: {EXPECTED}"),
    ("{use: adam, generator: 0}", f"{OF_GENERATOR}: {EXPECTED}"),
    ("{use: adam, generator: false}", f"{OF_GENERATOR}: {EXPECTED}"),
    ("{use: adam, generator: []}", f"{OF_GENERATOR}: {EXPECTED}"),
    ("{use: adam, generator: ''}", f"{OF_GENERATOR}: no optimizer is called ''. Available: adam, slow."),
    ("{use: adam, generator: adan}", f"{OF_GENERATOR}: no optimizer is called 'adan'. Did you mean 'adam'?"),
    ("{use: adam, generator: {use: [adam]}}", f"{OF_GENERATOR}.use: expected the name of an optimizer"),
    ("{use: adam, generator: slow}", f"{OF_GENERATOR}.warmup: required option is missing"),
    ("{use: adam, generator: {use: slow}}", f"{OF_GENERATOR}.warmup: required option is missing"),
    ("{use: slow, generator: {warmup: 1}, discriminator: {lr: 1}}", f"{OF_BOTH}.warmup: required option is missing"),
]


class Slow(gankit.Optimizer):
    """Begins late."""

    warmup: int
    """How late."""
    lr: float = 1.0
    """Learning rate."""

    def build(self, parameters: Any, correction: float = 1.0) -> Any: ...

    def learning_rate(self, progress: gankit.Progress) -> float:
        """Always the same."""
        return self.lr


@pytest.mark.parametrize(("written", "said"), MISTAKES)
def test_mistakes_are_told_where_they_stand(mistakes: Callable[..., list[str]], written: str, said: str) -> None:
    register("toys", "slow", Slow)
    (found,) = mistakes(EXPERIMENT.replace(OPTIMIZER, written))
    assert found.splitlines()[0].partition(": ")[2].startswith(said)


@pytest.mark.parametrize("own", ["null", "{}", "{lr: 2e-3}", "{use: toys/adam}", "{use: toys/adam, lr: 2e-3}"])
def test_a_network_has_all_that_is_shared_but_what_it_changes(load: Callable[..., Experiment], own: str) -> None:
    optimizer = load(
        EXPERIMENT.replace(OPTIMIZER, f"{{use: adam, betas: [0.5, 0.9], generator: {own}}}")
    ).training.optimizer
    one, other = optimizer.generator.model_dump(), optimizer.discriminator.model_dump()
    assert one == other | ({"lr": 2e-3} if "lr" in own else {})
    assert one["betas"] == (0.5, 0.9)


def test_what_is_empty_ends_validation_in_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "experiment.yaml"
    optimizer = "training: {optimizer: {use: adam, lr: x, generator: }}"
    file.write_text(f"extends: {QUICKSTART}\n{optimizer}\n")
    assert main(["validate", str(file)]) == 2
    assert f"{file}:2:39: training.optimizer.lr: expected a number, not 'x'" in capsys.readouterr().err


def test_kinds_have_the_right_article() -> None:
    kinds = ["augmentation", "average", "extractor", "init", "observer", "optimizer", "loss", "head"]
    assert [with_article(kind).split()[0] for kind in kinds] == ["an"] * 6 + ["a"] * 2
