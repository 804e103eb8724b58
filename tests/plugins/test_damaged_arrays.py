"""Arrays and label files that are damaged, or are something else: each is read or refused in words of our own."""

from __future__ import annotations

import json
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors
from support.slow import slow_but
from support.tiny import tiny

from gankit import UserError
from gankit.config.checks import missing, problems
from gankit_images.arrays import Arrays
from gankit_images.folder import Folder

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 8), dtype=np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


def _npz_as_npy(file: Path) -> None:
    np.savez(file.with_suffix(".npz"), images=IMAGES)
    file.with_suffix(".npz").rename(file)


def _npy_as_npz(file: Path) -> None:
    np.save(file.with_suffix(".npy"), IMAGES)
    file.with_suffix(".npy").rename(file)


def _with_header(before: bytes, after: bytes) -> Callable[[Path], object]:
    def make(file: Path) -> None:
        np.save(file, IMAGES)
        content = file.read_bytes()
        assert content.count(before) == 1
        file.write_bytes(content.replace(before, after))

    return make


def _of_objects(file: Path) -> None:
    np.save(file, np.array([object()]), allow_pickle=True)


def _lying_npz(file: Path) -> None:
    _with_header(b"(4, 8, 8)", b"(4444444444444, 8, 8)")(file.with_suffix(".npy"))
    with zipfile.ZipFile(file, "w") as archive:
        archive.write(file.with_suffix(".npy"), "images.npy")


def _lying_safetensors(file: Path) -> None:
    size = 64 * 10**9
    header = json.dumps({"images": {"dtype": "U8", "shape": [10**9, 8, 8], "data_offsets": [0, size]}}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header)


DAMAGED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "junk": ("a.npy", lambda file: file.write_bytes(b"junk"), "is no array: it does not begin as a .npy does"),
    "nothing": ("a.npy", Path.touch, "is no array: it does not begin as a .npy does"),
    "an archive": ("a.npy", _npz_as_npy, "is no array: it does not begin as a .npy does"),
    "a pipe": ("a.npy", os.mkfifo, "cannot be read: it is a pipe"),
    "objects": ("a.npy", _of_objects, "holds Python objects, which are never unpickled; save numbers"),
    "no header": ("a.npy", _with_header(b"{'descr'", b"((((((("), "its header cannot be read"),
    "a size beyond reason": ("a.npy", _with_header(b"(4, 8, 8)", b"(4444444444444, 8, 8)"), "is cut short: 284,444"),
    "a size below nothing": ("a.npy", _with_header(b"(4, 8, 8)", b"(-4, 8,8)"), r"its header says uint8 \[-4, 8, 8\]"),
    "junk called .npz": ("a.npz", lambda file: file.write_bytes(b"junk"), "is no .npz, or is damaged"),
    "an array called .npz": ("a.npz", _npy_as_npz, "is no .npz, or is damaged: File is not a zip file"),
    "a header that lies": ("a.npz", _lying_npz, "take 284,444.4 GB of memory"),
    "junk called .safetensors": ("a.safetensors", lambda file: file.write_bytes(b"junk"), "its header cannot be read"),
    "another header that lies": ("a.safetensors", _lying_safetensors, "is cut short: 64,000,000,000 bytes are missing"),
    "numbers that numpy lacks": (
        "a.safetensors",
        lambda file: save_tensors({"images": torch.zeros(4, 8, 8, dtype=torch.bfloat16)}, file),
        "its numbers are BF16, which numpy lacks; save them as F32",
    ),
    "text": ("a.npy", lambda file: np.save(file, np.full((4, 8, 8), "a")), "its numbers are <U1; images are of whole"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_what_is_no_array_is_refused_where_it_is_named(tmp_path: Path, what: str) -> None:
    name, make, said = DAMAGED[what]
    make(tmp_path / name)
    with pytest.raises(UserError, match=said) as caught:
        Arrays(path=tmp_path / name).load(8)
    assert name in str(caught.value)
    assert str(caught.value).isprintable()
    experiment = tiny(data={"use": "arrays", "path": str(tmp_path / name)})
    if (tmp_path / name).is_file():
        assert [path for path, _ in problems(experiment)] == [("data",)]
        assert missing(experiment) == [], "it is said once"


def fuzz(content: bytes, draw: random.Random) -> bytes:
    """Some bytes of a beginning changed, left out or doubled, or the end cut off."""
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 4))):
        at = draw.randrange(min(len(changed), draw.choice((200, 10**9))))
        match draw.randrange(4):
            case 0:
                changed[at] = draw.choice(b'0919-{}[](),:" \xff\0')
            case 1:
                del changed[at : at + draw.choice((1, 10))]
            case 2:
                changed[at:at] = changed[at : at + draw.choice((1, 10))]
            case _:
                changed[at] = draw.randrange(256)
    return bytes(changed[: draw.randrange(len(changed))] if draw.random() < 0.1 else changed)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
