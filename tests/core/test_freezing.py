"""Parts of networks that are frozen stay to the bit, and cost no optimizer anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import Regularizer, UserError
from gankit.checkpoints import store
from gankit.config.experiment import Experiment
from gankit.config.freezing import freezable
from gankit.config.loader import load_experiment
from gankit.core.registry import register, restored
from gankit.discovery.manager import plugins
from gankit.runs.recorded import allowed_changes
from gankit.runs.start import begin, resume
from gankit.training.trainer import Trainer

FREEZE = ["generator.stem", "discriminator.blocks.8", "discriminator.rgb"]


class Shrinking(Regularizer):
    """Makes all weights smaller, frozen or not."""

    def constrain(self, discriminator: nn.Module) -> None:
        for parameter in discriminator.parameters():
            parameter.mul_(0.99)


def experiment(freeze: list[str], **changes: Any) -> Experiment:
    return tiny(
        **{
            "training": {"batch": 8, "device": "cpu", "freeze": freeze},
            "regularizers": [],
            "loss": "non-saturating",
            **changes,
        }
    )


def weights(made: Trainer) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": parameter.detach().clone()
        for name, network in made.networks.items()
        for key, parameter in network.named_parameters()
    }


@pytest.mark.parametrize("regularizers", [[], ["shrinking"]], ids=["free", "constrained"])
def test_they_stay_to_the_bit_and_all_else_moves(regularizers: list[str]) -> None:
    plugins.load_installed()
    with restored():
        register("basics", "shrinking", Shrinking)
        made = trainer(experiment(FREEZE, regularizers=regularizers))
    before = weights(made)
    while made.images < made.ends[-1]:
        made.iteration()
    after = weights(made)
    for key, tensor in before.items():
        assert torch.equal(tensor, after[key]) is key.startswith(tuple(f"{part}." for part in FREEZE)), key
    for key, parameter in made.averages["average"].generator.named_parameters():
        assert torch.equal(parameter, before[f"generator.{key}"]) is key.startswith("stem."), key


def test_optimizers_know_nothing_of_them() -> None:
    made, whole = trainer(experiment(FREEZE)), trainer(experiment([]))
    for each in (made, whole):
        each.iteration()
    for name in ("generator", "discriminator"):
        held = sum(len(group["params"]) for group in made.optimizers[name].param_groups)
        kept = sum(key.startswith(tuple(FREEZE)) for key in weights(made) if key.startswith(name))
        assert kept
        assert held == sum(len(group["params"]) for group in whole.optimizers[name].param_groups) - kept
        assert len(made.optimizers[name].state) <= held


@pytest.mark.costly
def test_they_begin_as_the_run_that_it_starts_from_left_them_and_go_on_so(tmp_path: Path) -> None:
    begin(experiment([]), tmp_path / "source").train()
    source = store.read(store.found(tmp_path / "source" / "checkpoints")[-1]).state["weights"]
    training = {"batch": 8, "device": "cpu", "freeze": FREEZE, "start_from": str(tmp_path / "source")}
    begin(experiment([], training=training, checkpoints={"every": 24, "keep": 9}), tmp_path / "run").train()
    for path in (found := store.found(tmp_path / "run" / "checkpoints")):
        there = store.read(path).state["weights"]
        for network in ("generator", "discriminator"):
            frozen = [key for key in there[network] if f"{network}.{key}".startswith(tuple(FREEZE))]
            assert frozen
            assert all(torch.equal(there[network][key], source[network][key]) for key in frozen)
    last = (found[-1] / "training.pt").read_bytes()
    for path in found[2:]:
        (path / "manifest.json").unlink()
    going_on = resume(tmp_path / "run")
    assert going_on is not None
    going_on.train()
    assert (found[-1] / "training.pt").read_bytes() == last
    with pytest.raises(UserError, match=r"a run goes on as it began.*\n.*training\.freeze"):
        allowed_changes(experiment(FREEZE), experiment(FREEZE[:1]))


def test_names_are_those_of_modules() -> None:
    made = trainer(experiment([]))
    for network in ("generator", "discriminator"):
        names = [*freezable(made.experiment, network)]
        for name in names:
            made.networks[network].get_submodule(name.removeprefix(f"{network}."))
        covered = tuple(name.removeprefix(f"{network}.") + "." for name in names)
        assert [key for key, _ in made.networks[network].named_parameters() if not key.startswith(covered)] == []


def test_nothing_left_to_train_is_refused() -> None:
    everything = [*freezable(tiny(), "discriminator")]
    with pytest.raises(UserError, match=r"training\.freeze: nothing of the discriminator is left to be trained"):
        trainer(experiment(everything))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("generator.maping", "the networks have no part 'generator.maping'. Did you mean 'generator.mapping'?"),
        ("discriminator.blocks.12", "Did you mean 'discriminator.blocks.1"),
        ("x", "There are: generator.mapping, generator.stem"),
    ],
)
def test_wrong_names_are_told_with_their_lines(tmp_path: Path, part: str, said: str) -> None:
    file = tmp_path / "wrong.yaml"
    quickstart = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"
    file.write_text(f"extends: {quickstart}\ntraining:\n  freeze: [generator.stem, {part}]\n")
    with pytest.raises(UserError) as caught:
        load_experiment(file)
    assert "wrong.yaml:3:28: training.freeze.1: the networks have no part" in str(caught.value)
    assert said in str(caught.value)
