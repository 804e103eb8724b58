"""gankit expand: all that an experiment says, or the runs of a study."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from support.command import QUICKSTART

from gankit.cli import main
from gankit.config.loader import load_experiment


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(f"extends: {QUICKSTART}\nname: mine\ngenerator: {{channels: {{16: 24}}}}\n")
    Path("study.yaml").write_text("extends: mine.yaml\nmatrix: {loss: [hinge, wgan], seed: [0, 1]}\n")


def test_who_watches_every_run_is_shown_though_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["observers=[{use: sample-grid, count: 4}, {use: guard, enabled: false}]"]
    assert main(["expand", "mine.yaml", "--set", *settings]) == 0
    printed = capsys.readouterr().out
    shown = [line.strip() for line in printed.partition("observers:")[2].splitlines()]
    assert [line for line in shown if "use: observers/" in line or "enabled" in line]
    Path("whole.yaml").write_text(printed)
    watching = load_experiment(Path("whole.yaml")).observers
    assert watching == load_experiment(Path("mine.yaml"), settings).observers
    named = [(type(observer).__name__, observer.enabled) for observer in watching]
    assert named == [("SampleGrid", True), ("Guard", False), ("ConsoleProgress", True)]
    assert main(["explain", "observers"]) == 0
    assert "{use: guard, enabled: false}" in capsys.readouterr().out


def test_an_experiment_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expand", "mine.yaml", "--set", "training.batch=16"]) == 0
    printed = capsys.readouterr().out
    assert "extends" not in printed
    assert "  channels: {4: 64, 8: 48, 16: 24}\n" in printed
    assert "loss: {use: gan/non-saturating}\n" in printed
    assert "  mirror: false\n" in printed
    Path("whole.yaml").write_text(printed)
    assert load_experiment(Path("whole.yaml")) == load_experiment(Path("mine.yaml"), ["training.batch=16"])


def test_marks_that_turn_lines_around_are_printed_as_escapes_and_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "a\u202eb\u2066c\u200bd\u00a0e 'quoted' \U000e0041"
    folder = json.dumps({"use": "folder", "path": f"/{hostile}", "channels": 1}, ensure_ascii=False)
    assert main(["expand", "mine.yaml", "--set", f"data={folder}"]) == 0
    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert r"/a\u202eb\u2066c\u200bd" in printed
    Path("whole.yaml").write_text(printed)
    assert str(dict(load_experiment(Path("whole.yaml"), check=False).data)["path"]) == f"/{hostile}"
    assert yaml.safe_load(printed)["data"]["path"] == f"/{hostile}"


def test_the_runs_of_a_study_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expand", "study.yaml", "--only", "loss=wgan"]) == 0
    said = capsys.readouterr().out
    assert [line.split() for line in said.splitlines() if "seed-" in line] == [
        ["loss=wgan/seed-0", "wgan", "98,000"],
        ["loss=wgan/seed-1", "wgan", "98,000"],
    ]


def test_either_may_lack_its_images_here(capsys: pytest.CaptureFixture[str]) -> None:
    lacking = ["--set", "data={use: folder, path: nowhere, channels: 1}"]
    assert main(["validate", "mine.yaml", *lacking]) == 0
    assert "still lacks" in capsys.readouterr().out
    assert main(["expand", "mine.yaml", *lacking]) == 0
    assert main(["expand", "study.yaml", *lacking]) == 0


def test_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expand", "mine.yaml", "--only", "loss=wgan"]) == 2
    assert capsys.readouterr().err == "--only: mine.yaml is no study but an experiment\n"
    assert main(["expand", "study.yaml", "--only", "loss=wgam"]) == 2
    assert "Did you mean 'loss=wgan'?" in capsys.readouterr().err
