"""Data sets that are drawn: the same bytes everywhere, and modes that can be counted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.tiny import tiny

from gankit import Dataset
from gankit.config.checks import problems
from gankit.data.images import RealImages
from gankit.runs.start import begin
from gankit_fidelity.metrics import divergence
from gankit_images.drawings import is_within
from gankit_images.extractors import NearestMode
from gankit_images.modes import UNITS, places_of_modes
from gankit_images.procedural import KINDS, Mixture, Shapes
from gankit_images.subset import Subset


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


def content(images: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(images).tobytes(), digest_size=8).hexdigest()


@pytest.mark.parametrize(
    ("data", "resolution", "bytes_of"),
    [
        (Shapes(images=12, seed=3), 16, "2d1ee8a413d0a81d"),
        (Shapes(images=2), 256, "04dc9a8a63cbb261"),
        (Mixture(images=16, seed=3), 16, "51bd0856885e163d"),
        (Mixture(images=9, layout="grid", modes=9), 32, "82dd57b9ae63e156"),
    ],
)
def test_the_same_bytes_are_drawn_on_every_machine(data: Dataset, resolution: int, bytes_of: str) -> None:
    assert content(data.load(resolution).images) == bytes_of


@pytest.mark.parametrize("kind", [Shapes, Mixture])
def test_an_image_follows_from_its_number_and_the_seed_alone(kind: type[Shapes | Mixture]) -> None:
    few, more = kind(images=7).load(16).images, kind(images=20, labels=True).load(16).images
    np.testing.assert_array_equal(few, more[:7])
    assert RealImages(kind(images=20), [16]).distinct == 20
    assert not np.array_equal(few, kind(images=7, seed=1).load(16).images)


def test_classes_are_the_shapes_in_turn() -> None:
    data = Shapes(images=8, labels=True)
    labels = data.load(8).labels
    assert labels is not None
    assert [data.class_names()[label] for label in labels] == [*KINDS, *KINDS[:2]]
    assert (Shapes().class_count(), Shapes(images=8).load(8).labels) == (0, None)


def test_shapes_are_whole_of_one_colour_and_the_same_in_grey() -> None:
    colours, grey = (Shapes(images=60, channels=channels).load(64).images for channels in (3, 1))
    red, green, blue = colours.max((2, 3)).astype(int).T
    np.testing.assert_array_equal(grey.max((1, 2, 3)), (77 * red + 150 * green + 29 * blue) // 256)
    assert min(red.min(), green.min(), blue.min()) >= 64
    for number, image in enumerate(grey[:, 0]):
        rows, columns = (np.flatnonzero(image.any(axis)) for axis in (1, 0))
        assert abs(len(rows) - len(columns)) <= 1  # each is as high as wide, and none is cut
        mirrored = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert np.abs(mirrored - mirrored[:, ::-1].astype(int)).mean() < 0.2 * image.max(), number


def test_each_kind_has_its_form() -> None:
    x = np.arange(-50, 51)
    areas = {kind: int(is_within(kind, x, x[:, None], 40).sum()) for kind in KINDS}
    assert areas["square"] == 81**2
    assert areas["circle"] == pytest.approx(np.pi * 40**2, rel=0.02)
    assert areas["ring"] == pytest.approx(np.pi * (40**2 - 20**2), rel=0.02)
    assert areas["triangle"] == pytest.approx(80**2 / 2, rel=0.03)
    assert areas["diamond"] == pytest.approx(80**2 / 2, rel=0.03)
    assert areas["cross"] == pytest.approx(5 / 9 * 81**2, rel=0.03)


def seen(extractor: NearestMode, images: np.ndarray) -> Any:
    return extractor.load(torch.device("cpu"))(torch.from_numpy(np.array(images)).expand(-1, 3, -1, -1))


@pytest.mark.parametrize(("layout", "modes"), [("ring", 8), ("grid", 25), ("grid", 1), ("ring", 3)])
@pytest.mark.parametrize("resolution", [8, 64])
def test_the_mode_of_each_spot_is_seen(layout: Any, modes: int, resolution: int) -> None:
    data = Mixture(images=200, layout=layout, modes=modes, labels=True)
    images, labels = data.load(resolution)
    features, logits = seen(NearestMode(layout=layout, modes=modes), images)
    assert labels is not None
    assert logits.argmax(1).tolist() == labels.tolist()
    off = features[:, :2].numpy() - np.array(places_of_modes(layout, modes))[labels] / UNITS
    assert np.abs(off.mean(0)).max() < 0.004
    assert off.std(0) == pytest.approx(0.01, rel=0.25)


def test_the_spread_is_that_which_is_asked_for() -> None:
    for spread in (0.0, 0.03):
        data = Mixture(images=400, modes=1, layout="grid", spread=spread)
        features = seen(NearestMode(modes=1, layout="grid"), data.load(64).images).pooled
        assert features[:, :2].std(0).tolist() == pytest.approx([spread] * 2, abs=0.003)


def test_a_run_on_a_mixture_counts_its_modes(tmp_path: Path) -> None:
    evaluation = {"metrics": ["mode-coverage"], "extractor": "nearest-mode", "images": 32}
    experiment = tiny(data={"use": "mixture", "images": 64}, evaluation=evaluation)
    assert not problems(experiment)
    begin(experiment, tmp_path / "run").train()
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    numbers = {row["name"]: row["value"] for row in rows}
    assert numbers["modes_floor"] == 8
    assert {"modes", "modes_kl"} <= numbers.keys()


def test_modes_that_are_missing_are_counted() -> None:
    whole = Mixture(images=80, labels=True)
    half = Subset(of=whole, classes=[0, 2, 4, 6])
    extractor = NearestMode()
    modes, fewer = (seen(extractor, data.load(16).images).logits.argmax(1).numpy() for data in (whole, half))
    assert sorted({*fewer.tolist()}) == [0, 2, 4, 6]
    assert divergence(fewer, modes) == pytest.approx(np.log(2))


def test_what_does_not_go_together_is_refused() -> None:
    def said(data: Any, extractor: Any = "digits", growth: Any = None) -> list[str]:
        options = {"data": data, "evaluation": {"extractor": extractor}} | ({"growth": growth} if growth else {})
        return [message for _, message in problems(tiny(**options))]

    assert said({"use": "mixture", "layout": "grid", "modes": 8}) == [
        "modes: a grid has as many rows as columns, 4 or 9 modes, not 8"
    ]
    assert said({"use": "mixture", "modes": 5}, "nearest-mode") == [
        "this looks for a ring of 8 modes, but the data are a ring of 5"
    ]
    assert said("shapes", {"use": "nearest-mode", "layout": "grid", "modes": 9}) == []
    fixed = {"use": "fixed", "resolution": 12, "images": 32}
    assert "these are drawn at powers of two up to 256, but the growth ends at 12x12" in said("shapes", growth=fixed)
