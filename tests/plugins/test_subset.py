"""Some classes of a data set are a data set of their own; classes can be shown equally often."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.crashing import files
from support.sources import write_idx
from support.tiny import tiny, trainer

from gankit import Dataset, LabelledImages
from gankit.checkpoints import store
from gankit.config.checks import problems
from gankit.core.cache import kept
from gankit.data.images import RealImages
from gankit.evaluation.reference import split
from gankit.runs.start import begin, resume
from gankit_images.arrays import Arrays
from gankit_images.datasets import Digits, FashionMnist
from gankit_images.folder import Folder
from gankit_images.subset import Subset

NAMES = ["2", "10", "ant", "bee"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Noise, of the first class one image, of the second two, ..."""
    draws = np.random.default_rng(0)
    for number, name in enumerate(NAMES):
        for image in range(number + 1):
            file = tmp_path / "images" / name / f"{image}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draws.integers(0, 256, (8, 8, 3), np.uint8)).save(file)
    return tmp_path / "images"


def subset(of: Dataset, *classes: str | int, **options: Any) -> Subset:
    return Subset.model_validate({"of": of, "classes": [*classes], **options})


def said(data: Subset) -> list[str]:
    return [*data.problems(tiny(data=data))]


def test_chosen_classes_keep_names_and_order_and_are_numbered_anew(folder: Path) -> None:
    data = subset(Folder(path=folder, labels=True), "bee", "10")
    assert (data.class_count(), data.class_names()) == (2, ["10", "bee"])
    images, labels = data.load(8)
    assert labels is not None
    assert labels.tolist() == [0, 0, 1, 1, 1, 1]
    (folder / "2").rename(folder.parent / "2")
    (folder / "ant").rename(folder.parent / "ant")
    alone = RealImages(Folder(path=folder, labels=True), [8])
    np.testing.assert_array_equal(images, alone.at(8))
    chosen = RealImages(subset(Folder(path=folder, labels=True), "bee", "10"), [8])
    assert chosen.fingerprint == alone.fingerprint
    np.testing.assert_array_equal(split(chosen, 2, 0).reference.chosen, split(alone, 2, 0).reference.chosen)


