"""The trained generator itself, beside or in place of the averaged one: measured, recorded, sampled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.command import rows
from support.measuring import MEASURED
from support.tiny import tiny

from gankit.checkpoints import store
from gankit.cli import main
from gankit.config.checks import problems
from gankit.evaluation.names import is_spread, mistaken_name
from gankit.results.tables import significant
from gankit.runs.start import begin

pytestmark = pytest.mark.costly


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def trained(folder: Path, **changes: Any) -> Path:
    begin(tiny(evaluation=MEASURED | changes), folder).train()
    return folder


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("both") / "run", generators=["average", "current"])


def numbers(run: Path) -> dict[tuple[int, str], float]:
    return {(row["images"], row["name"]): row["value"] for row in rows(run) if row.get("protocol")}


def test_both_are_recorded_by_names_of_their_own(both: Path) -> None:
    last = {name: value for (images, name), value in numbers(both).items() if images == 96}
    assert [*last] == ["fid", "fid_floor", "is", "is_std", "fid_current", "is_current", "is_std_current"]
    assert last["fid"] != last["fid_current"]
    cheaper = [name for images, name in numbers(both) if images == 48]
    assert cheaper == ["fid_quick", "fid_floor_quick", "fid_current_quick"]
    told = {row["name"]: row["protocol"].get("generator") for row in rows(both) if row.get("protocol")}
    assert told["fid"] is told["fid_floor"] is None
    assert told["fid_current"] == told["fid_current_quick"] == "current"


def test_one_changes_nothing_of_the_other_nor_of_training(both: Path, tmp_path: Path) -> None:
    alone = trained(tmp_path / "alone")
    assert numbers(alone).items() <= numbers(both).items()
    current = trained(tmp_path / "current", generators="current")
    assert {name for _, name in numbers(current)} >= {"fid_current", "fid_floor"}
    assert numbers(current).items() <= numbers(both).items()
    for name in ("generator", "discriminator", "average"):
        files = {(store.found(run / "checkpoints")[-1] / f"{name}.safetensors").read_bytes() for run in (both, alone)}
        assert len(files) == 1


@pytest.mark.slow
def test_in_the_background_numbers_are_the_same(both: Path, tmp_path: Path) -> None:
    assert numbers(trained(tmp_path / "run", generators=["average", "current"], background=True)) == numbers(both)


def test_a_run_is_measured_and_compared_by_either(both: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(both), "--which", "current", "--json"]) == 0
    found = {row["name"]: row["value"] for row in json.loads(capsys.readouterr().out)["measurements"][0]["rows"]}
    assert found["fid_current"] == pytest.approx(numbers(both)[96, "fid_current"], rel=1e-9)
    assert "fid" not in found
    assert main(["compare", str(both), "--metric", "fid_current"]) == 0
    floor = f"; noise floor {significant(numbers(both)[96, 'fid_floor'])}"
    said = capsys.readouterr().out
    assert "fid_current at 8x8" in said
    assert floor in said


def test_a_finished_run_gets_the_numbers_of_the_other(both: Path, tmp_path: Path) -> None:
    evaluated, resumed = (trained(tmp_path / name) for name in ("evaluated", "resumed"))
    for _ in range(2):
        assert main(["evaluate", str(evaluated), "--which", "current"]) == 0
    assert main(["resume", str(resumed), "--set", "evaluation.generators=[average, current]"]) == 0
    for run in (evaluated, resumed):
        added = [row["name"] for row in rows(run) if row["name"] == "fid_current" and row["images"] == 96]
        assert added == ["fid_current"]
        for name in ("fid", "fid_current", "is_current"):
            assert numbers(run)[96, name] == pytest.approx(numbers(both)[96, name], rel=1e-9)


def test_either_is_sampled(both: Path) -> None:
    for which in ("average", "current"):
        assert main(["sample", str(both), "-o", f"{which}.npy", "-n", "4", "--which", which]) == 0
    assert main(["sample", str(both), "-o", "default.npy", "-n", "4"]) == 0
    assert Path("default.npy").read_bytes() == Path("average.npy").read_bytes() != Path("current.npy").read_bytes()


def test_names_say_of_which_a_number_is() -> None:
    assert is_spread("kid_std_current", {"kid_current"})
    assert is_spread("kid_std_current_quick", {"kid_current_quick"})
    assert not is_spread("kid_std_current", {"kid"})
    assert mistaken_name(["a_current"]) == "'a_current' is what gankit calls the trained generator's number of 'a'"


def test_at_least_one_is_measured() -> None:
    with pytest.raises(ValidationError, match="generators"):
        tiny(evaluation=MEASURED | {"generators": []})
    for wrong in ("raw", ["average", "raw"]):
        ((path, said),) = problems(tiny(evaluation=MEASURED | {"generators": wrong}))
        assert path == ("evaluation", "generators", len(wrong) - 1 if isinstance(wrong, list) else 0)
        assert said == "there is no generator 'raw' in training.averages. There are: average, current."
    assert tiny(evaluation=MEASURED | {"generators": ["current", "current"]}).evaluation.generators == ["current"]
