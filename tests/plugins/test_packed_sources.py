"""Images out of databases, shards and tables are those of the folder that they were made from, and are read once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from support.command import TWO_UPDATES, gankit
from support.sources import write_lmdb, write_tar

from gankit import Dataset
from gankit.core.component import as_options
from gankit.data.images import RealImages
from gankit_images import pictures
from gankit_images.arrays import Arrays
from gankit_images.databases import Lmdb
from gankit_images.folder import Folder
from gankit_images.huggingface import HuggingFace
from gankit_images.shards import WebDataset

COUNT = 300
RESOLUTIONS = (4, 8, 16, 32)
CPU = torch.device("cpu")
NEEDS_DATASETS = pytest.mark.skipif(find_spec("datasets") is None, reason="needs gankit[huggingface]")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 images of no square in three classes: PNG, as their pixels are then those of the array too."""
    folder = tmp_path_factory.mktemp("here") / "pictures"
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 36, 40, 3), dtype=np.uint8)
    for number, image in enumerate(images):
        file = folder / "abc"[number // 100] / f"{number:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return folder


def files(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(folder.rglob("*.png"))]


def as_zip(folder: Path, here: Path) -> Dataset:
    return Folder(path=Path(shutil.make_archive(str(here / "pictures"), "zip", folder)), labels=True)


def as_array(folder: Path, here: Path) -> Dataset:
    pixels = [np.asarray(Image.open(file)) for file in sorted(folder.rglob("*.png"))]
    np.savez(here / "pictures.npz", images=pixels, labels=np.repeat([0, 1, 2], 100))
    return Arrays(path=here / "pictures.npz", labels=True)


def as_lmdb(folder: Path, here: Path) -> Dataset:
    """With keys as LSUN's, which tell nothing."""
    write_lmdb(here / "lsun", {f"{number:020x}": content for number, content in enumerate(files(folder))})
    np.save(here / "labels.npy", np.repeat([0, 1, 2], 100))
    return Lmdb(path=here / "lsun", labels=here / "labels.npy")


def as_lmdb_of_resolutions(folder: Path, here: Path) -> Dataset:
    """As for StyleGAN2 in PyTorch, with labels."""
    values = {"length": str(COUNT).encode()}
    for number, content in enumerate(files(folder)):
        values |= {f"{side}-{number:05}": content if side == 32 else b"small" for side in (8, 16, 32)}
        values[f"label-{number:05}"] = b"abc"[number // 100 :][:1]
    return Lmdb(path=write_lmdb(here / "stylegan", values), labels=True)


def as_numbered_lmdb(folder: Path, here: Path) -> Dataset:
    """As for the recognition of text."""
    values = {"num-samples": str(COUNT).encode()}
    for number, content in enumerate(files(folder), 1):
        values |= {f"image-{number:09}": content, f"label-{number:09}": str((number - 1) // 100).encode()}
    return Lmdb(path=write_lmdb(here / "text", values), labels=True)


def as_shards(folder: Path, here: Path) -> Dataset:
    contents = files(folder)
    for shard in range(3):
        members = [
            (f"{number:06}.{ending}", content)
            for number in range(100 * shard, 100 * shard + 100)
            for ending, content in (("json", b"{}"), ("png", contents[number]), ("cls", f"{shard}\n".encode()))
        ]
        write_tar(here / "shards" / f"train-{shard:06}.tar", members)
    return WebDataset(path=here / "shards" / "train-{000000..000002}.tar", labels=True)


def as_table(folder: Path, here: Path) -> Dataset:
    from datasets import ClassLabel, Features
    from datasets import Dataset as Table
    from datasets import Image as Picture

    features = Features({"image": Picture(), "label": ClassLabel(names=["a", "b", "c"])})
    rows = {
        "image": [{"bytes": each, "path": None} for each in files(folder)],
        "label": [n // 100 for n in range(COUNT)],
    }
    Table.from_dict(rows, features=features).save_to_disk(here / "table")
    return HuggingFace(path=here / "table", labels=True)


SOURCES: list[Callable[[Path, Path], Dataset]] = [
    as_zip,
    as_array,
    as_lmdb,
    as_lmdb_of_resolutions,
    as_numbered_lmdb,
    as_shards,
    as_table,
]
PACKED = [pytest.param(make, marks=NEEDS_DATASETS if make is as_table else (), id=make.__name__) for make in SOURCES]


@pytest.mark.parametrize("make", PACKED)
def test_batches_are_those_of_the_folder(
    make: Callable[[Path, Path], Dataset], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = RealImages(Folder(path=folder, labels=True), RESOLUTIONS)
    data = make(folder, tmp_path)
    capsys.readouterr()
    reals = RealImages(data, RESOLUTIONS)
    for resolution in RESOLUTIONS:
        for shown in (0, 250):  # the second goes into the next epoch
            images, labels = reals.take(resolution, reals.indices(3, shown, 100), CPU)
            same_images, same_labels = expected.take(resolution, expected.indices(3, shown, 100), CPU)
            assert torch.equal(images, same_images)
            assert labels is not None
            assert same_labels is not None
            assert torch.equal(labels, same_labels)
    assert reals.fingerprint == expected.fingerprint
    np.testing.assert_array_equal(reals.order_by_hash(0), expected.order_by_hash(0))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("make", PACKED[2:])
def test_the_second_time_nothing_is_decoded(
    make: Callable[[Path, Path], Dataset], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = pictures.EncodedPictures.read

    def counted(self: pictures.EncodedPictures, position: int, height: int, width: int) -> np.ndarray:
        reads.append(position)
        return read(self, position, height, width)

    monkeypatch.setattr(pictures.EncodedPictures, "read", counted)
    data = make(folder, tmp_path)
    first = RealImages(data, RESOLUTIONS)
    assert sorted(reads) == [*range(COUNT)]
    again = RealImages(type(data).model_validate(data.model_dump()), RESOLUTIONS)
    assert len(reads) == COUNT
    assert again.fingerprint == first.fingerprint
    np.testing.assert_array_equal(again.at(4), first.at(4))


LOGGED = """
from gankit import hookimpl
from gankit_images import pictures
from gankit_images.folder import Folder

read = pictures.EncodedPictures.read

def logged(self, position, height, width):
    with open(LOG, "a") as file:
        file.write(str(position) + "\\n")
    return read(self, position, height, width)

pictures.EncodedPictures.read = logged

class Logged(Folder):
    \"\"\"Registered, as every plugin registers something.\"\"\"

@hookimpl
def gankit_register(register):
    register("logged", Logged)
"""
"""A plugin that writes a line for each image that is decoded."""


@pytest.mark.slow
@pytest.mark.parametrize("make", [each for each in PACKED if each.values[0] in (as_lmdb, as_shards, as_table)])
def test_four_processes_of_a_study_decode_each_image_once(
    make: Callable[[Path, Path], Dataset], folder: Path, tmp_path: Path
) -> None:
    study = {
        "data": as_options(make(folder, tmp_path)) | {"labels": False},
        "matrix": {"seed": [0, 1, 2, 3]},
        "launcher": {"use": "processes", "count": 4},
        "observers": [],
    }
    (tmp_path / "study.yaml").write_text(TWO_UPDATES + yaml.safe_dump(study))
    (tmp_path / "logged.py").write_text(LOGGED.replace("LOG", repr(str(tmp_path / "reads"))))
    ended = gankit(["run", "study.yaml", "--plugin", "logged.py", "--out", "study"], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert len([*(tmp_path / "study").glob("*/*/metrics.jsonl")]) == 4
    assert sorted(map(int, (tmp_path / "reads").read_text().split())) == [*range(COUNT)]
    shutil.rmtree(tmp_path / "cache")
    at_once = [start_to_prepare(tmp_path) for _ in range(4)]
    assert [process.wait() for process in at_once] == [0] * 4
    assert len((tmp_path / "reads").read_text().split()) == 2 * COUNT


def start_to_prepare(here: Path) -> subprocess.Popen[bytes]:
    """`gankit prepare` with the plugin that writes down what is decoded."""
    command = [sys.executable, "-m", "gankit", "prepare", "study.yaml", "--plugin", "logged.py"]
    return subprocess.Popen(command, cwd=here, stdout=subprocess.DEVNULL)
