"""Runs keep the plugins that are single files, and go on with what they began with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.command import QUICKSTART, SMALL
from support.lift import PLUGIN

from gankit.cli import main
from gankit.discovery.manager import plugins
from gankit.results.run_results import read_run

pytestmark = pytest.mark.costly

Command = Callable[..., tuple[int, str]]
SHORT = ["--set", "growth={use: fixed, resolution: 4, images: 32}", "--set", "evaluation.metrics=[]"]
SETTINGS = [*SMALL, *SHORT, "--no-rehearsal"]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Carries out a command as in a new process; gives its exit code and what it says on standard error."""
    (tmp_path / "mine.py").write_text(PLUGIN)
    (tmp_path / "experiment.yaml").write_text(f"extends: {QUICKSTART}\nplugins: [mine.py]\nloss: lift\n")
    monkeypatch.chdir(tmp_path)

    def command(*arguments: str) -> tuple[int, str]:
        with plugins.restored():
            return main(arguments), capsys.readouterr().err

    return command


def run(command: Command, *more: str, out: str = "run") -> None:
    code, said = command("run", "experiment.yaml", *SETTINGS, "--out", out, *more)
    assert code == 0, said
    assert "warning" not in said


def test_a_run_holds_the_file_and_its_hash(command: Command) -> None:
    run(command)
    assert Path("run/plugins/mine.py").read_text() == PLUGIN
    assert yaml.safe_load(Path("run/experiment.yaml").read_text())["plugins"] == ["plugins/mine.py"]
    used = json.loads(Path("run/provenance.json").read_text())["plugins"]["mine"]
    sha256 = hashlib.sha256(PLUGIN.encode()).hexdigest()
    origin = {"distribution": None, "version": None, "editable": False, "sha256": sha256}
    assert used == {**origin, "path": str(Path("mine.py").absolute())}
    manifests = [json.loads(path.read_text()) for path in Path("run/checkpoints").glob("*/manifest.json")]
    assert len(manifests) == 2
    assert all(manifest["plugins"]["mine"] == origin for manifest in manifests)
    assert all(manifest["plugins"]["pggan"]["distribution"] == "gankit" for manifest in manifests)


@pytest.mark.slow
def test_so_does_one_whose_file_was_named_on_the_command_line(command: Command) -> None:
    Path("experiment.yaml").write_text(f"extends: {QUICKSTART}\nloss: lift\n")
    run(command, "--plugin", "mine.py")
    assert Path("run/plugins/mine.py").read_text() == PLUGIN


def test_a_run_that_was_moved_needs_nothing_else(command: Command) -> None:
    run(command)
    Path("mine.py").unlink()
    Path("elsewhere").mkdir()
    Path("run").rename("elsewhere/moved")
    assert command("sample", "elsewhere/moved", "-o", "grid.png", "-n", "4")[0] == 0
    code, said = command("resume", "elsewhere/moved", "--extend", "32")
    assert code == 0
    assert "warning" not in said
    assert "has been changed" not in said


def test_a_run_goes_on_with_the_code_that_it_began_with(command: Command) -> None:
    run(command)
    Path("mine.py").write_text(PLUGIN.replace("fake.mean() - real.mean()", "1 / 0"))
    code, said = command("resume", "run", "--extend", "32")
    assert code == 0
    changed = "mine.py has been changed; the run goes on with the copy that it began with, in "
    assert changed + str(Path("run/plugins").absolute()) in said
    assert Path("run/plugins/mine.py").read_text() == PLUGIN
    again = yaml.safe_load(Path("run/experiment.yaml").read_text())
    assert again["plugins"] == ["plugins/mine.py"]


def test_a_copy_that_was_changed_is_other_code(command: Command) -> None:
    run(command)
    Path("run/plugins/mine.py").write_text(PLUGIN + "\n# better\n")
    code, said = command("resume", "run", "--extend", "32", "--strict")
    assert code == 2
    assert "plugin mine is a single file (source " in said
    code, said = command("resume", "run", "--extend", "32")
    assert code == 0
    assert "warning: plugin mine is a single file (source " in said


def test_a_run_that_failed_goes_on_with_the_mended_file_of_its_experiment(command: Command) -> None:
    later = "(fake - real).mean() / (1 / (not os.path.exists(FILE) or not os.path.getsize(FILE)))"
    faulty = 'import os\n\nFILE = "run/metrics.jsonl"\n' + PLUGIN.replace("fake.mean() - real.mean()", later)
    Path("mine.py").write_text(faulty)
    assert command("run", "experiment.yaml", *SETTINGS, "--out", "run")[0] == 1
    Path("mine.py").write_text(PLUGIN)
    code, said = command("run", "experiment.yaml", *SETTINGS, "--out", "run", "--resume")
    assert code == 0
    assert "warning: plugin mine is a single file (source " in said
    assert Path("run/plugins/mine.py").read_text() == PLUGIN
    before = f"mine.py.{hashlib.sha256(faulty.encode()).hexdigest()[:12]}"
    assert sorted(path.name for path in Path("run/plugins").iterdir()) == ["mine.py", before]
    assert Path("run/plugins", before).read_text() == faulty
    assert [code.plugin for code in read_run(Path("run")).code].count("mine") == 2


@pytest.mark.slow
def test_runs_that_keep_the_same_file_are_read_together(command: Command) -> None:
    run(command, out="one")
    run(command, out="two")
    assert command("evaluate", "one", "two", "--metrics", "fid", "--images", "16")[0] == 0
    Path("two/plugins/mine.py").write_text(PLUGIN + "\n# other\n")
    code, said = command("evaluate", "one", "two", "--metrics", "fid", "--images", "16")
    assert code == 2
    assert "a plugin 'mine' with other source is loaded already, from " in said


@pytest.mark.slow
def test_a_page_draws_each_run_with_its_own_code(command: Command) -> None:
    run(command, "--set", "evaluation.metrics=[fid]", out="one")
    Path("mine.py").write_text(PLUGIN + "\n# other\n")
    run(command, "--set", "evaluation.metrics=[fid]", "--set", "loss.height=2", "--set", "name=other", out="two")
    assert command("report", "one", "two", "-o", "page.html")[0] == 0
    page = Path("page.html").read_text()
    assert page.count("; checkpoint after ") == 2
    assert "Not the same code under one name" in page
