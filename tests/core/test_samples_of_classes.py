"""Samples of a generator with classes keep these: in a folder, in an array, in rows of a grid, and when measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.shades import NAMES
from support.tiny import tiny

from gankit.cli import main
from gankit.data.label_file import LABEL_FILE, folder_names
from gankit.data.pictures import class_rows, exact_class_rows
from gankit.discovery.manager import plugins
from gankit.results.page.drawn import draw
from gankit.runs.start import begin
from gankit_images.folder import Folder

pytestmark = pytest.mark.costly

SHADES = Path(__file__).parents[1] / "support/shades.py"
FOLDERS = ["cat", "class-1", "class-2", "class-3", "dog"]
"""Where images of its classes lie."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with plugins.restored():
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conditional run up to 8x8."""
    network = {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 4}, "norm": "equalized"}
    folder = tmp_path_factory.mktemp("trained") / "run"
    with plugins.restored():
        plugins.load_installed()
        plugins.load_file(SHADES)
        experiment = tiny(
            plugins=[SHADES],
            data="shades",
            discriminator=network | {"head": {"use": "pggan", "labels": "select"}},
            evaluation={"metrics": [], "extractor": "digits", "images": 40},
        )
        begin(experiment, folder).train()
    return folder


def measured(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["evaluate", *map(str, arguments), "--json"]) == 0
    return [{row["name"]: row for row in one["rows"]} for one in json.loads(capsys.readouterr().out)["measurements"]]


def test_a_folder_has_one_for_each_class_and_a_file_of_labels(run: Path, tmp_path: Path) -> None:
    before = {*tmp_path.rglob("*")}
    assert main(["sample", str(run), "-o", "images", "-n", "40"]) == 0
    made = {*tmp_path.rglob("*")} - before
    assert all(path.is_relative_to(tmp_path / "here/images") for path in made), "a class's name led elsewhere"
    files = sorted(path.relative_to(tmp_path / "here/images") for path in made if path.suffix == ".png")
    assert sorted(file.name for file in files) == [f"{number:06}.png" for number in range(40)]
    assert {file.parts[0] for file in files} <= {*FOLDERS}
    written = json.loads(Path("images", LABEL_FILE).read_text())
    assert written["classes"] == NAMES
    assert {name: FOLDERS[number] for name, number in written["labels"]} == {
        file.as_posix(): file.parts[0] for file in files
    }


def test_class_by_class_a_folder_measures_as_its_run_does(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(run), "-o", "images", "-n", "40"]) == 0
    metrics = "[fid, {use: fid_intra, each: true}]"
    of_run, of_folder = measured(capsys, run, "images", "--metrics", metrics, "--extractor", "digits")
    assert {"fid", "fid_intra", "fid_intra_0", "fid_intra_4"} <= of_run.keys()
    for name in of_run:
        assert of_folder[name]["value"] == pytest.approx(of_run[name]["value"], rel=1e-6), name
        assert of_folder[name]["protocol"] == of_run[name]["protocol"]
    assert of_run["fid_intra_3"]["protocol"]["class"] == "a/b"
    assert "class" not in of_run["fid_intra"]["protocol"]
    alone = measured(capsys, "images", "--data", "shades", "--metrics", "fid_intra", "--extractor", "digits")
    assert alone[0]["fid_intra"]["value"] == pytest.approx(of_run["fid_intra"]["value"], rel=1e-6)


def test_tables_say_what_the_classes_are_called(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--metrics", "{use: fid_intra, each: true}", "--extractor", "digits"]
    assert main(["evaluate", str(run), *arguments]) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in NAMES)


def test_folders_called_like_classes_tell_of_them_without_a_file(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cat", "dog"):
        assert main(["sample", str(run), "-o", f"some-{name}", "-n", "20", "--label", name]) == 0
        shutil.move(f"some-{name}/{name}", f"images/{name}")
    arguments = ["--data", "shades", "--metrics", "{use: fid_intra, each: true}", "--extractor", "digits"]
    (found,) = measured(capsys, "images", *arguments)
    assert {name for name in found if "floor" not in name} == {"fid_intra", "fid_intra_0", "fid_intra_4"}


def test_labels_of_other_classes_are_told_of_and_not_used(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(run), "-o", "images", "-n", "8"]) == 0
    file = Path("images", LABEL_FILE)
    file.write_text(file.read_text().replace('"dog"', '"wolf"'))
    arguments = ["evaluate", "images", "--data", "shades", "--metrics", "fid", "--extractor", "digits"]
    assert main(arguments) == 0
    assert "images: measured without labels: dataset.json names other classes" in capsys.readouterr().err
    file.write_text("{")
    assert main(arguments) == 2
    assert "dataset.json is no file of labels; expected" in capsys.readouterr().err


def test_a_data_set_reads_such_a_file(run: Path) -> None:
    assert main(["sample", str(run), "-o", "images", "-n", "40"]) == 0
    data = Folder(path=Path("images").absolute(), channels=1, labels="dataset.json")
    assert data.class_names() == NAMES
    images, labels = data.load(8)
    assert labels is not None
    assert [FOLDERS[label] for label in labels] == [file.parts[0] for file in data.tree.found.files]
    assert len(images) == 40


def test_one_array_holds_all_images(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for output in ("a.npz", "b.npz", "c.npy", "images"):
        assert main(["sample", str(run), "-o", output, "-n", "70"]) == 0
    said = capsys.readouterr().err
    assert "wrote a.npz: 70 images\n" in said
    assert "their classes are not in it; a file that ends in .npz has room for them" in said
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()
    with np.load("a.npz", allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
        assert arrays["classes"].tolist() == NAMES
    assert images.shape == (70, 8, 8, 1)
    assert np.array_equal(images, np.load("c.npy", allow_pickle=False))
    for number in (0, 63, 64, 69):
        file = Path("images", FOLDERS[labels[number]], f"{number:06}.png")
        assert np.array_equal(np.asarray(Image.open(file)), images[number, :, :, 0])


def test_each_row_of_a_grid_is_of_one_class(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", str(run), "-o", "grid.png", "-n", "15"]) == 0
    told = "3 images of each class: 0=cat, 1=../../up, 2=.hidden, 3=a/b, 4=dog"
    assert capsys.readouterr().err.endswith(f"wrote grid.png: {told}\n")
    with Image.open("grid.png") as picture:
        assert picture.info["Description"] == told
        grid = np.asarray(picture)
    assert main(["sample", str(run), "-o", "dogs", "-n", "15", "--label", "dog"]) == 0
    margin = grid.shape[1] - (3 * 66 - 2)
    assert margin > 0
    for column in range(3):
        left = margin + 66 * column
        image = grid[4 * 66 : 4 * 66 + 64 : 8, left : left + 64 : 8]
        assert np.array_equal(image, np.asarray(Image.open(f"dogs/dog/{12 + column:06}.png")))
    assert len({grid[row * 66 : row * 66 + 64, :margin].tobytes() for row in range(5)}) == 5, "rows have names"


def test_rows_are_as_many_as_fit() -> None:
    assert class_rows(NAMES, 64).columns == 12
    many = class_rows([*map(str, range(1000))], 64)
    assert (len(many.names), many.columns) == (8, 8)
    assert many.labels[:9] == [0] * 8 + [1]
    assert len(class_rows(NAMES, 1).labels) == 1


def test_a_grid_shows_as_many_images_as_were_asked_for(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Upper rows have one more; of fewer images than classes, each is of another."""
    listed = "0=cat, 1=../../up, 2=.hidden, 3=a/b, 4=dog"
    for number, told in {
        7: f"7 images, 1 or 2 of each class: {listed}",
        5: f"1 image of each class: {listed}",
        2: "1 image of each of the first 2 of 5 classes: 0=cat, 1=../../up",
        1: "1 image of the first of 5 classes: 0=cat",
    }.items():
        capsys.readouterr()
        assert main(["sample", str(run), "-o", "grid.png", "-n", str(number), "--json"]) == 0
        said = capsys.readouterr()
        assert said.err.endswith(f"wrote grid.png: {told}\n")
        assert json.loads(said.out)["images"] == number
        with Image.open("grid.png") as picture:
            grid = np.asarray(picture)
        rows = exact_class_rows(NAMES, number)
        margin = grid.shape[1] - (rows.columns * 66 - 2)
        shown = [
            (row, column)
            for row in range(len(rows.names))
            for column in range(rows.columns)
            if (grid[row * 66 : row * 66 + 64, margin + column * 66 : margin + column * 66 + 64] != 128).any()
        ]
        assert (len(shown), shown[-1]) == (number, (min(number, 5) - 1, 0))


