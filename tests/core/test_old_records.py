"""What older versions recorded is read in the words of today, and goes on as the run that it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.recorded import recorded
from support.tiny import tiny

from gankit.config.experiment import Experiment
from gankit.config.old_records import former_options, run_in_new_words
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.parser import mapping
from gankit.config.yaml.writer import dump_experiment
from gankit.results.groups import group_runs
from gankit.results.run_results import read_run

FALLING = {"use": "linear", "start": 1e-3, "end": 0.0}


def old_words(join: str, decay: str) -> dict[str, Any]:
    """An experiment as gankit 0.2 recorded it, with one option for both joins and a decay of the optimizers."""
    options = yaml.safe_load(dump_experiment(tiny()))
    options["fading"]["by"] = join
    options["augment"] = None
    for optimizer in options["training"]["optimizer"].values():
        optimizer["decay"] = decay
    return options


@pytest.mark.parametrize("join", ["blend", "gate"])
@pytest.mark.parametrize("decay", ["none", "linear"])
def test_old_words_mean_the_experiment_of_today(join: str, decay: str, tmp_path: Path) -> None:
    lr = FALLING if decay == "linear" else 1e-3
    today = tiny(join=join, training={"batch": 8, "device": "cpu", "optimizer": {"use": "adam", "lr": lr}})
    old = old_words(join, decay)
    root = run_in_new_words(mapping(yaml.safe_dump(old), "experiment.yaml"))
    assert Experiment.model_validate(plain_value(root)) == today
    said = yaml.safe_load(dump_experiment(today))
    runs = []
    for seed, options in enumerate((old, said)):
        named = {name: value for name, value in options.items() if name not in ("name", "seed")}
        runs.append(read_run(recorded(tmp_path / str(seed), [], **named, seed=seed)))
    assert len(group_runs(runs)) == 1


def test_options_that_a_checkpoint_knows_by_old_words_are_not_taken_for_changed() -> None:
    optimizer = "training.optimizer.generator"
    kept = {
        "fading.by": "gate",
        "fading.rate": 1.0,
        "augment": None,
        f"{optimizer}.lr.4": 1e-3,
        f"{optimizer}.decay": "linear",
        "training.optimizer.discriminator.lr": 1e-3,
        "training.optimizer.discriminator.decay": "none",
    }
    assert {*kept} - {*former_options(kept)} == {"fading.rate", "training.optimizer.discriminator.lr"}
    assert not {*former_options({"augment": []})} & {"augment"}
    assert "augment.use" in {*former_options({"augment.use": "mine/shift", "augment.0.use": "mine/shift"})}
    assert "augment.0.use" not in {*former_options({"augment.use": "mine/shift", "augment.0.use": "mine/shift"})}
