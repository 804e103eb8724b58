"""gankit evaluate: runs, checkpoints and folders of images, by one ruler."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command import rows
from support.tiny import tiny

from gankit.checkpoints import store
from gankit.cli import main
from gankit.data.images import RealImages
from gankit.runs.start import begin

pytestmark = pytest.mark.costly


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, a folder of 60 real digits, and the same with noise."""
    folder = tmp_path_factory.mktemp("made")
    evaluation = {"metrics": ["fid"], "extractor": "digits", "images": 50}
    begin(tiny(evaluation=evaluation), folder / "run").train()
    digits = RealImages(tiny().data, [8]).at(8)[:60, 0]
    noise = np.random.default_rng(0).normal(0, 60, digits.shape)
    for name, images in (("digits", digits), ("noisy", (digits + noise).clip(0, 255).astype(np.uint8))):
        (folder / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / name / f"{number:02}.png")
    return folder


def numbers(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, float]]:
    found = json.loads(capsys.readouterr().out)["measurements"]
    return {Path(one["path"]).name: {row["name"]: row["value"] for row in one["rows"]} for one in found}


def test_folders_are_measured_without_any_run(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(made / "digits"), str(made / "noisy")]
    assert main(["evaluate", *paths, "--data", "digits", "--extractor", "digits"]) == 0
    table = capsys.readouterr().out
    assert all(word in table for word in ("digits", "noisy", "8x8", "images 60, reals 60", "the best at"))
    assert main(["evaluate", *paths, "--data", "digits", "--extractor", "digits", "--json"]) == 0
    found = numbers(capsys)
    assert 2 * found["digits"]["fid"] < found["noisy"]["fid"]
    assert found["digits"]["fid"] < 2 * found["digits"]["fid_floor"]
    assert found["digits"]["fid_floor"] == found["noisy"]["fid_floor"]


