"""The same images are the same data set, whatever they lie in; each is read once."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from sklearn.datasets import load_digits
from support.sources import write_idx
from support.tiny import tiny

from gankit import Dataset, UserError
from gankit.data.images import RealImages
from gankit_images import pictures
from gankit_images.arrays import Arrays
from gankit_images.folder import Folder
from gankit_images.torchvision_sets import Torchvision

COUNT = 40
RESOLUTIONS = (4, 8, 16)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def images() -> np.ndarray:
    """Of the final size, so that every source gives them as they are."""
    return np.random.default_rng(0).integers(0, 256, (COUNT, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path, images: np.ndarray) -> Path:
    folder = tmp_path / "pictures"
    for number, image in enumerate(images):
        file = folder / ("b" if number >= 20 else "a") / f"{number:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    (folder / "b" / "notes.txt").write_text("no picture")
    return folder


def zipped(folder: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    file = folder.with_name("pictures.zip")
    with zipfile.ZipFile(file, "w", compression) as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.write(path, path.relative_to(folder))
    return file


def sources(folder: Path, images: np.ndarray) -> list[Dataset]:
    here = folder.parent
    np.save(here / "last.npy", images)
    np.save(here / "first.npy", images.transpose(0, 3, 1, 2))
    np.save(here / "floats.npy", images.astype(np.float32) / 255)
    labels = np.repeat([0, 1], COUNT // 2)
    np.savez(here / "both.npz", images=images, labels=labels)
    save_file({"images": images, "labels": labels}, here / "both.safetensors")
    return [
        Folder(path=folder),
        Folder(path=zipped(folder)),
        Arrays(path=here / "last.npy"),
        Arrays(path=here / "first.npy"),
        Arrays(path=here / "floats.npy", range=(0, 1)),
        Arrays(path=here / "both.npz"),
        Arrays(path=here / "both.safetensors"),
    ]


def test_whatever_holds_the_same_images_gives_the_same_batches(folder: Path, images: np.ndarray) -> None:
    expected, *others = (RealImages(data, RESOLUTIONS) for data in sources(folder, images))
    np.testing.assert_array_equal(expected.at(16), images.transpose(0, 3, 1, 2))
    for reals in others:
        for resolution in RESOLUTIONS:
            np.testing.assert_array_equal(reals.at(resolution), expected.at(resolution))
        assert reals.fingerprint == expected.fingerprint
        np.testing.assert_array_equal(reals.order_by_hash(0), expected.order_by_hash(0))


def test_classes_are_the_same_in_a_folder_an_archive_and_beside_an_array(folder: Path, images: np.ndarray) -> None:
    sources(folder, images)
    here = folder.parent
    np.save(here / "labels.npy", np.repeat([0, 1], COUNT // 2))
    data = [
        Folder(path=folder, labels=True),
        Folder(path=zipped(folder, compression=zipfile.ZIP_DEFLATED), labels=True),
        Arrays(path=here / "both.npz", labels=True),
        Arrays(path=here / "both.safetensors", labels=True),
        Arrays(path=here / "last.npy", labels=here / "labels.npy"),
    ]
    expected, *others = (RealImages(each, RESOLUTIONS) for each in data)
    assert expected.class_names == ["a", "b"]
    assert others[0].class_names == ["a", "b"]
    for reals in others:
        np.testing.assert_array_equal(reals.labels, expected.labels)
        assert reals.fingerprint == expected.fingerprint


def test_the_second_time_no_picture_is_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = RealImages(Folder(path=folder), RESOLUTIONS)
    levels = {resolution: first.at(resolution).copy() for resolution in RESOLUTIONS}

    def refuse(*_: object) -> None:
        raise AssertionError("a picture is decoded again")

    monkeypatch.setattr(pictures, "open_image", refuse)
    moved = folder.rename(folder.with_name("moved"))
    again = RealImages(Folder(path=moved), RESOLUTIONS)
    for resolution, level in levels.items():
        np.testing.assert_array_equal(again.at(resolution), level)
    (moved / "a" / "00.png").touch()
    with pytest.raises(AssertionError, match="decoded again"):
        RealImages(Folder(path=moved), RESOLUTIONS)


@pytest.mark.parametrize(
    "changes", [{"channels": 1}, {"shape": (2, 1)}, {"filter": "box"}, {"fit": "squash"}, {"range": (0.0, 9.0)}]
)
def test_each_option_of_decoding_is_prepared_by_itself(folder: Path, changes: dict[str, object]) -> None:
    RealImages(Folder(path=folder), [16])
    other = Folder(path=folder).model_copy(update=changes)
    fresh = RealImages(other, [16])
    shutil.rmtree(os.environ["GANKIT_CACHE"])
    assert RealImages(other, [16]).fingerprint == fresh.fingerprint


def test_pictures_of_another_shape_are_cut_framed_or_stretched(tmp_path: Path) -> None:
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, 4:12] = 200
    Image.fromarray(wide).save(tmp_path / "a.png")

    def columns(fit: str) -> list[int]:
        options = {"path": tmp_path, "fit": fit, "filter": "box"}
        return Folder.model_validate(options).load(8).images[0, 0].max(0).tolist()

    assert columns("crop") == [200] * 8
    assert columns("squash") == [0, 0, 200, 200, 200, 200, 0, 0]
    assert columns("pad") == [0, 0, 200, 200, 200, 200, 0, 0]
    padded = Folder.model_validate({"path": tmp_path, "fit": "pad", "filter": "box"}).load(8).images[0, 0]
    assert padded.max(1).tolist() == [0, 0, 200, 200, 200, 200, 0, 0]


def test_arrays_of_another_size_are_resized_as_pictures_are(tmp_path: Path) -> None:
    scans = np.rint(load_digits(return_X_y=True)[0][:10].reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    np.save(tmp_path / "scans.npy", scans)
    for number, scan in enumerate(scans):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(scan).save(tmp_path / "pictures" / f"{number}.png")
    files = RealImages(Folder(path=tmp_path / "pictures", channels=1), [16])
    np.testing.assert_array_equal(RealImages(Arrays(path=tmp_path / "scans.npy"), [16]).at(16), files.at(16))


@pytest.mark.parametrize(
    ("array", "options", "said"),
    [
        (np.zeros((4, 8, 8, 5), np.uint8), {}, "neither axis has 1, 3 or 4"),
        (np.zeros((4, 3, 8, 3), np.uint8), {}, "either may be; `layout` says which"),
        (np.zeros(4, np.uint8), {}, r"holds an array \[4\], but images are"),
        (np.zeros((4, 8, 8), np.float32), {}, "its numbers are float32; `range` says which"),
        (np.zeros((4, 8, 8), np.complex64), {"range": (0, 1)}, "complex64; images are of whole or floating"),
        (np.full((4, 8, 8), np.nan), {"range": (0, 1)}, "image 0 holds numbers that are not finite"),
        (np.array(["a"]), {}, "holds an array"),
    ],
)
def test_arrays_that_are_no_images_are_refused(
    tmp_path: Path, array: np.ndarray, options: dict[str, object], said: str
) -> None:
    np.save(tmp_path / "images.npy", array)
    with pytest.raises(UserError, match=said):
        Arrays.model_validate({"path": tmp_path / "images.npy", **options}).load(8)


def test_pickles_and_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([object()]), allow_pickle=True)
    (tmp_path / "junk.npy").write_bytes(b"junk")
    (tmp_path / "junk.npz").write_bytes(b"junk")
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    (tmp_path / "images.txt").write_text("junk")
    for name in ("objects.npy", "junk.npy", "junk.npz", "junk.safetensors", "images.txt"):
        with pytest.raises(UserError, match=name):
            Arrays(path=tmp_path / name).load(8)
    np.savez(tmp_path / "named.npz", pictures=np.zeros((4, 8, 8), np.uint8))
    with pytest.raises(UserError, match="has no array 'images'; there are pictures"):
        Arrays(path=tmp_path / "named.npz").load(8)


@pytest.mark.parametrize(
    ("labels", "said"),
    [([0, 1], r"instead of whole numbers \[4\]"), ([0, 1, 3, 3], "no image of class 2"), ([-1, 0, 1, 2], "not -1")],
)
def test_labels_that_are_no_classes_are_refused(tmp_path: Path, labels: list[int], said: str) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((4, 8, 8), np.uint8), labels=np.array(labels))
    with pytest.raises(UserError, match=said):
        Arrays(path=tmp_path / "a.npz", labels=True).load(8)


def test_an_array_alone_has_no_labels_of_its_own(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 8, 8), np.uint8))
    with pytest.raises(UserError, match=r"labels: .*a\.npy holds one array alone, .*; name their \.npy$"):
        Arrays(path=tmp_path / "a.npy", labels=True).class_count()


@pytest.mark.parametrize("harm", ["cut", "junk", "byte"])
def test_an_archive_that_is_damaged_is_told_of(folder: Path, harm: str) -> None:
    file = zipped(folder)
    content = bytearray(file.read_bytes())
    if harm == "byte":
        content[200] ^= 255  # in the pixels of the first image
    file.write_bytes(bytes(content[: len(content) // 2]) if harm == "cut" else b"junk" if harm == "junk" else content)
    with pytest.raises(UserError, match=r"pictures\.zip"):
        Folder(path=file).load(16)


def test_names_in_an_archive_lead_nowhere_else(tmp_path: Path, folder: Path) -> None:
    file = zipped(folder)
    with zipfile.ZipFile(file, "a") as archive:
        for name in ("../out.png", "/root.png", ".hidden/a.png", "a/.b.png", "a//b.png"):
            archive.writestr(name, (folder / "a" / "00.png").read_bytes())
    data = Folder(path=file)
    assert len(data.load(16).images) == COUNT
    assert "2 hidden" in data.describe()
    assert "3 with names of elsewhere" in data.describe()


def test_torchvisions_sets_are_read_from_where_it_keeps_them(tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    pixels = write_idx(raw, "train", images=20)
    write_idx(raw, "t10k", images=10, seed=1)
    data = Torchvision(name="fashion-mnist", root=tmp_path, labels=True)
    loaded = data.load(28)
    np.testing.assert_array_equal(loaded.images[:, 0], pixels)
    assert loaded.labels is not None
    assert loaded.labels.tolist() == [*range(10)] * 2
    test = data.test_part()
    assert test is not None
    assert len(test.load(28).images) == 10
    write_idx(raw, "train", images=20, seed=2)
    others = Torchvision(name="fashion-mnist", root=tmp_path).load(28).images
    assert (others != loaded.images).any(), "other files that came to lie there"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "cifar10"}, "from .*: Dataset not found or corrupted; `download: true` lets torchvision get it"),
        ({"name": "mnist"}, "from .*: Dataset not found; `download: true` lets torchvision get it"),
        ({"name": "cifar10", "download": True}, "from .*: .*"),
        ({"name": "lsun", "category": "bedrom_train"}, r"lsun has no 'bedrom_train'\. Did you mean 'bedroom_train'\?"),
        ({"name": "lsun", "split": "test"}, "split: lsun has no test part"),
        ({"name": "celeba", "labels": True}, "labels: celeba has no classes to train on"),
    ],
)
def test_what_torchvision_has_not_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], said: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no network. You can use download=True to download it")

    monkeypatch.setattr("torchvision.datasets.CIFAR10.download", refuse)
    data = Torchvision.model_validate({"root": tmp_path, **options})
    experiment = tiny(data=data, growth={"use": "fixed", "resolution": 8, "images": 32})
    found = [*data.problems(experiment)]
    if data.download:
        with pytest.raises(UserError) as caught:
            data.load(8)
        found.append(str(caught.value))
    elif (lacking := data.missing(experiment)) is not None:
        found.append(lacking)
    (line,) = found
    assert re.fullmatch(rf"(torchvision cannot have \w+ |category: )?{said}", line), line
    assert "download=True" not in line
