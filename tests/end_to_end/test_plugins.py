"""A loss written outside the toolkit: first as one file, then pip-installed with an entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import QUICKSTART, SMALL, gankit, rows

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_a_loss_in_one_file_outside_the_repository_trains(tmp_path: Path) -> None:
    source = (EXAMPLES / "gankit_squared_hinge" / "gankit_squared_hinge.py").read_text()
    assert len(source.splitlines()) <= 25
    plugin = tmp_path / "elsewhere" / "my_loss.py"
    plugin.parent.mkdir()
    plugin.write_text(source)
    done = gankit(
        ["run", QUICKSTART, "--plugin", plugin, "--set", "loss=my_loss/squared-hinge", *SMALL, "--out", "run"], tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "experiment.yaml").read_text().count("my_loss/squared-hinge") == 1
    used = json.loads((tmp_path / "run" / "provenance.json").read_text())["plugins"]["my_loss"]
    assert len(used["sha256"]) == 64
    assert any(row["name"] == "loss.discriminator" for row in rows(tmp_path / "run"))
    sampled = gankit(
        ["sample", "run", "-o", "grid.png", "-n", "9"], tmp_path
    )  # the saved experiment finds the plugin again
    assert sampled.returncode == 0, sampled.stderr
    assert (tmp_path / "grid.png").stat().st_size > 100


def test_the_experiment_itself_may_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "my_loss.py").write_text((EXAMPLES / "gankit_squared_hinge" / "gankit_squared_hinge.py").read_text())
    (tmp_path / "experiment.yaml").write_text(
        f"extends: {QUICKSTART}\nname: mine\nplugins: [./my_loss.py]\nloss: {{use: squared-hinge, margin: 0.5}}\n"
    )
    valid = gankit(["validate", "experiment.yaml"], tmp_path)
    assert valid.returncode == 0, valid.stderr


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which the example package is pip-installed, into a folder of its own."""
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", str(site), str(EXAMPLES / "gankit_squared_hinge")], check=True)
    return os.environ | {"PYTHONPATH": str(site)}


def test_an_installed_loss_is_listed_and_trains(tmp_path: Path, installed: dict[str, str]) -> None:
    listed = gankit(["plugins", "--json"], tmp_path, installed)
    (loss,) = [c for c in json.loads(listed.stdout)["components"] if c["plugin"] == "squared-hinge"]
    assert loss["name"] == "squared-hinge/squared-hinge"
    assert (loss["distribution"], loss["version"]) == ("gankit-squared-hinge", "0.1.0")
    done = gankit(["run", QUICKSTART, "--set", "loss=squared-hinge", *SMALL, "--out", "run"], tmp_path, installed)
    assert done.returncode == 0, done.stderr
    used = json.loads((tmp_path / "run" / "provenance.json").read_text())["plugins"]["squared-hinge"]
    assert (used["distribution"], used["version"]) == ("gankit-squared-hinge", "0.1.0")


def test_without_it_the_name_is_unknown(tmp_path: Path) -> None:
    refused = gankit(["validate", QUICKSTART, "--set", "loss=squared-hinge"], tmp_path)
    assert refused.returncode == 2
    assert "no loss is called 'squared-hinge'" in refused.stderr