def test_the_subset_of_a_folder_decodes_no_other_image(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ant" / "1.png").write_bytes(b"broken")
    data = subset(Folder(path=folder, labels=True), "10", "bee")
    assert len(data.load(8).images) == 6
    assert "passed over 4 images of other classes: 2, ant\n" in capsys.readouterr().err
    assert data.describe() == "6 images in 2 classes: 10 2, bee 4; passed over: 4 of other classes"


@pytest.mark.parametrize("source", ["folder", "array", "memory"])
def test_every_source_has_subsets_and_they_are_equal(folder: Path, source: str) -> None:
    whole = Folder(path=folder, labels=True).load(8)
    wanted = RealImages(subset(Folder(path=folder, labels=True), "10", "bee"), [4, 8])
    np.savez(folder.parent / "a.npz", images=whole.images, labels=np.asarray(whole.labels))
    arrays = Arrays(path=folder.parent / "a.npz", labels=True)

    class Memory(Dataset):
        def image_channels(self) -> int:
            return 3

        def class_count(self) -> int:
            return 4

        def load(self, resolution: int) -> LabelledImages:
            return LabelledImages(whole.images[:], whole.labels)

    of = {"folder": Folder(path=folder, labels=True), "array": arrays, "memory": Memory()}[source]
    found = RealImages(subset(of, *([1, 3] if source != "folder" else ["10", 3])), [4, 8])
    assert found.fingerprint == wanted.fingerprint
    np.testing.assert_array_equal(found.at(4), wanted.at(4))
    assert any(each.what.endswith(", of arrays: 1, 3") for each in kept()) == (source == "array")
    np.testing.assert_array_equal(found.order_by_hash(0), wanted.order_by_hash(0))


def test_without_labels_its_images_are_of_no_class() -> None:
    data = subset(Digits(labels=True), 7, labels=False)
    assert (data.class_count(), data.class_names(), data.load(8).labels) == (0, [], None)
    assert len(data.load(8).images) == 179


def test_its_test_part_are_the_same_classes(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", images=20)
    write_idx(tmp_path, "t10k", images=30, seed=1)
    test = subset(FashionMnist(path=tmp_path, labels=True), "bag", "coat").test_part()
    assert test is not None
    assert test.class_names() == ["coat", "bag"]
    assert np.bincount(np.asarray(test.load(32).labels)).tolist() == [3, 3]
    assert subset(Digits(labels=True), 1).test_part() is None


def test_classes_that_are_not_there_are_refused_with_the_nearest(folder: Path) -> None:
    data = Folder(path=folder, labels=True)
    assert said(subset(data, "bea")) == ["classes: there is no class 'bea'. Did you mean 'bee'?"]
    assert said(subset(data, "horse")) == ["classes: there is no class 'horse'. There are: 0=2, 1=10, 2=ant, 3=bee."]
    assert said(subset(data, 4)) == ["classes: there is no class number 4; they are 0 to 3: 0=2, 1=10, 2=ant, 3=bee"]
    [ambiguous] = said(subset(data, 2))
    assert ambiguous.startswith("classes: 2 may be the name of class 0 or the number of class 'ant'; write the one")
    assert said(subset(data, "2", 3)) == []
    [without] = said(subset(Folder(path=folder), "ant"))
    assert without.startswith("of: it has no classes to choose from; give it labels")
    assert said(subset(Folder(path=folder / "nowhere", labels=True), "ant")) == []  # which `missing` tells of


def test_a_run_keeps_the_classes_that_its_subset_began_with(folder: Path) -> None:
    data = subset(Folder(path=folder, labels=True), 0, "bee").with_classes(["2", "bee"])
    (folder / "1").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "1" / "a.png")  # which is class 0 now
    assert data.class_names() == ["2", "bee"]
    assert np.asarray(data.load(8).labels).tolist() == [0, 1, 1, 1, 1]
    fewer = subset(Folder(path=folder, labels=True), "bee").with_classes(["2", "bee"])
    assert np.asarray(fewer.load(8).labels).tolist() == [1, 1, 1, 1]


def test_the_room_that_the_whole_would_take_is_not_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gankit.data.prepared.lack_of_room", lambda *_: "no room")
    whole = Folder(path=folder, labels=True)
    data = subset(whole, "ant")
    assert whole.missing(tiny(data=whole)) == "no room"
    assert (whole.missing(tiny(data=data)), data.missing(tiny(data=data))) == (None, None)


EVEN = {
    "data": {"use": "subset", "of": {"use": "digits", "labels": True}, "classes": [0, 1, 8]},
    "discriminator": {
        "block": "conv",
        "rgb": "rgb",
        "channels": {4: 8, 8: 4},
        "head": {"use": "pggan", "labels": "select"},
        "norm": "equalized",
    },
    "training": {"batch": 9, "device": "cpu", "classes": "even", "threads": 1},
    "regularizers": ["gradient-penalty", "drift"],
    "checkpoints": {"every": 18, "keep": 9},
}


def test_training_shows_and_asks_for_every_class_as_often() -> None:
    training = trainer(tiny(**EVEN))
    for _ in range(3):
        real, labels, _ = training._batch()
        assert labels is not None
        assert len(real) == 9
        assert labels.bincount().tolist() == [3, 3, 3]
        training.images += 9


def test_a_run_with_even_classes_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    experiment = tiny(**EVEN)
    begin(experiment, tmp_path / "whole").train()
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    for checkpoint in store.found(tmp_path / "cut" / "checkpoints")[2:]:
        shutil.rmtree(checkpoint)
    resumed = resume(tmp_path / "cut")
    assert resumed is not None
    resumed.train()
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_even_classes_need_classes() -> None:
    training = {"batch": 8, "device": "cpu", "classes": "even"}
    assert (("training", "classes"), "even shows every class as often, but data gives no labels") in problems(
        tiny(training=training)
    )
