"""gankit sample --seeds, --truncation in rows, --stage, --at and --alpha; what files say of how they were made."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.tiny import tiny

from gankit.cli import main
from gankit.core import __version__
from gankit.core.errors import UserError
from gankit.generators.exported import write_export
from gankit.generators.loading import load
from gankit.pictures.sampling import as_pixels, images_of_seeds
from gankit.pictures.seeds import MOST_SEEDS, whole_numbers
from gankit.runs.start import begin


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with ten classes."""
    folder = tmp_path_factory.mktemp("classes") / "run"
    data, growth = {"use": "digits", "labels": True}, {"use": "fixed", "resolution": 4, "images": 16}
    begin(tiny(data=data, growth=growth), folder).train()
    return folder


def pixels(file: str) -> np.ndarray:
    with Image.open(file) as picture:
        return np.asarray(picture)


def test_a_seed_makes_the_same_file_whatever_others_are_asked_for(grown: Path) -> None:
    assert main(["sample", str(grown), "--seeds", "0-69,7000", "-o", "many"]) == 0
    assert main(["sample", str(grown), "-o", "two", "--seeds=7000,3"]) == 0
    assert sorted(file.name for file in Path("two").iterdir()) == ["seed000003.png", "seed007000.png"]
    for file in Path("two").iterdir():
        assert file.read_bytes() == (Path("many") / file.name).read_bytes()
    assert len({file.read_bytes() for file in Path("many").iterdir()}) == 71


def test_an_array_and_a_grid_hold_the_images_of_the_files(grown: Path) -> None:
    for output in ("images", "images.npz", "images.png"):
        assert main(["sample", str(grown), "--seeds", "9,2", "-o", output]) == 0
    files = [pixels(f"images/seed{seed:06}.png") for seed in (9, 2)]
    with np.load("images.npz") as array:
        np.testing.assert_array_equal(array["images"][..., 0], files)
        assert array["seeds"].tolist() == [9, 2]
        assert json.loads(str(array["about"]))["Run"] == "styled"
    shown = pixels("images.png")
    assert shown.shape == (64, 130)
    np.testing.assert_array_equal(shown[::4, :64:4], files[0])
    np.testing.assert_array_equal(shown[::4, 66::4], files[1])


def test_python_draws_what_the_command_draws(grown: Path) -> None:
    assert main(["sample", str(grown), "--seeds", "5", "--truncation", "0.5", "-o", "one"]) == 0
    (batch,) = images_of_seeds(load(grown, device="cpu"), [5], truncation=0.5)
    np.testing.assert_array_equal(batch.images[0, ..., 0], pixels("one/seed000005.png"))


def test_a_file_says_what_made_it_and_no_path_but_the_one_that_was_typed(grown: Path, tmp_path: Path) -> None:
    assert (
        main(["sample", str(grown), "--seeds", "4-6", "--truncation", "0.7", "-o", str(tmp_path / "new" / "made")]) == 0
    )
    with Image.open("new/made/seed000005.png") as picture:
        told = dict(picture.info)
    assert told["Software"] == f"gankit {__version__}"
    assert (told["Experiment"], told["Run"], told["Images"]) == ("tiny", "styled", "80")
    assert (told["Stage"], told["Generator"], told["Seed"]) == ("16x16", "average", "5")
    assert str(tmp_path) not in str(told)
    assert told["Command"] == f"gankit sample {grown} --truncation 0.7 --seeds 5"
    assert main([*shlex.split(told["Command"])[1:], "-o", "again"]) == 0
    assert Path("again/seed000005.png").read_bytes() == Path("new/made/seed000005.png").read_bytes()


def test_a_grid_says_the_whole_command(grown: Path) -> None:
    assert main(["sample", str(grown), "-n", "4", "-o", "grid.png", "--which", "current"]) == 0
    with Image.open("grid.png") as picture:
        assert picture.info["Command"] == f"gankit sample {grown} -n 4 --which current"
        assert picture.info["Generator"] == "current"


def test_an_export_gives_the_images_of_its_run(grown: Path) -> None:
    write_export(Path("small.safetensors"), load(grown, device="cpu"))
    assert main(["sample", str(grown), "--seeds", "3-5", "--truncation", "0.7", "-o", "run.npz"]) == 0
    assert main(["sample", "small.safetensors", "--seeds", "3-5", "--truncation", "0.7", "-o", "export.npz"]) == 0
    with np.load("run.npz") as one, np.load("export.npz") as other:
        np.testing.assert_array_equal(one["images"], other["images"])
        assert json.loads(str(other["about"]))["Images"] == "80"
    assert main(["mix", "small.safetensors", "--rows", "1", "--columns", "2", "-o", "mixed.png"]) == 0


