"""What is asked for is what comes: attributes measured on generated images follow those that they were made with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.command import gankit

from gankit_images.datasets import Digits
from gankit_images.folder import Folder
from gankit_images.strokes import standardized

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "small" / "attributes-digits.yaml"
NAMES = ("slant", "thickness")
ENOUGH = 0.8


@pytest.mark.slow
def test_digits_lean_and_are_as_thick_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    run = gankit(["run", EXPERIMENT, "--out", "run", "--set", "evaluation.metrics=[]"], tmp_path)
    assert run.returncode == 0, run.stderr
    drawn = gankit(["sample", "run", "-o", "drawn", "-n", "898"], tmp_path)
    assert drawn.returncode == 0, drawn.stderr
    images, asked = Folder(path=tmp_path / "drawn", channels=1, labels="labels.csv").load(16)
    reals, _ = Digits(attributes=NAMES).load(16)
    assert asked is not None
    found = standardized(np.asarray(images[:, 0]), reals[:, 0], NAMES)
    follows = {name: np.corrcoef(asked[:, k], found[:, k])[0, 1] for k, name in enumerate(NAMES)}
    print(", ".join(f"{name}: correlation {value:.3f}" for name, value in follows.items()))
    assert all(value > ENOUGH for value in follows.values())
