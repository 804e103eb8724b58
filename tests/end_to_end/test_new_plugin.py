"""Plugins from an empty folder to a result: made, installed, tested and trained with in a fresh environment."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.command import rows
from support.environments import Environment
from support.new_plugins import NEW, make

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


class Fresh:
    """A folder with all the new plugins, and an environment of its own in which they are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in NEW:
            make(name, folder)
        self.environment = Environment(folder)
        installed = self.environment.run(f"pip install --quiet {' '.join(f'./{name}' for name in NEW)}", folder)
        assert installed.returncode == 0, installed.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    """Made once for all plugins."""
    return Fresh(tmp_path_factory.mktemp("fresh"))


@pytest.mark.parametrize("name", NEW)
def test_a_new_plugin_passes_its_tests_and_trains(fresh: Fresh, name: str) -> None:
    folder = fresh.folder / name
    package = f"gankit_{name.replace('-', '_')}"
    assert (fresh.environment.site / package / "py.typed").is_file()
    tested = fresh.environment.run("pytest -q -p no:cacheprovider", folder)
    assert tested.returncode == 0, tested.stdout
    trained = fresh.environment.run("gankit run experiment.yaml", folder)
    assert trained.returncode == 0, trained.stdout
    runs = [path.parent for path in (folder / "runs" / name).rglob("metrics.jsonl") if "checkpoints" not in path.parts]
    assert len(runs) == (2 if "launcher" in NEW[name] else 1)
    for run in runs:
        assert [row["resolution"] for row in rows(run) if row["name"] == "fid"] == [4, 8]
        assert f"use: {name}/{name}" in (run / "experiment.yaml").read_text() or NEW[name] == ["launcher"]


def test_a_wheel_of_gankit_brings_the_templates(tmp_path: Path) -> None:
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", str(ROOT)]
    subprocess.run(wheel, cwd=tmp_path, check=True)
    (file,) = tmp_path.glob("gankit-*.whl")
    brought = set(zipfile.ZipFile(file).namelist())
    scaffold = ROOT / "gankit" / "scaffold"
    templates = {
        path.relative_to(ROOT).as_posix() for path in scaffold.rglob("*") if path.suffix in (".py", ".template")
    }
    assert len(templates) > 20
    assert templates <= brought