@pytest.mark.parametrize(
    ("classes", "count", "lengths"), [(3, 5, [2, 2, 1]), (1000, 64, [8] * 8), (10, 9, [2, *[1] * 7])]
)
def test_rows_of_an_exact_number(classes: int, count: int, lengths: list[int]) -> None:
    assert exact_class_rows([*map(str, range(classes))], count).lengths == lengths


def test_a_page_shows_a_row_of_each_class(run: Path) -> None:
    drawn = draw(run, 32)
    assert drawn.names == NAMES
    assert len(drawn.images) == 16 * len(NAMES)


@pytest.mark.parametrize(
    "names",
    [
        [
            "",
            " ",
            ".",
            "..",
            "/",
            "a/b",
            "a\\b",
            "C:",
            "x\0y",
            "a\nb",
            "\u202ex",
            "x" * 300,
            "dataset.json",
            " a",
            "a.",
        ],
        ["A", "a", "\N{KELVIN SIGN}", "k", "class-1", "class-0", "CLASS-7"],
        ["3", "class-3", "x", "", "\udcff"],
    ],
)
def test_names_of_classes_never_lead_out_of_their_folder(names: list[str], tmp_path: Path) -> None:
    found = folder_names(names)
    assert len({name.casefold() for name in found}) == len(names)
    for name in found:
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()
        assert not name.startswith(".")
        (tmp_path / name).mkdir()
    assert folder_names(["cat", "2", "T-shirt", "ankle boot", "猫"]) == ["cat", "2", "T-shirt", "ankle boot", "猫"]
