"""Optimizers that split the groups they are given: each has settings and a multiple of the learning rate of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
import torch
from pydantic import Field
from support.tiny import tiny, trainer
from torch.nn import Parameter

from gankit import Optimizer, Progress, Scheduled
from gankit.config.experiment import Experiment
from gankit.core import registry
from gankit.core.errors import ContractError
from gankit.discovery.manager import plugins
from gankit.runs.start import begin
from gankit.testing.state import bits, first_differing, through_checkpoint
from gankit.training.contracts import check_groups
from gankit.training.trainer import Trainer


class Splitting(Optimizer):
    """Weights of two dimensions and more apart from others."""

    lr: Scheduled[float] = 1e-3
    """Learning rate."""
    weight_decay: Scheduled[Annotated[float, Field(ge=0)]] = 0.1
    """Of weights alone."""

    def learning_rate(self, progress: Progress) -> float:
        """The number in force."""
        return self.lr

    def split(self, parameters: Any, weights: dict[str, Any], others: dict[str, Any]) -> list[dict[str, Any]]:
        found = list[dict[str, Any]]()
        for group in parameters:
            for settings, many in ((weights, True), (others, False)):
                own = [each for each in group["params"] if (each.ndim > 1) == many]
                found += [{**group, "params": own, **settings}] if own else []
        return found


class Undecayed(Splitting):
    """AdamW without decay of biases, which learn at half the rate."""

    def build(self, parameters: Any, correction: float = 1.0) -> torch.optim.Optimizer:
        others = {"weight_decay": 0.0, "lr_multiplier": 0.5}
        return torch.optim.AdamW(self.split(parameters, {"weight_decay": self.weight_decay}, others), lr=1e-3)


class SignsAndMoments(torch.optim.Optimizer):
    """Signs of momenta for some groups, Adam's steps for the others."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        for group in self.param_groups:
            for parameter in (each for each in group["params"] if each.grad is not None):
                state = self.state[parameter]
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                mean = state.setdefault("mean", torch.zeros_like(parameter)).lerp_(parameter.grad, 0.1)
                if group["by_signs"]:
                    parameter.sub_(mean.sign(), alpha=group["lr"])
                    continue
                square = state.setdefault("square", torch.zeros_like(parameter))
                square.lerp_(parameter.grad.square(), 0.1)
                parameter.addcdiv_(mean, square.sqrt().add_(1e-8), value=-group["lr"])


class TwoKinds(Splitting):
    """Two optimizers in one."""

    def build(self, parameters: Any, correction: float = 1.0) -> torch.optim.Optimizer:
        by_signs = {"by_signs": True, "weight_decay": self.weight_decay, "lr_multiplier": 0.1}
        return SignsAndMoments(self.split(parameters, by_signs, {"by_signs": False, "weight_decay": 0.0}), {"lr": 1e-3})


class ByTheTensor(Splitting):
    """Splits by what only the parameters themselves tell: their values."""

    def build(self, parameters: Any, correction: float = 1.0) -> torch.optim.Optimizer:
        groups = list[dict[str, Any]]()
        for group in parameters:
            of_zeros = [[each for each in group["params"] if bool(each.any()) != zeros] for zeros in (True, False)]
            groups += [{**group, "params": own} for own in of_zeros if own]
        return torch.optim.SGD(groups, lr=1e-3)


@pytest.fixture(autouse=True)
def _own() -> Iterator[None]:
    plugins.load_installed()
    with registry.restored():
        for name, kind in (("undecayed", Undecayed), ("two", TwoKinds), ("by-the-tensor", ByTheTensor)):
            registry.register("fidelity", name, kind)  # a plugin that is loaded
        yield


MOVING = {"use": "linear", "start": 0.2, "end": 0.1}


def experiment(use: str, **training: Any) -> Experiment:
    optimizer = {"use": f"fidelity/{use}", "lr": {"use": "linear", "start": 1e-2, "end": 1e-3}, "weight_decay": MOVING}
    return tiny(fading={"rate": 0.25}, training={"batch": 8, "optimizer": optimizer, **training})


