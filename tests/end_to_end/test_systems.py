"""What the command offers of whole systems: data that is not here, samples truncated or of one class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command import QUICKSTART, SMALL, gankit_here

STYLES = """\
extends: {quickstart}
name: styles
growth: {{images: 64}}
generator:
  mapping: {{use: style, layers: 2, width: 16}}
  stem: stylegan
  block: stylegan
  norm: [equalized, adaptive-instance]
discriminator: {{block: stylegan}}
regularizers: [{{use: r1}}, minibatch-stddev]
"""


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_an_experiment_is_valid_where_its_data_is_not_but_cannot_be_run(tmp_path: Path) -> None:
    (tmp_path / "faces.yaml").write_text(f"extends: {QUICKSTART}\ndata: {{use: folder, path: faces}}\n")
    valid = gankit_here(["validate", "faces.yaml"], tmp_path)
    assert valid.returncode == 0, valid.stderr
    assert "To run it, this machine still lacks:\n\nfaces.yaml:2:7: data: there is no folder" in valid.stdout
    refused = gankit_here(["run", "faces.yaml"], tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("faces.yaml:2:7: data: there is no folder")
    assert not (tmp_path / "runs").exists()


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that has styles and one that has none."""
    folder = tmp_path_factory.mktemp("styles")
    (folder / "styles.yaml").write_text(STYLES.format(quickstart=QUICKSTART))
    for experiment in (folder / "styles.yaml", QUICKSTART):
        run = gankit_here(["run", experiment, *SMALL], folder)
        assert run.returncode == 0, run.stderr
    return folder


def drawn(runs: Path, *options: str) -> np.ndarray:
    done = gankit_here(["sample", "runs/styles", "-o", "grid.png", "-n", "4", *options], runs)
    assert done.returncode == 0, done.stderr
    return picture(runs / "grid.png")


@pytest.mark.slow
def test_samples_are_truncated_as_told(runs: Path) -> None:
    plain = drawn(runs)
    assert np.array_equal(plain, drawn(runs, "--truncation", "1"))
    half, mean = drawn(runs, "--truncation", "0.5"), drawn(runs, "--truncation", "0")
    assert not np.array_equal(plain, half)
    assert not np.array_equal(half, mean)
    assert not np.array_equal(half, drawn(runs, "--truncation", "0.5", "--cutoff", "1"))
    assert np.array_equal(half, drawn(runs, "--truncation", "0.5", "--cutoff", "99"))


@pytest.mark.slow
def test_samples_are_of_the_class_that_is_asked_for(runs: Path) -> None:
    settings = ["--set", "data={use: digits, labels: true}", "--set", "name=labels"]
    settings += ["--set", "discriminator.head={use: pggan, labels: select}"]
    assert gankit_here(["run", QUICKSTART, *SMALL, *settings], runs).returncode == 0
    grids = []
    for label in ("0", "9"):
        assert gankit_here(["sample", "runs/labels", "-o", "class.png", "--label", label], runs).returncode == 0
        grids.append(picture(runs / "class.png"))
    assert not np.array_equal(*grids)
    refused = gankit_here(["sample", "runs/labels", "-o", "class.png", "--label", "10"], runs)
    assert (refused.returncode, refused.stderr) == (2, "--label: the classes of this run are 0 to 9\n")


@pytest.mark.parametrize(
    ("run", "options", "said"),
    [
        ("quickstart", ["--label", "0"], "--label: this generator was trained without labels"),
        ("quickstart", ["--truncation", "0.5"], "--truncation: the mapping of this generator keeps no mean"),
        ("styles", ["--cutoff", "2"], "--cutoff: expected a number of styles, 1 or more, beside --truncation"),
        ("styles", ["--truncation", "0.5", "--cutoff", "0"], "--cutoff: expected a number of styles"),
        ("styles", ["--truncation", "much"], "--truncation: expected a number"),
    ],
)
def test_what_cannot_be_truncated_is_refused(runs: Path, run: str, options: list[str], said: str) -> None:
    refused = gankit_here(["sample", f"runs/{run}", "-o", "other.png", *options], runs)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert not (runs / "other.png").exists()
