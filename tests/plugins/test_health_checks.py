"""What the guard looks for is seen in real runs that have it, and not in others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from support.command import rows
from support.failing import begun, registered

from gankit_observers.guard import Guard
from gankit_observers.health_checks import LOOKS, Collapse, NotFinite, Usual, mean_distance

STABLE = ["gradient-penalty", "drift"]


@pytest.fixture(autouse=True)
def _parts() -> Iterator[None]:
    with registered():
        yield


def warnings(folder: Path, guard: dict[str, Any], images: int = 2400, **changes: Any) -> list[str]:
    """What the guard said of a run, under the same thresholds whether it goes wrong or not."""
    begun(folder, {"use": "guard", "policy": "warn", **guard}, images=images, **changes).train()
    return [row["note"] for row in rows(folder / "run") if "note" in row]


@pytest.mark.slow
def test_exploding_gradients(tmp_path: Path) -> None:
    guard = {"against": "gradients", "gradients": 10, "every": 16}
    training = {"batch": 16, "optimizer": {"use": "adam", "generator": {"lr": 1e-3}, "discriminator": {"lr": 0.03}}}
    notes = warnings(tmp_path / "unbounded", guard, 1200, training=training)  # a critic that nothing holds
    assert "gradient of the generator has norm" in notes[0]
    assert warnings(tmp_path / "bounded", guard, 1200, regularizers=STABLE, training={"batch": 16}) == []


def test_a_single_real_is_no_measure_of_collapse(capsys: pytest.CaptureFixture[str]) -> None:
    run: Any = SimpleNamespace(
        experiment=SimpleNamespace(stages=list, observers=[]),
        progress=SimpleNamespace(images=0),
        reals=lambda count, seed: np.zeros((1, 8, 8, 1), np.uint8),
        sample=lambda count, seed: np.zeros((count, 8, 8, 1), np.uint8),
    )
    Guard.model_validate({"against": "collapse"}).callback(run)
    assert "collapse is not looked for, as a single real image" in capsys.readouterr().err
    check = Collapse(0.1)
    check.stage_started()
    assert [check.look(run) for _ in range(LOOKS + 2)] == [None] * (LOOKS + 2)


@pytest.mark.slow
def test_collapse(tmp_path: Path) -> None:
    guard = {"against": "collapse", "collapse": 0.3, "every": 80}
    network = {"block": "conv", "rgb": "rgb", "channels": 8, "mapping": "identity", "stem": "pggan", "latent": 8}
    average = {"use": "exponential", "half_life": 100}
    fixed = {"generator": {"lr": 0.05}, "discriminator": {"lr": 1e-9}}  # one image pleases the critic best, always
    notes = warnings(
        tmp_path / "one",
        guard,
        generator=network | {"norm": "equalized"},
        training={"batch": 16, "average": average, "optimizer": {"use": "adam", **fixed}},
    )
    assert notes[0].startswith("samples differ by 0.")
    assert notes[0].endswith(" of what reals do")
    healthy = {"batch": 16, "average": average}
    assert warnings(tmp_path / "many", guard, regularizers=STABLE, training=healthy) == []


@pytest.mark.slow
def test_saturation(tmp_path: Path) -> None:
    guard = {"against": "saturation", "every": 80}
    sure = {"generator": {"lr": 1e-4}, "discriminator": {"lr": 0.01}}
    training = {"batch": 8, "optimizer": {"use": "adam", **sure}}
    notes = warnings(tmp_path / "saturating", guard, loss="saturating", training=training)
    assert "generator's gradient has vanished: its norm is" in notes[0]
    not_saturating = warnings(tmp_path / "other", guard, loss="non-saturating", training=training)
    assert not_saturating == []


def test_a_warning_comes_again_once_the_trouble_was_gone(tmp_path: Path) -> None:
    training = begun(tmp_path)
    sentinel = Guard(policy="warn", every=1).callback(training)
    for images, value in enumerate([1.0, math.nan, math.inf, 1.0, 1.0, -math.inf], start=1):
        sentinel.on_update(training.progress._replace(images=images), {"loss": torch.tensor(value)})
    notes = [row["note"] for row in rows(tmp_path / "run")]
    assert notes == ["loss was nan at 2 images", "loss was -inf at 6 images"]


def test_what_is_usual_takes_some_looks_and_is_a_geometric_mean() -> None:
    usual = Usual()
    for look in range(LOOKS):
        assert usual.value is None
        usual.add(10.0 ** (look % 2))
        usual.add(0.0)
    assert usual.value == pytest.approx(10**0.5)


def test_distances_are_those_of_pairs() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 4, 3), dtype=np.uint8)
    flat = torch.from_numpy(images.reshape(5, -1)).double()
    assert mean_distance(images) == pytest.approx(float(torch.pdist(flat).mean()), rel=1e-6)
    enlarged = np.kron(images[:, :4, :, :1], np.ones((1, 16, 16, 1), np.uint8))
    assert mean_distance(enlarged) == pytest.approx(8 * mean_distance(images[:, :4, :, :1]), rel=1e-6)


def test_scalars_do_not_pile_up(tmp_path: Path) -> None:
    training = begun(tmp_path)
    check = NotFinite()
    for images in range(2500):
        check.updated(images, {"loss": torch.tensor(math.nan if images == 700 else 0.0)})
        assert len(check._iterations) < 1000
    finding = check.look(training)
    assert finding is not None
    assert finding.note == "loss was nan at 700 images"
