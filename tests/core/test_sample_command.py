"""gankit sample: a grid to look at, or a folder of single images to be measured by anyone."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.tiny import tiny

from gankit.cli import main
from gankit.data.sample_files import SampleBatch, write_array
from gankit.runs.start import begin


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has been trained up to 8x8."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    begin(tiny(evaluation={"metrics": ["fid"], "extractor": "digits", "images": 40}), folder).train()
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_file_is_a_grid_and_its_folder_is_made(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(run), "-o", "new/folder/grid.png", "-n", "4"]) == 0
    assert capsys.readouterr() == ("", "wrote new/folder/grid.png\n")
    with Image.open("new/folder/grid.png") as grid:
        assert grid.size == (130, 130)


@pytest.mark.parametrize("named", ["new/images", "version.2/"])
def test_a_folder_holds_the_images_of_the_grid(run: Path, named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(run), "-o", named, "-n", "4"]) == 0
    assert capsys.readouterr().err == f"wrote {Path(named)}: 4 images\n"
    files = sorted(Path(named).iterdir())
    assert [file.name for file in files] == [f"{number:06}.png" for number in range(4)]
    assert main(["sample", str(run), "-o", "grid.png", "-n", "4"]) == 0
    grid = np.asarray(Image.open("grid.png"))
    for number, file in enumerate(files):
        image = np.asarray(Image.open(file))
        assert image.shape[:2] == (8, 8)
        top, left = 66 * (number // 2), 66 * (number % 2)
        np.testing.assert_array_equal(image, grid[top : top + 64 : 8, left : left + 64 : 8])


def test_images_in_a_folder_measure_as_their_run_does(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("images").mkdir()
    assert main(["sample", str(run), "-o", "images", "-n", "40"]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(run), "images", "--json"]) == 0
    one, other = json.loads(capsys.readouterr().out)["measurements"]
    fids = [row["value"] for found in (one, other) for row in found["rows"] if row["name"] == "fid"]
    assert fids[0] == pytest.approx(fids[1], rel=1e-6)


def test_images_are_not_mixed_with_others(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("used").mkdir()
    Path("used/000009.png").touch()
    for named, said in (
        ("used", "-o: the folder used is not empty; name a new one"),
        ("grid.jpg", "-o: expected a file name that ends in .png, .npy or .npz, or a folder's name, not grid.jpg"),
        ("used/000009.png/grid.png", "-o: cannot write used/000009.png/grid.png: "),
    ):
        assert main(["sample", str(run), "-o", named, "-n", "4"]) == 2
        assert said in capsys.readouterr().err
    assert [file.name for file in Path("used").iterdir()] == ["000009.png"]


def test_a_picture_larger_than_memory_is_refused_before_it_is_drawn(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(run), "-o", "grid.png", "-n", str(10**12)]) == 2
    assert "-n: 1,000,000,000,000 images in one picture take " in capsys.readouterr().err
    assert not Path("grid.png").exists()


@pytest.mark.parametrize("output", ["images", "images.npy", "images.npz"])
def test_so_are_images_that_the_disk_has_no_room_for(
    run: Path, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(run), "-o", output, "-n", str(10**12)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("-n: 1,000,000,000,000 images")
    assert "on the disk of" in said
    assert not [*Path().iterdir()]


def test_an_array_takes_no_memory_for_what_was_written(tmp_path: Path) -> None:
    batch = SampleBatch(np.zeros((16, 64, 64, 3), np.uint8), np.zeros(16, np.int64))
    tracemalloc.start()
    write_array(tmp_path / "a.npz", (16 * 256, 64, 64, 3), (batch for _ in range(256)), ["a"])
    assert tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()
    assert np.load(tmp_path / "a.npz")["images"].shape == (4096, 64, 64, 3)


def test_what_is_left_of_an_array_that_could_not_be_finished_is_cleared_away(tmp_path: Path) -> None:
    def failing() -> Iterator[SampleBatch]:
        yield SampleBatch(np.zeros((1, 2, 2, 1), np.uint8), None)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_array(tmp_path / "a.npy", (2, 2, 2, 1), failing(), [])
    assert not [*tmp_path.iterdir()]