@pytest.mark.parametrize("use", ["undecayed", "two"])
def test_each_group_has_its_own_settings_and_share_of_the_rate(use: str) -> None:
    made, fades = trainer(experiment(use)), 0
    while made.images < (total := made.ends[-1]):
        done = made.images / total
        made.iteration()
        fading = made.now.resolution if made.now.alpha < 1 else None
        for optimizer in made.optimizers.values():
            for group in optimizer.param_groups:
                weights, fades = group["params"][0].ndim > 1, fades + (group["new_at"] == fading)
                rate = (1e-2 - 9e-3 * done) * (0.25 if group["new_at"] == fading else 1)
                assert group["weight_decay"] == pytest.approx(0.2 - 0.1 * done if weights else 0.0)
                assert group["lr"] == pytest.approx(rate * {"undecayed": (0.5, 1), "two": (1, 0.1)}[use][weights])
    assert fades


@pytest.mark.parametrize(("use", "precision"), [("undecayed", "fp16"), ("two", "fp32")])
def test_through_growth_it_goes_on_to_the_same_bits(use: str, precision: str) -> None:
    straight, resumed = (trainer(experiment(use, precision=precision)) for _ in range(2))
    kept = straight.state_dict()
    while straight.images < straight.ends[-1]:
        straight.iteration()
        if straight.images == 32:  # where the second stage begins
            kept = through_checkpoint(straight.state_dict())
    resumed.load_state_dict(kept)
    while resumed.images < resumed.ends[-1]:
        resumed.iteration()
    assert first_differing(bits(straight.state_dict()), bits(resumed.state_dict())) is None
    assert all(bool(each.isfinite().all()) for each in straight.generator.parameters())


def test_a_rehearsal_takes_them(tmp_path: Path) -> None:
    begin(experiment("undecayed"), tmp_path / "run", rehearsed=True)._record.close()


def test_parameters_that_are_built_on_again_are_not_those_of_the_run() -> None:
    """So that what an optimizer does to them as it is built is done once."""
    built = list[Any]()
    given: Callable[..., Any] = Undecayed.build
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Undecayed, "build", lambda self, groups, *rest: built.append(groups) or given(self, groups, *rest)
        )
        made = trainer(experiment("undecayed"))
        made.iteration()
    own = {id(each) for trained in made.trained.values() for each in trained}
    first, *_, last = ([each for group in groups for each in group["params"]] for groups in built)
    assert {*map(id, first)} <= own
    assert not {*map(id, last)} & own
    assert sum(each.untyped_storage().nbytes() for each in last) == 4 * len(last)


def test_groups_that_are_split_otherwise_as_options_move_are_told() -> None:
    made: Trainer = trainer(experiment("by-the-tensor"))
    with pytest.raises(ContractError, match="as its options move, and built groups of"):
        made.iteration()


@pytest.mark.parametrize("multiplier", [0, -1.0, math.nan, "half"])
def test_a_multiplier_is_a_number_above_zero(multiplier: Any) -> None:
    groups = [{"params": [Parameter(torch.ones(2))], "new_at": 0, "lr_multiplier": multiplier}]
    with pytest.raises(ContractError, match=r"builds a group with an 'lr_multiplier' of .*, not a number above zero"):
        check_groups(groups, torch.optim.SGD(groups, lr=1.0))


@pytest.mark.parametrize("moved", [True, False], ids=["to another group", "out"])
def test_each_parameter_stays_with_its_fade(moved: bool) -> None:
    given = [{"params": [Parameter(torch.ones(2)), Parameter(torch.ones(2))], "new_at": at} for at in (8, 0)]
    first, last = (group["params"] for group in given)
    built = [{"params": first[:1], "new_at": 8}, {"params": last, "new_at": 0}]
    built += [{"params": first[1:], "new_at": 0}] if moved else []
    with pytest.raises(ContractError, match=r"had another 'new_at', or leaves some out; split a group so that each"):
        check_groups(given, torch.optim.SGD(built, lr=1.0))
