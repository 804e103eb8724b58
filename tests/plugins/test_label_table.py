"""Labels of a folder or archive out of a CSV."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from support.tiny import tiny

from gankit import UserError
from gankit_fidelity.classifier_trainer import with_labels
from gankit_images.folder import Folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images, 0.png, 1.png, 2.png and below/3.png."""
    (tmp_path / "images" / "below").mkdir(parents=True)
    for number in range(4):
        Image.new("L", (8, 8), 60 * number).save(
            tmp_path / "images" / ("below" if number == 3 else "") / f"{number}.png"
        )
    return tmp_path / "images"


TABLE = 'file,label\n0.png,10\n1.png,2\nbelow/3.png,2\n./2.png,"old, grey"\n'


def read(path: Path, table: str | bytes = TABLE, name: str = "labels.csv") -> Folder:
    (path / name).write_bytes(table.encode() if isinstance(table, str) else table)
    return Folder(path=path, channels=1, labels=name)


def classes(data: Folder) -> list[tuple[int, str]]:
    """What each image is: its number and the name of its class."""
    images, labels = data.load(8)
    assert labels is not None
    return sorted(
        (level // 60, data.class_names()[label])
        for level, label in zip(images[:, 0, 0, 0].tolist(), labels.tolist(), strict=True)
    )


def refused(data: Folder) -> str:
    (problem,) = data.problems(tiny())
    return problem


def test_classes_are_the_texts_in_natural_order(folder: Path) -> None:
    data = read(folder)
    assert data.class_names() == ["2", "10", "old, grey"]
    assert classes(data) == [(0, "10"), (1, "2"), (2, "old, grey"), (3, "2")]
    assert data.describe() == "4 images in 3 classes: 2 2, 10 1, old, grey 1"  # the table is not passed over
    (folder / "other.csv").touch()
    assert read(folder).describe().endswith("grey 1; passed over: 1 .csv")


@pytest.mark.parametrize(
    "table",
    [
        "\ufeff" + TABLE,
        TABLE.replace("\n", "\r\n"),
        'id,label,file\n7,10,0.png\n8,2,1.png\n,,\n\n9,2,below/3.png\n0,"old, grey",2.png,more\n',
        TABLE + "elsewhere.png,another\n0.png,10\n",
    ],
    ids=["mark", "carriage returns", "other columns", "files that are not there, and lines that are repeated"],
)
def test_what_spreadsheets_and_others_write_is_read_alike(folder: Path, table: str) -> None:
    assert classes(read(folder, table)) == classes(read(folder))


def test_it_may_lie_in_an_archive_beside_it_or_beside_a_folder(folder: Path) -> None:
    wanted = classes(read(folder))
    archive = folder.with_name("images.zip")
    with zipfile.ZipFile(archive, "w") as out:
        for file in folder.rglob("*.*"):
            out.write(file, file.relative_to(folder))
    assert classes(Folder(path=archive, channels=1, labels="labels.csv")) == wanted
    (folder / "labels.csv").rename(folder.parent / "table.CSV")
    for path in (archive, folder):
        assert classes(Folder(path=path, channels=1, labels="../table.CSV")) == wanted
        assert classes(Folder(path=path, channels=1, labels=str(folder.parent / "table.CSV"))) == wanted


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("0.png,2\n1.png,2\n", ":1: the first line names the columns, among them file and label, with commas between; "
         "here it names 0.png, 2"),
        ("", ":1: the first line names the columns, among them file and label, with commas between; here it names"),
        ("file;label\n", "here it names file;label"),
        (TABLE + "0.png,2\n", ":6: 0.png was of '10' before, and is of '2' here"),
        (TABLE + "4.png\n", ":6: there is no label in this line"),
        (TABLE + "4.png,  \n", ":6: there is no label in this line"),
        (TABLE + ",cat\n", ":6: there is no file in this line"),
        (TABLE + '"4.png\n', ":6: unexpected end of data"),
        (TABLE.encode() + b"4.png,\xff\n", ": cannot be read: its text is not UTF-8"),
    ],
)  # fmt: skip
def test_a_line_that_is_wrong_is_named(folder: Path, table: str | bytes, said: str) -> None:
    problem = refused(read(folder, table))
    assert problem.startswith(f"labels: {folder / 'labels.csv'}:")
    assert said in problem


def test_an_image_without_a_label_is_named(folder: Path) -> None:
    problem = refused(read(folder, TABLE.replace("1.png,2\n", "")))
    assert problem == f"labels: {folder / '1.png'} has no label in {folder / 'labels.csv'}"


@pytest.mark.parametrize("name", ["none.csv", "../none.csv"])
def test_a_table_that_is_not_there_is_named(folder: Path, name: str) -> None:
    problem = refused(Folder(path=folder, labels=name))
    assert problem == f"labels: there is no file {(folder / name).resolve()}"
    (folder / name).with_name("nine.csv").touch()
    assert refused(Folder(path=folder, labels=name)) == f"{problem}; beside it lies nine.csv"


def test_a_run_keeps_its_classes_beside_new_ones(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = read(folder).with_classes(["10", "2"])
    assert classes(data) == [(0, "10"), (1, "2"), (3, "2")]
    assert "passed over 1 images of other classes: old, grey" in capsys.readouterr().err


def test_other_files_are_refused_by_the_option(folder: Path) -> None:
    with pytest.raises(ValidationError, match=r"expected dataset\.json, or the name of a \.csv"):
        Folder(path=folder, labels="labels.txt")


def test_a_classifier_learns_from_the_labels_of_the_table(folder: Path) -> None:
    learned = with_labels(read(folder))
    assert np.asarray(learned.load(8).labels).tolist() == [1, 0, 2, 0]
    with pytest.raises(UserError, match="no folder"):
        with_labels(Folder(path=folder / "below"))
