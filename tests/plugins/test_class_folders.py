"""Folders as classes: which are some, how they are numbered and called, and what is said of the others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from support.tiny import tiny

from gankit import UserError
from gankit.data.images import RealImages
from gankit_images.classes import in_natural_order
from gankit_images.datasets import Digits, FashionMnist, StackedDigits
from gankit_images.folder import Folder


def filled(path: Path, *names: str) -> Folder:
    """Two images in each folder of these names."""
    for name in names:
        (path / name).mkdir(parents=True)
        for number in range(2):
            Image.new("L", (8, 8), number).save(path / name / f"{number}.png")
    return Folder(path=path, channels=1, labels=True)


def labels(data: Folder) -> list[int]:
    found = RealImages(data, [8]).labels
    assert found is not None
    return found.tolist()


def test_people_count_2_before_10() -> None:
    for ordered in (["1", "2", "10", "a"], ["class 2", "class 10"], ["a", "a01", "a1", "b"], ["v1.9", "v1.10", "w"]):
        assert in_natural_order([*reversed(ordered)]) == ordered


def test_classes_are_numbered_in_that_order(tmp_path: Path) -> None:
    data = filled(tmp_path, "10", "2", "b")
    assert data.class_names() == RealImages(data, [8]).class_names == ["2", "10", "b"]
    assert labels(data) == [1, 1, 0, 0, 2, 2]  # of the images in the order of their paths


def test_an_empty_class_is_refused_by_name(tmp_path: Path) -> None:
    data = filled(tmp_path, "ant", "bee")
    (tmp_path / "cat").mkdir()
    (message,) = data.problems(tiny())
    assert message.startswith(f"labels: {tmp_path / 'cat'} holds no images, so that ")
    (tmp_path / "dog/deeper").mkdir(parents=True)
    with pytest.raises(UserError, match="cat and 1 more folders hold no images"):
        data.load(8)
    assert len(RealImages(Folder(path=tmp_path, channels=1), [8]).at(8)) == 4


@pytest.mark.parametrize("name", [".hidden", "__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN"])
@pytest.mark.parametrize("empty", [False, True])
def test_hidden_folders_and_those_of_systems_are_no_classes(
    tmp_path: Path, name: str, empty: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    data = filled(tmp_path, "ant", "bee")
    (tmp_path / name).mkdir() if empty else filled(tmp_path, name)
    assert data.class_names() == ["ant", "bee"]
    assert labels(data) == [0, 0, 1, 1]
    is_said = not empty and not name.startswith(".")  # of hidden ones nothing is read
    assert (f"passed over 2 images of other classes: {name}\n" in capsys.readouterr().err) == is_said


def test_a_folder_of_nothing_but_those_has_no_classes(tmp_path: Path) -> None:
    data = filled(tmp_path, "__MACOSX")
    assert [message.partition(";")[0] for message in data.problems(tiny())] == [
        f"labels: no folder in {tmp_path} can be a class"
    ]


def test_kept_classes_need_no_folder_and_pass_over_what_came_since(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Folder(path=tmp_path / "nowhere", labels=True).with_classes(["b", "a", "gone"])
    assert (kept.class_count(), kept.class_names()) == (3, ["b", "a", "gone"])
    assert kept.model_dump() == Folder(path=tmp_path / "nowhere", labels=True).model_dump()
    since = filled(tmp_path, "a", "b", *"cdefg").with_classes(["b", "a"])
    assert labels(since) == [1, 1, 0, 0]
    assert "passed over 10 images of other classes: c, d, e, ...\n" in capsys.readouterr().err
    with pytest.raises(UserError, match="none of its images lies in a class; they are x, y"):
        since.with_classes(["x", "y"]).load(8)
    assert Folder(path=tmp_path).with_classes(["a"]).class_count() == 0


def test_classes_of_earlier_runs_are_numbered_by_text(tmp_path: Path) -> None:
    data = filled(tmp_path, "10", "2", "__MACOSX").with_classes(None)
    (tmp_path / "empty").mkdir()
    assert data.class_names() == ["10", "2", "__MACOSX"]
    assert labels(data) == [0, 0, 1, 1, 2, 2]


def test_other_data_sets_name_their_classes_too() -> None:
    assert FashionMnist(labels=True).class_names()[9] == "ankle boot"
    assert Digits(labels=True).class_names() == list("0123456789")
    assert StackedDigits(labels=True).class_names()[7] == "7"
    assert not [*Digits().class_names(), *FashionMnist().class_names()]


def test_names_that_do_not_tell_classes_apart_are_refused() -> None:
    class Twins(Digits):
        def class_names(self) -> list[str]:
            return ["digit"] * self.class_count()

    with pytest.raises(UserError, match="Twins should give 10 classes names of their own, not"):
        RealImages(Twins(labels=True), [8])


def in_file(path: Path, content: object) -> Folder:
    """Four images in two folders of no meaning, and a file of labels."""
    filled(path, "00000", "00001")
    (path / "dataset.json").write_text(json.dumps(content))
    return Folder(path=path, channels=1, labels="dataset.json")


STYLEGAN = [["00000/0.png", 1], ["00000/1.png", 0], ["00001/0.png", 2], ["00001/1.png", 1]]


def test_labels_are_read_from_a_file_as_stylegan2_ada_writes_it(tmp_path: Path) -> None:
    data = in_file(tmp_path / "numbers", {"labels": STYLEGAN})
    assert data.class_names() == ["0", "1", "2"]
    assert labels(data) == [1, 0, 2, 1]
    assert data.describe() == "4 images in 3 classes: 0 1, 1 2, 2 1"
    assert labels(data.with_classes(["ant", "bee", "cat"])) == [1, 0, 2, 1]
    named = in_file(tmp_path / "names", {"labels": STYLEGAN, "classes": ["ant", "bee", "cat"]})
    assert named.class_names() == RealImages(named, [8]).class_names == ["ant", "bee", "cat"]
    assert labels(named.with_classes(["cat", "bee", "ant"])) == [1, 2, 0, 1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"labels": STYLEGAN[1:]}, r"00000/0\.png has no label in "),
        ({"labels": STYLEGAN, "classes": ["a", "b", "c", "d"]}, "has no images of class d"),
        ({"labels": None}, "is no file of labels; expected"),
        ({"labels": []}, "is no file of labels; expected"),
        ({"labels": STYLEGAN, "classes": ["a", "b"]}, "is no file of labels; expected"),
        ({"labels": STYLEGAN, "classes": ["a", "a", "b"]}, "is no file of labels; expected"),
        ({"labels": [["00000/0.png", 0.5]]}, "is no file of labels; expected"),
        ({"labels": [["00000/0.png", -1]]}, "is no file of labels; expected"),
        ({"labels": [[["x"], 1]]}, "is no file of labels; expected"),
        ([[[[[]]]]], "is no file of labels; expected"),
    ],
)
def test_what_is_wrong_with_such_a_file_is_said(tmp_path: Path, content: object, said: str) -> None:
    (problem,) = in_file(tmp_path / "a", content).problems(tiny())
    assert re.search(said, problem)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    filled(tmp_path, "ant")
    (problem,) = Folder(path=tmp_path, channels=1, labels="dataset.json").problems(tiny())
    assert problem == f"{tmp_path / 'dataset.json'}: cannot be read: No such file or directory"
