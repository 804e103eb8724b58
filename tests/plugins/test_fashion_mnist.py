"""Fashion-MNIST: its files in every layout, and every way in which they may be missing or damaged."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from support.slow import slow_but
from support.tiny import tiny

from gankit import UserError
from gankit.data.images import RealImages, reduced
from gankit_images.datasets import DEBIAN_FASHION_MNIST, FashionMnist
from gankit_images.idx import read_idx

PIXELS = {
    split: np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    for split, seed, count in (("train", 0, 12), ("t10k", 1, 5))
}
LABELS = {"train": np.arange(12, dtype=np.uint8) % 10, "t10k": np.array([9, 2, 1, 1, 6], np.uint8)}
IMAGES_FILE, LABELS_FILE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def idx(array: np.ndarray) -> bytes:
    """An array of unsigned bytes as the format's authors describe it."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def save(folder: Path, compressed: bool) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split in PIXELS:
        for name, array in (("images-idx3", PIXELS[split]), ("labels-idx1", LABELS[split])):
            content = idx(array)
            file = folder / f"{split}-{name}-ubyte{'.gz' if compressed else ''}"
            file.write_bytes(gzip.compress(content) if compressed else content)
    return folder


def error(dataset: FashionMnist, resolution: int = 32) -> str:
    with pytest.raises(UserError) as caught:
        dataset.load(resolution)
    return str(caught.value)


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("files", "path"),
    [
        (".", "."),
        ("FashionMNIST/raw", "."),
        ("FashionMNIST/raw", "FashionMNIST"),
        ("FashionMNIST/raw", "FashionMNIST/raw"),
    ],
)
def test_both_layouts_are_read_from_any_of_their_folders(
    tmp_path: Path, files: str, path: str, compressed: bool
) -> None:
    save(tmp_path / files, compressed)
    dataset = FashionMnist(path=tmp_path / path, labels=True)
    assert dataset.missing(tiny()) is None
    images, labels = dataset.load(32)
    assert (images.dtype, images.shape) == (np.uint8, (12, 1, 32, 32))
    np.testing.assert_array_equal(images[:, 0, 2:30, 2:30], PIXELS["train"])
    assert images.sum(dtype=np.int64) == PIXELS["train"].sum(dtype=np.int64), "the frame is black"
    np.testing.assert_array_equal(labels, LABELS["train"])


def test_its_grey_may_be_given_as_colours(tmp_path: Path) -> None:
    grey = FashionMnist(path=save(tmp_path, compressed=False), labels=True)
    coloured = grey.model_copy(update={"channels": 3})
    assert (grey.image_channels(), coloured.image_channels()) == (1, 3)
    assert grey.load(32).images.strides[1] == 0, "a copy would lie otherwise in memory, and train to other last bits"
    for resolution in (32, 8):
        (images, labels), (colours, same) = grey.load(resolution), coloured.load(resolution)
        np.testing.assert_array_equal(colours, np.concatenate([images] * 3, axis=1))
        np.testing.assert_array_equal(labels, same)
    assert (test := coloured.test_part()) is not None
    assert test.load(8).images.shape == (5, 3, 8, 8)
    with pytest.raises(ValidationError, match="channels"):
        FashionMnist.model_validate({"channels": 4})


def test_torchvision_reads_the_same(tmp_path: Path) -> None:
    from torchvision.datasets import FashionMNIST

    save(tmp_path / "FashionMNIST" / "raw", compressed=False)
    for split in ("train", "test"):
        theirs = FashionMNIST(str(tmp_path), train=split == "train")
        images, labels = FashionMnist(path=tmp_path, split=split, labels=True).load(32)
        np.testing.assert_array_equal(images[:, 0, 2:30, 2:30], theirs.data)
        np.testing.assert_array_equal(labels, theirs.targets)


def test_the_splits_are_apart(tmp_path: Path) -> None:
    save(tmp_path, compressed=True)
    images, labels = FashionMnist(path=tmp_path, split="test", labels=True).load(32)
    np.testing.assert_array_equal(images[:, 0, 2:30, 2:30], PIXELS["t10k"])
    np.testing.assert_array_equal(labels, LABELS["t10k"])
    with pytest.raises(ValidationError):
        FashionMnist.model_validate({"split": "t10k"})


