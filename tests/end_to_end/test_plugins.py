"""Plugins written outside the toolkit: a loss as one file, and three unlike packages, pip-installed together."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import NamedTuple

import pytest
from support.command import QUICKSTART, SMALL, gankit, rows
from support.slow import slow_but

EXAMPLES = Path(__file__).parents[1] / "examples"
PACKAGES = {
    "gankit_squared_hinge": ["loss/squared-hinge"],
    "gankit_convnext": ["block/convnext", "norm/rms"],
    "gankit_spectra": ["metric/log-spectral-distance"],
}
"""The components of each example."""


def test_the_experiment_itself_may_name_the_file(tmp_path: Path) -> None:
    source = (EXAMPLES / "gankit_squared_hinge" / "gankit_squared_hinge.py").read_text()
    assert len(source.splitlines()) <= 25
    (tmp_path / "my_loss.py").write_text(source)
    (tmp_path / "experiment.yaml").write_text(
        f"extends: {QUICKSTART}\nname: mine\nplugins: [./my_loss.py]\nloss: {{use: squared-hinge, margin: 0.5}}\n"
    )
    valid = gankit(["validate", "experiment.yaml"], tmp_path)
    assert valid.returncode == 0, valid.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment in which the example packages are pip-installed, into a folder of their own."""
    folder = tmp_path_factory.mktemp("installed")
    for package in PACKAGES:  # pip builds where the sources lie, and may leave something there
        shutil.copytree(EXAMPLES / package, folder / "sources" / package)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    sources = [str(folder / "sources" / package) for package in PACKAGES]
    subprocess.run([*pip, "--target", str(folder / "site"), *sources], check=True)
    return os.environ | {"PYTHONPATH": str(folder / "site")}


def test_what_is_installed_is_listed_with_where_it_comes_from(tmp_path: Path, installed: Mapping[str, str]) -> None:
    listed = json.loads(gankit(["plugins", "--json"], tmp_path, installed).stdout)
    assert listed["broken"] == {}
    own = [entry for entry in listed["components"] if entry["distribution"] != "gankit"]
    names = [f"{entry['kind']}/{entry['name'].partition('/')[2]}" for entry in own]
    assert sorted(names) == sorted(name for components in PACKAGES.values() for name in components)
    packages = {(entry["distribution"], entry["version"]) for entry in own}
    assert packages == {(package.replace("_", "-"), "0.1.0") for package in PACKAGES}


@pytest.mark.parametrize("package", slow_but(["gankit_squared_hinge"], PACKAGES))
def test_its_components_are_explained_and_its_experiment_is_valid(
    tmp_path: Path, installed: Mapping[str, str], package: str
) -> None:
    for component in PACKAGES[package]:
        explained = gankit(["explain", component], tmp_path, installed)
        assert explained.returncode == 0, explained.stderr
        assert package.replace("_", "-") in explained.stdout
    valid = gankit(["validate", EXAMPLES / package / "experiment.yaml"], tmp_path, installed)
    assert valid.returncode == 0, valid.stderr


@pytest.mark.slow
def test_their_own_tests_pass(tmp_path: Path, installed: Mapping[str, str]) -> None:
    for package in PACKAGES:  # without the packages themselves, so that those installed are tested
        shutil.copytree(EXAMPLES / package / "tests", tmp_path / package / "tests")
        shutil.copy(EXAMPLES / package / "experiment.yaml", tmp_path / package)
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *PACKAGES],
        cwd=tmp_path,
        env={**installed, "GANKIT_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


class Trained(NamedTuple):
    """A run that uses all of the examples."""

    folder: Path
    said: str


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, installed: Mapping[str, str]) -> Trained:
    """Trained once for all tests."""
    folder = tmp_path_factory.mktemp("trained")
    settings = [
        "growth.final=8",
        "loss={use: squared-hinge, margin: 0.5}",
        "generator.block=convnext",
        "generator.norm=[equalized, rms]",
        "discriminator.block={use: convnext, expansion: 2}",
        "evaluation.metrics=log-spectral-distance",
        "observers=[sample-grid, tensorboard]",
    ]
    options = [word for setting in settings for word in ("--set", setting)]
    done = gankit(["run", QUICKSTART, *SMALL, *options, "--out", "run"], folder, installed)
    assert done.returncode == 0, done.stderr
    return Trained(folder / "run", done.stderr)


@pytest.mark.slow
def test_one_run_uses_them_all_and_says_so(trained: Trained) -> None:
    used = json.loads((trained.folder / "provenance.json").read_text())["plugins"]
    for package in PACKAGES:
        name = package.removeprefix("gankit_").replace("_", "-")
        assert (used[name]["distribution"], used[name]["version"]) == (package.replace("_", "-"), "0.1.0")
    measured = {
        row["resolution"]: row["value"] for row in rows(trained.folder) if row["name"] == "log_spectral_distance"
    }
    assert list(measured) == [4, 8]
    assert all(isfinite(distance) and distance > 0 for distance in measured.values())


@pytest.mark.slow
def test_tensorboard_reads_every_number_and_picture_of_it(trained: Trained) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    everything = {"scalars": 0, "images": 0, "tensors": 0}
    board = accumulators.EventAccumulator(str(trained.folder / "tensorboard"), everything).Reload()
    written = sorted((event.step, event.value) for tag in board.Tags()["scalars"] for event in board.Scalars(tag))
    recorded = sorted((row["images"], row["value"]) for row in rows(trained.folder))
    assert [step for step, _ in written] == [step for step, _ in recorded]
    assert [value for _, value in written] == pytest.approx([value for _, value in recorded])
    pictures = {tag: [event.step for event in board.Images(tag)] for tag in board.Tags()["images"]}
    assert pictures == {"samples/4": [64], "samples/8": [128]}
    assert trained.said == ""


def test_without_them_their_names_are_unknown(tmp_path: Path) -> None:
    refused = gankit(["validate", QUICKSTART, "--set", "loss=squared-hinge"], tmp_path)
    assert refused.returncode == 2
    assert "no loss is called 'squared-hinge'" in refused.stderr