def test_a_folder_may_hold_the_reals_too(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(made / "digits")
    assert main(["evaluate", data, "--data", data, "--extractor", "digits", "--json"]) == 0
    assert numbers(capsys)["digits"]["fid"] == pytest.approx(0, abs=1e-6)


def test_a_run_is_measured_as_it_measured_itself(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made / "run"
    newest = store.found(run / "checkpoints")[-1]
    assert main(["evaluate", str(run), str(newest), str(made / "digits"), "--json"]) == 0
    found = numbers(capsys)
    recorded = [row for row in rows(run) if row["name"] == "fid"][-1]
    assert found["run"]["fid"] == found[newest.name]["fid"] == pytest.approx(recorded["value"], rel=1e-12)
    assert found["digits"]["fid"] < found["run"]["fid"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits"], "say with --data which real ones"),
        (["nowhere", "--data", "digits"], "there is no such folder"),
        (
            ["run/metrics.jsonl", "--data", "digits"],
            "metrics.jsonl is a file, but runs, checkpoints and",
        ),
        (
            ["digits", "--data", "{use: folder, path: run/metrics.jsonl}"],
            "metrics.jsonl is a file, not a folder of images",
        ),
        (["digits", "--data", "digts"], "--data digts: data: no dataset is called 'digts'. Did you mean 'digits'?"),
        (
            ["digits", "--data", "{use: digits}", "--images", "many"],
            "--images many: images: expected a number of images",
        ),
        (["digits", "--data", "{use: digits}", "--metrics", "[fdi]"], "no metric is called 'fdi'. Did you mean 'fid'?"),
        (["digits", "--data", "{use: digits}", "--images", "61"], "holds 60 images, not 61"),
        (["run", "--data", "{use: fashion-mnist, path: .}"], "there is no train-images-idx3-ubyte"),
        (["run", "--resolution", "4"], "--resolution: run makes images of 8 pixels and is measured at these"),
        (["run", "--metrics", "fid_intra"], "run: metric fidelity/fid_intra: this compares class by class"),
        (
            ["digits", "--data", "{use: digits, labels: true}", "--metrics", "fid_intra", "--extractor", "digits"],
            "digits: metric fidelity/fid_intra: this compares class by class, but data gives no labels",
        ),
    ],
)
def test_mistakes(
    made: Path,
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(made)
    monkeypatch.setenv("GANKIT_CACHE", str(made / "cache"))
    assert main(["evaluate", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_the_height_of_a_folder_is_that_of_the_images_that_are_measured(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (5, 5)).save(tmp_path / ".hidden.png")
    Image.new("L", (7, 7)).save(tmp_path / "0.ico", sizes=[(7, 7)])
    (tmp_path / "linked").symlink_to(made / "digits", target_is_directory=True)
    digits = ["--data", "digits", "--extractor", "digits", "--json"]
    assert main(["evaluate", str(made / "digits"), *digits]) == 0
    plain = numbers(capsys)["digits"]
    assert main(["evaluate", str(tmp_path), *digits]) == 0
    assert numbers(capsys)[tmp_path.name] == plain


def test_images_of_several_heights_are_named_or_resized_as_is_said(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "digits", tmp_path, dirs_exist_ok=True)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("L", (10, 12)).save(tmp_path / "00.jpg", exif=turned)
    arguments = ["evaluate", str(tmp_path), "--data", "digits", "--extractor", "digits"]
    assert main(arguments) == 2
    assert capsys.readouterr().err == (
        f"{tmp_path} holds images of several heights: 60 of 8x8, 1 of 12x10; "
        "say with --resolution at which to measure them\n"
    )
    assert main([*arguments, "--resolution", "8"]) == 0
    said = capsys.readouterr().err
    assert (
        f"{tmp_path}: 1 of 61 images are cut to their middle and resized to 8x8 by Lanczos' filter: 1 of 12x10" in said
    )


def test_what_was_resized_stands_in_the_protocol_and_under_the_table(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (made / "digits").iterdir():
        Image.open(file).resize((16, 16)).save(tmp_path / file.name)
    arguments = ["evaluate", str(tmp_path), str(made / "digits"), "--data", "digits", "--extractor", "digits"]
    assert main([*arguments, "--resolution", "8", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["measurements"]
    how = "60 of 60 images, cut to their middle and resized to 8x8 by Lanczos' filter"
    told = [{row["name"]: row["protocol"].get("resized") for row in one["rows"]} for one in found]
    assert told == [{"fid": how, "fid_floor": None}, {"fid": None, "fid_floor": None}]
    assert main([*arguments, "--resolution", "8"]) == 0
    assert f"{tmp_path.name}: resized, {how}" in " ".join(capsys.readouterr().out.split())


def test_colours_made_grey_and_reals_enlarged_are_told_too(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A palette of greys and files of grey lose nothing."""
    for number, file in enumerate(sorted((made / "digits").iterdir())):
        mode = ("RGB", "L", "P")[number % 3]
        picture = Image.open(file).convert("L").resize((16, 16))
        (picture.quantize(8) if mode == "P" else picture.convert(mode)).save(tmp_path / file.name)
    arguments = ["evaluate", str(tmp_path), "--data", "digits", "--extractor", "digits", "--metrics", "fid"]
    assert main([*arguments, "--images", "60"]) == 0
    said = capsys.readouterr()
    assert f"{tmp_path}: 20 of 60 images are files in colour and are made grey, as the reals are" in said.err
    assert f"{tmp_path}: the reals that it is compared with are enlarged from 8 to 16 pixels" in said.err
    shown = " ".join(said.out.split())
    assert f"{tmp_path.name}: made grey, 20 of 60 images, whose files are in colour" in shown
    assert f"{tmp_path.name}: compared with, reals enlarged from 8 to 16 pixels" in shown
    assert main([*arguments[:-4], "--data", "{use: digits, channels: 3}", "--resolution", "8", *arguments[4:]]) == 0
    assert "made grey" not in " ".join(capsys.readouterr())


def test_folders_are_read_within_the_bound_of_the_reals(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (1001, 1000)).save(tmp_path / "a.png")
    reals = {"use": "folder", "path": str(made / "digits"), "channels": 1, "max_megapixels": 1}
    assert main(["evaluate", str(tmp_path), "--data", json.dumps(reals), "--extractor", "digits"]) == 2
    assert "a.png: cannot read this image: it has 1001x1000 pixels" in capsys.readouterr().err
