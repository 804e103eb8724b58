"""What the runs of a study would cost, by variant, told before they begin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.command import TWO_UPDATES, gankit_here

from gankit.costs.machine import Machine
from gankit.costs.measuring import Measured, Measuring
from gankit.costs.phases import Phase

STUDY = f"""\
{TWO_UPDATES}
matrix: {{training.optimizer.lr: [1e-3, 2e-3], seed: [0, 1, 2]}}
variants: {{wide: {{generator.channels: 8}}}}
exclude: [{{training.optimizer.lr: 2e-3, seed: 1}}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with a study."""
    (tmp_path / "rates.yaml").write_text(STUDY)
    (tmp_path / "two.yaml").write_text(TWO_UPDATES)
    return tmp_path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The phases of which whole iterations are measured."""
    labels: list[str] = []
    before = Measuring.iterations

    def iterations(this: Measuring, phase: Phase, seconds: float) -> Measured:
        labels.append(phase.label)
        return before(this, phase, 0.05)

    monkeypatch.setattr(Measuring, "iterations", iterations)
    return labels


def test_each_variant_is_told_once_and_all_runs_count(folder: Path, measured: list[str]) -> None:
    done = gankit_here(["estimate", "rates.yaml", "--json"], folder)

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    first, second, wide = found["variants"]
    assert [each["name"] for each in found["variants"]] == ["lr=0.001", "lr=0.002", "wide"]
    assert [each["seeds"] for each in found["variants"]] == [[0, 1, 2], [0, 2], [0, 1, 2]]
    assert found["seconds"] == pytest.approx(3 * first["seconds"] + 2 * second["seconds"] + 3 * wide["seconds"])
    assert first["memory"] == max(phase["memory"] for phase in first["phases"])
    assert (found["name"], found["phases"], found["too_large"]) == ("rates", [], [])
    assert measured == ["8x8"] * 2  # a learning rate changes nothing of what an iteration takes
    assert first["phases"][0]["seconds_an_iteration"] == second["phases"][0]["seconds_an_iteration"]
    assert first["phases"][0]["parameters"] != wide["phases"][0]["parameters"]


@pytest.mark.costly
def test_a_row_a_variant_with_what_does_not_fit(
    folder: Path, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "memory", property(lambda machine: 10**6))
    done = gankit_here(["estimate", "rates.yaml", "--budget", "1e-6", "--only", "wide", "--only", "*=0.002"], folder)

    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == "variant runs memory a run takes all take will not fit"
    assert [line.split()[:2] for line in lines[2:4]] == [["lr=0.002", "2"], ["wide", "3"]]
    assert all(line.endswith(" 8x8") for line in lines[2:4])
    assert lines[4].startswith("In all ~")
    assert lines[4].endswith(" for 5 runs of 2 variants, 160 images, one run after the other.")
    assert "gankit: wide: stage 1, 8x8, will not fit: it needs about " in done.stderr
    assert measured == []


def test_one_variant_is_shown_stage_by_stage(folder: Path, measured: list[str]) -> None:
    done = gankit_here(["estimate", "rates.yaml", "--only", "wide"], folder)

    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0].startswith("stage batch generator discriminator ")
    assert lines[2].startswith("8x8 16 ")
    assert any(line.startswith("wide: In all ") and " for 3 runs, 96 images, " in line for line in lines)


@pytest.mark.parametrize(
    ("file", "only", "said"),
    [
        ("rates.yaml", "wider", "--only: no run matches wider. Did you mean 'wide'?"),
        ("two.yaml", "wide", "--only: two.yaml is no study but an experiment"),
    ],
)
def test_mistakes(file: str, only: str, said: str, folder: Path) -> None:
    done = gankit_here(["estimate", file, "--only", only], folder)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
