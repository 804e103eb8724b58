"""Images of any number of channels: trained on, shown in part, and measured by what can see them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.slow import slow_but
from support.tiny import tiny

from gankit.cli import main
from gankit.config.checks import problems
from gankit.data.images import RealImages
from gankit.data.pictures import visible
from gankit.runs.start import begin
from gankit_fidelity.classifier_trainer import TrainingOptions, train_own
from gankit_fidelity.metrics import PerceptualPathLength
from gankit_images.arrays import Arrays
from gankit_observers.observers import SampleGrid


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


def bands(folder: Path, channels: int, **options: Any) -> dict[str, Any]:
    """A data set of forty images in two classes, of which the second is brighter in the last channel."""
    images = np.random.default_rng(0).integers(0, 128, (40, 16, 16, channels), dtype=np.uint8)
    images[20:, ..., -1] += 100
    np.savez(folder / "bands.npz", images=images, labels=np.arange(40) // 20)
    return {"use": "arrays", "path": str(folder / "bands.npz"), "layout": "channels-last", **options}


@pytest.mark.parametrize("channels", slow_but([5], [2, 5, 12]))
def test_a_run_of_any_number_of_channels(tmp_path: Path, channels: int, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = tiny(
        data=bands(tmp_path, channels),
        evaluation={"metrics": ["swd", "ms-ssim"], "images": 16},
        observers=[*tiny().observers, {"use": "sample-grid", "count": 4}],
    )
    assert not problems(experiment)
    run = begin(experiment, tmp_path / "run")
    run.train()
    assert run.sample(3, seed=0).shape == (3, 8, 8, channels)
    names = {json.loads(line)["name"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()}
    assert names >= {"swd", "ms_ssim"}
    shown = [Image.open(file).mode for file in sorted((tmp_path / "run" / "samples").iterdir())]
    assert shown == ["L" if channels == 2 else "RGB"] * 2
    assert main(["sample", str(tmp_path / "run"), "-n", "2", "-o", str(tmp_path / "some.npy")]) == 0
    assert np.load(tmp_path / "some.npy").shape == (2, 8, 8, channels)
    assert main(["sample", str(tmp_path / "run"), "-n", "2", "-o", str(tmp_path / "some.png")]) == 0
    capsys.readouterr()
    assert main(["sample", str(tmp_path / "run"), "-n", "2", "-o", str(tmp_path / "some")]) == 2
    assert f"-o: images of {channels} channels are no pictures; a file that ends in .npy" in capsys.readouterr().err
    assert main(["evaluate", str(tmp_path / "run"), "--metrics", "fid", "--extractor", "digits"]) == 2
    assert f"run: extractor digits does not see images of {channels} channels, so leave" in capsys.readouterr().err


def test_the_channels_that_are_shown_can_be_chosen(tmp_path: Path) -> None:
    def grid(*chosen: int) -> SampleGrid:
        return SampleGrid.model_validate({"count": 1, "bands": [*chosen]})

    experiment = tiny(data=bands(tmp_path, 5))
    assert [[*grid(*chosen).problems(experiment)] for chosen in ((), (4,), (4, 0, 2))] == [[], [], []]
    assert [*grid(1, 2).problems(experiment)] == ["bands: expected one channel or three, not 2"]
    assert [*grid(1, 2, 5).problems(experiment)] == ["bands: images have the channels 0 to 4, not 5"]
    painted = tiny(data=bands(tmp_path, 5), observers=[*tiny().observers, grid(4, 0, 2)])
    run = begin(painted, tmp_path / "run")
    run.train()
    picture = np.asarray(Image.open(sorted((tmp_path / "run" / "samples").iterdir())[-1]))
    np.testing.assert_array_equal(picture[::8, ::8], run.sample(1, seed=0)[0][..., [4, 0, 2]])


def test_pictures_show_the_channels_that_they_have_room_for() -> None:
    shown = [visible(np.zeros((1, 2, 2, channels))).shape[-1] for channels in (1, 2, 3, 4, 5, 12)]
    assert shown == [1, 1, 3, 4, 3, 3]


def test_an_extractor_that_does_not_see_them_is_refused_with_what_to_do(tmp_path: Path) -> None:
    evaluation = {"metrics": ["swd", "fid"], "extractor": "digits", "quick": {"metrics": ["kid", "fid"]}}
    experiment = tiny(data=bands(tmp_path, 5), evaluation={"images": 16, **evaluation})
    assert problems(experiment) == [
        (
            ("evaluation", "extractor"),
            "digits does not see images of 5 channels, so leave out fid, kid (metrics: [] measures nothing), or name "
            "an extractor that was trained on such images",
        )
    ]
    assert not problems(tiny(data=bands(tmp_path, 4), evaluation={"images": 16, **evaluation}))
    assert [*PerceptualPathLength().problems(experiment)] == [
        "LPIPS does not see images of 5 channels; measure with distance: pixels"
    ]


def test_a_classifier_can_be_trained_on_them_and_sees_no_others(tmp_path: Path) -> None:
    said: list[str] = []
    data = Arrays.model_validate(own(tmp_path))
    train_own(TrainingOptions(data=data, epochs=4, size=8), tmp_path / "weights", said.append)
    assert "held-out accuracy 1.0000" in "\n".join(said)
    evaluation = {
        "metrics": ["mode-coverage"],
        "extractor": {"use": "classifier", "weights": str(tmp_path / "weights")},
        "images": 16,
    }
    experiment = tiny(data=bands(tmp_path, 5), evaluation=evaluation)
    assert not problems(experiment)
    begin(experiment, tmp_path / "run").train()
    names = {json.loads(line)["name"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()}
    assert "modes" in names
    [(path, message)] = problems(tiny(evaluation=evaluation))
    assert path == ("evaluation", "extractor")
    assert message.startswith("classifier does not see images of 1 channels")


def own(folder: Path) -> dict[str, Any]:
    return {name: value for name, value in bands(folder, 5, labels=True).items() if name != "use"}


def test_without_a_layout_only_pictures_are_guessed(tmp_path: Path) -> None:
    options = own(tmp_path)
    assert RealImages(Arrays.model_validate(options), [8]).at(8).shape == (40, 5, 8, 8)
    first = RealImages(Arrays.model_validate({**options, "layout": "channels-first"}), [8])
    assert first.at(8).shape == (40, 16, 8, 8)
