"""Options that came later change nothing of experiments that do without them, nor of what runs have recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.discriminators import discriminator_options
from support.recorded import recorded
from support.tiny import tiny

from gankit.config.experiment import Experiment
from gankit.config.yaml.writer import dump_experiment
from gankit.results.groups import group_runs
from gankit.results.run_results import read_run

LATER: dict[str, Any] = {
    "training": {"average": {"decay": 0.999}},
    "data": {"use": "digits", "channels": 3},
    "generator": tiny().generator.model_dump() | {"stem": {"use": "pggan", "init": "orthogonal"}},
    "discriminator": discriminator_options(tiny()).model_dump()
    | {"block": {"use": "residual", "upsampling": "bilinear"}},
}


def said(experiment: Experiment) -> dict[str, Any]:
    return yaml.safe_load(dump_experiment(experiment))


def test_what_is_as_by_default_is_not_recorded() -> None:
    text = dump_experiment(tiny(discriminator=discriminator_options(tiny()).model_dump() | {"block": "residual"}))
    assert not [name for name in ("decay: null", "init: null}", "upsampling:", "range:") if name in text]
    assert said(tiny())["data"] == {"use": "images/digits", "labels": False}
    assert said(tiny())["generator"]["stem"] == {"use": "pggan/pggan"}


@pytest.mark.parametrize("part", LATER)
def test_what_is_not_so_is_recorded_and_read_again(part: str) -> None:
    experiment = tiny(**{part: LATER[part]})
    assert said(experiment) != said(tiny())
    assert Experiment.model_validate(said(experiment)) == experiment


def test_runs_of_before_and_new_ones_are_seeds_of_one_variant(tmp_path: Path) -> None:
    before = {name: value for name, value in said(tiny()).items() if name not in ("name", "seed")}
    new = recorded(tmp_path / "b", [], **before, seed=1)
    other = said(tiny(data=LATER["data"]))["data"]
    runs = [
        recorded(tmp_path / "a", [], **before, seed=0),
        new,
        recorded(tmp_path / "c", [], **before | {"data": other}),
    ]
    assert [len(group.runs) for group in group_runs([read_run(run) for run in runs])] == [2, 1]