def test_labels_are_read_only_when_asked_for(tmp_path: Path) -> None:
    save(tmp_path, compressed=False)
    (tmp_path / LABELS_FILE).unlink()
    unlabelled = FashionMnist(path=tmp_path)
    assert (unlabelled.missing(tiny()), unlabelled.class_count(), unlabelled.load(32).labels) == (None, 0, None)
    labelled = FashionMnist(path=tmp_path, labels=True)
    assert labelled.class_count() == 10
    assert f"there is no {LABELS_FILE}" in error(labelled)
    assert labelled.missing(tiny()) == error(labelled)


@pytest.mark.parametrize("resolution", [16, 8, 4])
def test_lower_resolutions_are_means_of_squares(tmp_path: Path, resolution: int) -> None:
    save(tmp_path, compressed=False)
    dataset = FashionMnist(path=tmp_path)
    images = dataset.load(resolution).images
    factor = 32 // resolution
    framed = np.zeros((12, 32, 32))
    framed[:, 2:30, 2:30] = PIXELS["train"]
    means = framed.reshape(12, resolution, factor, resolution, factor).mean((2, 4))
    np.testing.assert_array_equal(images[:, 0], np.rint(means))
    np.testing.assert_array_equal(images, reduced(dataset.load(32).images, resolution))


def test_it_is_what_the_core_expects(tmp_path: Path) -> None:
    save(tmp_path, compressed=False)
    reals = RealImages(FashionMnist(path=tmp_path, labels=True), [4, 8, 16])
    assert reals.at(16).shape[:2] == (12, 1)
    np.testing.assert_array_equal(reals.labels, LABELS["train"])


@pytest.mark.parametrize(("final", "allowed"), [(4, True), (16, True), (32, True), (24, False), (64, False)])
def test_resolutions_that_would_need_interpolation_are_refused(final: int, allowed: bool) -> None:
    experiment = tiny(growth={"use": "fixed", "resolution": final, "images": 100})
    problems = list(FashionMnist().problems(experiment))
    refusal = f"images have 32x32 pixels or that halved some times, but the growth ends at {final}x{final}"
    assert problems == ([] if allowed else [refusal])


def test_a_relative_path_is_saved_as_an_absolute_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "here", compressed=False)
    monkeypatch.chdir(tmp_path)
    dataset = FashionMnist.model_validate({"path": "here"})
    monkeypatch.chdir("/")
    assert dataset.path == tmp_path / "here"
    assert FashionMnist.model_validate(dataset.model_dump(mode="json")) == dataset
    assert FashionMnist().path == DEBIAN_FASHION_MNIST


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_missing_files_are_named_with_how_to_get_them(tmp_path: Path) -> None:
    dataset = FashionMnist(path=tmp_path / "nowhere", split="test")
    message = error(dataset)
    assert dataset.missing(tiny()) == message
    assert message.startswith(f"there is no t10k-images-idx3-ubyte, with or without .gz, in {tmp_path / 'nowhere'} ")
    assert "apt-get install dataset-fashion-mnist" in message
    assert "torchvision.datasets.FashionMNIST(root, download=True)" in message


def test_the_test_part_is_missed_only_where_something_is_measured(tmp_path: Path) -> None:
    save(tmp_path, compressed=False)
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    dataset = FashionMnist(path=tmp_path)
    measured: list[dict[str, Any]] = [{"metrics": "fid"}, {"metrics": [], "quick": {"metrics": "fid"}}]
    for evaluation in measured:
        said = dataset.missing(tiny(evaluation=evaluation | {"extractor": "digits"}))
        assert str(said).startswith("there is no t10k-images-idx3-ubyte")
    assert dataset.missing(tiny()) is None


def test_a_path_that_cannot_be_a_folder_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "there is no train-images" in error(FashionMnist(path=tmp_path / "file"))
    assert "there is no train-images" in error(FashionMnist(path=Path(f"{tmp_path}/{'x' * 300}")))
    (tmp_path / IMAGES_FILE).mkdir()
    assert "there is no train-images" in error(FashionMnist(path=tmp_path))


Damage = Callable[[bytes], bytes]