@pytest.mark.parametrize("count", slow_but([60], [60, 2000]))
def test_arrays_with_damaged_headers_are_read_or_refused(tmp_path: Path, suffix: str, count: int) -> None:
    whole, file = tmp_path / f"whole{suffix}", tmp_path / f"damaged{suffix}"
    labels, ends = np.arange(4), dict.fromkeys((True, False), 0)
    if suffix == ".npy":
        np.save(whole, IMAGES)
    elif suffix == ".npz":
        np.savez(whole, images=IMAGES, labels=labels)
    else:
        save_file({"images": IMAGES, "labels": labels}, whole)
    for seed in range(count):
        file.write_bytes(fuzz(whole.read_bytes(), random.Random(seed)))
        said = ""
        try:
            data = Arrays(path=file, labels=suffix != ".npy", range=(0, 255))
            assert data.load(8).images.shape[1:] in [(channels, 8, 8) for channels in (1, 3, 4)]
        except UserError as refusal:
            said = str(refusal)
        assert said.isprintable(), seed
        ends[said == ""] += 1
    assert min(ends.values()) > 1, ends


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array(5), r"holds int64 \[\] instead of whole numbers \[4\]"),
        (np.array([0, 1, 2, 2**62]), "has no image of class 3,"),
        (np.array([0, 1, 2, 2**63], np.uint64), "has no image of class 3,"),
    ],
)
def test_labels_beyond_reason_take_no_memory(tmp_path: Path, labels: np.ndarray, said: str) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "labels.npy", labels)
    with pytest.raises(UserError, match=said):
        Arrays(path=tmp_path / "images.npy", labels=tmp_path / "labels.npy").class_count()


def test_an_array_that_is_cut_short_while_it_is_read_ends_no_process(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    data = Arrays(path=tmp_path / "images.npy")
    assert data.image_channels() == 1
    os.truncate(tmp_path / "images.npy", 200)
    with pytest.raises(UserError, match=r"was changed since it was opened; begin again"):
        data.load(8)
    with pytest.raises(UserError, match="was cut short while it was read"):
        data._images.read(3, 8, 8)


def test_columns_may_come_first(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.asfortranarray(IMAGES))
    np.testing.assert_array_equal(Arrays(path=tmp_path / "images.npy").load(8).images[:, 0], IMAGES)
    np.savez(tmp_path / "images.npz", images=np.asfortranarray(IMAGES))
    np.testing.assert_array_equal(Arrays(path=tmp_path / "images.npz").load(8).images[:, 0], IMAGES)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A folder of four images, in which a label file may be put."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, image in enumerate(IMAGES):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def labels_of(folder: Path, content: Any) -> str:
    """What is said of a label file; empty if nothing."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    (folder / "dataset.json").write_bytes(text)
    try:
        data = Folder(path=folder, labels="dataset.json")
        assert len(data.load(8).images) == 4
        assert data.class_count() == len(data.class_names())
    except UserError as refusal:
        return str(refusal)
    return ""


def test_a_class_of_any_number_takes_no_memory(labelled: Path) -> None:
    for number in (4, 10**12, 10**100):
        pairs = [[f"{image}.png", image if image < 3 else number] for image in range(4)]
        said = labels_of(labelled, {"labels": pairs})
        assert "has no images of class 3, so that there is nothing to learn of it; its highest class is " in said
        assert len(said) < 1000


@pytest.mark.parametrize("count", slow_but([60], [60, 2000]))
def test_damaged_label_files_are_read_or_refused(labelled: Path, count: int) -> None:
    content = json.dumps({"labels": [[f"{number}.png", number % 2] for number in range(4)], "classes": ["a", "b"]})
    assert labels_of(labelled, content.encode()) == ""
    said = [labels_of(labelled, fuzz(content.encode(), random.Random(seed))) for seed in range(count)]
    assert all(line.isprintable() for line in said)
    assert 1 < said.count("") < count - 5


def test_a_folder_that_changes_while_it_is_read_is_refused(labelled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gankit_images.pictures import PictureFiles

    first, happening = labelled / "0.png", list[Callable[[], object]]()
    read = PictureFiles.read

    def read_while_it_happens(source: PictureFiles, position: int, height: int, width: int) -> np.ndarray:
        if position == 3 and happening:
            happening.pop()()
        return read(source, position, height, width)

    def load() -> int:
        return len(Folder(path=labelled, broken="skip").load(8).images)

    monkeypatch.setattr(PictureFiles, "read", read_while_it_happens)
    for change in (lambda: Image.new("L", (9, 9)).save(first), lambda: os.truncate(first, 20), first.unlink):
        Image.fromarray(IMAGES[0]).save(first)
        happening.append(change)
        with pytest.raises(UserError, match="was changed while its images were prepared"):
            load()
    Image.fromarray(IMAGES[0]).save(first)
    happening.append(lambda: Image.new("L", (9, 9)).save(labelled / "4.png"))
    assert load() == 4, "what comes after the folder was listed is for the next"
    assert load() == 5
