"""What is said of numbers before there are any: extractors that have learned other images, and floors of few reals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.tiny import tiny

from gankit import Dataset, Extractor, UserError
from gankit.api.training import train
from gankit.cli import main
from gankit.config.evaluation_checks import descriptions_of_evaluation
from gankit.config.loader import bundled_experiment
from gankit.discovery.manager import plugins

plugins.load_installed()
DOUBT = "extractor digits: it has learned handwritten digits alone"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment on a folder of 60 colour images that extends the quick start."""
    monkeypatch.chdir(tmp_path)
    Path("px").mkdir()
    drawn = np.random.default_rng(0)
    for number in range(60):
        Image.fromarray(drawn.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(f"px/{number}.png")
    text = f"extends: {bundled_experiment('quickstart')}\nname: mine\ndata: {{use: folder, path: px}}\n"
    (file := Path("mine.yaml")).write_text(text)
    return file


def said_of(**evaluation: Any) -> list[str]:
    data = evaluation.pop("data", "digits")
    return descriptions_of_evaluation(tiny(data=data, evaluation={"extractor": "digits", "images": 20, **evaluation}))


def test_an_extractor_that_learned_other_images_says_so_once(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(mine), "--set", "evaluation.metrics=[swd, fid, is]"]) == 0
    said = capsys.readouterr().out
    assert said.count(DOUBT) == 1
    assert "mine: valid;" in said
    assert main(["validate", str(mine), "--set", "evaluation={metrics: swd, images: 30}"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["data: 60 images"]


def test_it_says_nothing_of_its_own_images_and_of_parts_of_them() -> None:
    few = {"use": "few", "of": "digits", "images": 100}
    some = {
        "use": "subset",
        "of": {"use": "few", "of": {"use": "digits", "labels": True}, "images": 90},
        "classes": [3],
    }
    torchvision = {"use": "torchvision", "root": "/nowhere", "name": "mnist"}
    for data in ("digits", {"use": "stacked-digits", "images": 200}, few, {**some, "labels": False}, torchvision):
        assert said_of(data=data, metrics="fid") == []
    assert said_of(data={**torchvision, "name": "fashion-mnist"}, metrics="fid", extractor="fashion-mnist") == []
    clothing = said_of(data="digits", metrics="fid", extractor="fashion-mnist")
    assert [line[:54] for line in clothing] == ["extractor fashion-mnist: it has learned clothing alone"]


def test_a_run_says_it_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    growth = {"use": "fixed", "resolution": 4, "images": 32}
    evaluation = {"metrics": ["fid", "swd"], "extractor": "fashion-mnist", "images": 20}
    train(tiny(growth=growth, evaluation=evaluation), tmp_path / "run", rehearsal=False)
    said = capsys.readouterr().err
    assert said.count("gankit: extractor fashion-mnist: it has learned clothing alone") == 1
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    again = capsys.readouterr()
    assert again.err.count("extractor fashion-mnist: it has learned clothing alone") == 1
    assert "extractor fashion-mnist-72d60bc1fa4a (fid)" in " ".join(again.out.split())


def test_an_extractor_that_says_nothing_of_itself_is_no_doubt() -> None:
    class Blank(Extractor):
        def identity(self) -> str:
            return "blank"

        @property
        def resize(self) -> str:
            return "none"

        def load(self, device: Any) -> Any:
            raise UserError("never asked")

    assert Blank().doubt_about(tiny().data) is None


def test_floors_of_fewer_images_are_told_where_the_number_of_reals_is_known(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(mine), "--set", "evaluation.metrics=swd"]) == 0
    said = "evaluation.images: 898, but of 60 real images noise floors can have 30 at most; with evaluation.images: 30"
    assert said in capsys.readouterr().out
    assert said_of(metrics="fid", images=898) == []
    assert len(said_of(metrics="fid", images=899)) == 1
    assert said_of(metrics="is", images=899) == []
    assert said_of(data={"use": "few", "of": "digits", "images": 100}, metrics="fid", images=90) == []
    assert Dataset.image_count(tiny().data) is None