DAMAGES: dict[str, tuple[str, Damage, str]] = {
    "empty": (IMAGES_FILE, lambda content: b"", "begin with 00000803, not nothing"),
    "another type": (IMAGES_FILE, lambda content: b"\0\0\x0d\x03" + content[4:], "begin with 00000803, not 00000d03"),
    "labels for images": (IMAGES_FILE, lambda content: idx(LABELS["train"]), "begin with 00000803, not 00000801"),
    "images for labels": (LABELS_FILE, lambda content: idx(PIXELS["train"]), "begin with 00000801, not 00000803"),
    "cut in the header": (IMAGES_FILE, lambda content: content[:9], "it ends within its header"),
    "cut": (IMAGES_FILE, lambda content: content[:-1], "should hold 9424 bytes by its header, not 9423"),
    "too long": (LABELS_FILE, lambda content: content + b"\0", "should hold 20 bytes by its header, not more"),
    "huge counts": (IMAGES_FILE, lambda content: content[:4] + b"\xff" * 12 + content[16:], "bytes by its header"),
    "other pixels": (
        IMAGES_FILE,
        lambda content: idx(PIXELS["train"][:, 1:]),
        "28x28 pixels, not an array [12, 27, 28]",
    ),
    "no images": (IMAGES_FILE, lambda content: idx(PIXELS["train"][:0]), "pixels, not an array [0, 28, 28]"),
    "other counts": (LABELS_FILE, lambda content: idx(LABELS["train"][1:]), "holds 11 labels, but there are 12 images"),
    "no such class": (LABELS_FILE, lambda content: idx(LABELS["train"] + 1), "classes from 0 to 9, not 10"),
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named(tmp_path: Path, damage: str, compressed: bool) -> None:
    name, change, message = DAMAGES[damage]
    file = save(tmp_path, compressed) / (f"{name}.gz" if compressed else name)
    content = file.read_bytes()
    file.write_bytes(gzip.compress(change(gzip.decompress(content))) if compressed else change(content))
    said = error(FashionMnist(path=tmp_path, labels=True))
    assert said.startswith(f"{file} ")
    assert message in said


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="truncated"),
        pytest.param(lambda content: content[:-4], id="without its length"),
        pytest.param(lambda content: content[:-8] + b"\0" * 8, id="wrong checksum"),
        pytest.param(lambda content: content[:10] + b"\xff" * 50 + content[60:], id="damaged within"),
        pytest.param(gzip.decompress, id="not compressed at all"),
    ],
)
def test_a_damaged_compressed_file_is_named(tmp_path: Path, change: Damage) -> None:
    file = save(tmp_path, compressed=True) / f"{IMAGES_FILE}.gz"
    file.write_bytes(change(file.read_bytes()))
    assert error(FashionMnist(path=tmp_path)).startswith(f"{file} is damaged: ")


def test_no_more_is_unpacked_than_there_should_be(tmp_path: Path) -> None:
    file = save(tmp_path, compressed=True) / f"{IMAGES_FILE}.gz"
    file.write_bytes(gzip.compress(idx(PIXELS["train"]) + bytes(30_000_000), 1))
    tracemalloc.start()
    try:
        assert "by its header, not more" in error(FashionMnist(path=tmp_path))
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_what_the_system_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path}: cannot be read: Is a directory"):
        read_idx(tmp_path, dimensions=3)


# --- the real files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("split", "prefix", "count"),
    slow_but([("test", "t10k", 10_000)], [("train", "train", 60_000), ("test", "t10k", 10_000)], together=True),
)
def test_the_files_of_debians_package(split: str, prefix: str, count: int) -> None:
    dataset = FashionMnist.model_validate({"split": split, "labels": True})
    if (missing := dataset.missing(tiny())) is not None:
        pytest.skip(missing)
    images, labels = dataset.load(32)
    assert images.shape == (count, 1, 32, 32)
    assert labels is not None
    np.testing.assert_array_equal(np.bincount(labels), [count // 10] * 10)
    assert labels[0] == 9, "an ankle boot"
    raw = gzip.decompress((DEBIAN_FASHION_MNIST / f"{prefix}-images-idx3-ubyte.gz").read_bytes())[16:]
    assert images[:, 0, 2:30, 2:30].tobytes() == raw
    inside = np.zeros((32, 32), bool)
    inside[2:30, 2:30] = True
    assert not images[:, 0, ~inside].any()