def test_truncations_make_rows_of_the_same_latents(grown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(grown), "--seeds", "3,8", "--truncation", "0,0.5,1", "-o", "sweep.png"]) == 0
    assert "the same 2 latents at truncations of 0, 0.5, 1" in capsys.readouterr().err
    sweep = pixels("sweep.png")
    assert sweep.shape[0] == 3 * 66 - 2
    for row, psi in enumerate(("0", "0.5", "1")):
        assert main(["sample", str(grown), "--seeds", "3,8", "--truncation", psi, "-o", f"{psi}.png"]) == 0
        alone = pixels(f"{psi}.png")
        np.testing.assert_array_equal(sweep[row * 66 : row * 66 + 64, -alone.shape[1] :], alone)
    assert main(["sample", str(grown), "--truncation", "0,1", "-o", "numbered.png"]) == 0
    assert main(["sample", str(grown), "-n", "8", "-o", "all.png"]) == 0
    np.testing.assert_array_equal(pixels("numbered.png")[66:, -64:], pixels("all.png")[132:196, 66:130])


def test_classes_have_rows_and_a_seed_alone_decides_its_class(classes: Path) -> None:
    assert main(["sample", str(classes), "--seeds", "1-3", "-o", "grid.png"]) == 0
    assert pixels("grid.png").shape[0] == 10 * 66 - 2
    assert main(["sample", str(classes), "--seeds", "0-49", "-o", "many.npz"]) == 0
    assert main(["sample", str(classes), "--seeds", "40,7", "-o", "two.npz"]) == 0
    with np.load("many.npz") as many, np.load("two.npz") as two:
        np.testing.assert_array_equal(many["labels"][[40, 7]], two["labels"])
        np.testing.assert_array_equal(many["images"][[40, 7]], two["images"])
        assert len({*many["labels"].tolist()}) > 5
    assert main(["sample", str(classes), "--seeds", "2", "--label", "3", "-o", "three.npz"]) == 0
    with np.load("three.npz") as three:
        assert three["labels"].tolist() == [3]
        left = pixels("grid.png").shape[1] - (3 * 66 - 2)
        np.testing.assert_array_equal(
            pixels("grid.png")[3 * 66 : 3 * 66 + 64 : 16, left + 66 : left + 130 : 16], three["images"][0, ..., 0]
        )


def test_a_stage_is_drawn_by_what_it_trained_and_alpha_fades(grown: Path) -> None:
    for name, options in {"8": ["--at", "8x8"], "0": ["--alpha", "0"], "1": ["--alpha", "1"], "now": []}.items():
        assert main(["sample", str(grown), "--seeds", "5", *options, "-o", name]) == 0
    small, start, end, now = (pixels(f"{name}/seed000005.png").astype(int) for name in ("8", "0", "1", "now"))
    assert small.shape == (8, 8)
    np.testing.assert_array_equal(end, now)
    assert np.abs(end - start).max() > 2
    assert main(["sample", str(grown), "--seeds", "5", "--at", "2", "-o", "eight"]) == 0
    np.testing.assert_array_equal(pixels("eight/seed000005.png"), small)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seeds", "1-"], "--seeds: expected whole numbers and ranges of them, such as 0-99,120, not '1-'"),
        (["--seeds", "1;rm"], "--seeds: expected whole numbers"),
        (["--seeds", "-3"], "--seeds"),
        (["--seeds", "0-999999999"], f"--seeds: expected at most {MOST_SEEDS:,} seeds, not '0-999999999'"),
        (["--seeds", "9" * 30], "--seeds: the largest seed is 4294967295, not 999"),
        (["--seeds", "1", "-n", "3"], "--seeds: stands in place of -n and --seed; leave these out"),
        (["--seeds", "1,1"], "--seeds: one is listed twice"),
        (["--truncation", "0,1"], "--truncation: several make rows of a grid; name a file that ends in .png"),
        (["--truncation", "much"], "--truncation: expected a number, or several such as 0,0.5,1, not 'much'"),
        (["--truncation", "nan"], "--truncation: expected a number from 0 to 2, not nan"),
        (["--at", "32x32"], "--at: there is no stage 32x32; the run has stages 1 (4x4), 2 (8x8), 3 (16x16)"),
        (["--alpha", "2"], "--alpha: expected a number from 0 to 1, not 2"),
        (["--at", "4x4", "--alpha", "0.5"], "--alpha: nothing fades in at the first stage, 4x4"),
    ],
)
def test_mistakes_are_one_line(grown: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["sample", str(grown), *options, "-o", "new"])
    except SystemExit as refused:  # by argparse
        code = refused.code
    assert code == 2
    assert said in (err := capsys.readouterr().err)
    assert err.startswith("usage") or len(err.splitlines()) == 1
    assert not Path("new").exists()


def test_ranges_go_both_ways_and_keep_their_order() -> None:
    assert whole_numbers("3-5, 1,9-8", "--seeds") == [3, 4, 5, 1, 9, 8]
    with pytest.raises(UserError, match="the largest style is 3, not 4"):
        whole_numbers("4", "--styles", "style", 3)


def test_seeds_that_are_equal_are_equal_images(grown: Path) -> None:
    generator = load(grown, device="cpu")
    one, two = (as_pixels(generator.of_seeds([6, seed])) for seed in (1, 6))
    np.testing.assert_array_equal(one[0], two[1])
