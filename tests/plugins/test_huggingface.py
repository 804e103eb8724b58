"""Tables of images as Hugging Face's library saves them; nothing of them is executed, and no network is asked."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.command import TWO_UPDATES, gankit_here
from support.hostile_images import encoded
from support.refusals import refusal
from support.tiny import tiny

from gankit import UserError
from gankit_images import record_sets
from gankit_images.huggingface import HuggingFace

datasets = pytest.importorskip("datasets", reason="needs gankit[huggingface]")
pyarrow = pytest.importorskip("pyarrow", reason="needs gankit[huggingface]")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs gankit[huggingface]")
download = pytest.importorskip("gankit_images.huggingface_files").download

SIDE = 8


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of our own for both libraries, and no network."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "huggingface")

    def refuse(*_: object) -> None:
        raise AssertionError("a network is asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def grey(level: int, name: str = "PNG") -> bytes:
    return encoded(Image.new("L", (SIDE, SIDE), level), name)


def table(levels: list[int], **columns: Any) -> Any:
    pictures = [{"bytes": grey(level), "path": f"{level}.png"} for level in levels]
    return datasets.Dataset.from_dict({"image": pictures, **columns}).cast_column("image", datasets.Image())


def data_of(path: Path, **options: Any) -> HuggingFace:
    return HuggingFace.model_validate({"path": path, **options})


def levels(path: Path, **options: Any) -> list[int]:
    return data_of(path, **options).load(SIDE).images[:, 0, 0, 0].tolist()


def refused(path: Path, **options: Any) -> str:
    """What is said of a set that cannot be had."""
    return refusal(data_of(path, **options), SIDE)


def test_what_save_to_disk_wrote_is_read(tmp_path: Path) -> None:
    table([1, 2, 3]).save_to_disk(tmp_path / "one")
    parts = datasets.DatasetDict({"train": table([4, 5]), "test": table([6])})
    parts.save_to_disk(tmp_path / "parts")
    table([*range(9)]).save_to_disk(tmp_path / "shards", num_shards=3)
    assert levels(tmp_path / "one") == [1, 2, 3]
    assert levels(tmp_path / "parts") == [4, 5]
    assert levels(tmp_path / "parts", split="test") == [6]
    assert levels(tmp_path / "parts" / "test") == [6]
    assert levels(tmp_path / "shards") == [*range(9)]
    assert "has no part 'valid'; `split` may be test, train" in refused(tmp_path / "parts", split="valid")
    assert data_of(tmp_path / "one").describe() == "3 images"


def test_parquet_and_arrow_files_are_read(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for part, values in {"train": [1, 2], "test": [3]}.items():
        for number, level in enumerate(values):
            (tmp_path / "hub" / "data").mkdir(parents=True, exist_ok=True)
            table([level]).to_parquet(tmp_path / "hub" / "data" / f"{part}-{number:05}-of-00002.parquet")
    (tmp_path / "plain").mkdir()
    table([7]).to_parquet(tmp_path / "plain" / "a.parquet")
    table([8, 9]).save_to_disk(tmp_path / "saved")
    capfd.readouterr()
    assert levels(tmp_path / "hub") == [1, 2]
    assert levels(tmp_path / "hub", split="test") == [3]
    assert levels(tmp_path / "hub" / "data" / "test-00000-of-00002.parquet") == [3]
    assert levels(tmp_path / "plain") == [7]
    assert levels(tmp_path / "saved" / "data-00000-of-00001.arrow") == [8, 9]
    assert "has no part 'dev'; `split` may be test, train" in refused(tmp_path / "hub", split="dev")
    said = capfd.readouterr().err
    assert [line for line in said.splitlines() if not line.startswith("gankit: ")] == []


def test_a_parquet_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    table([1]).to_parquet(tmp_path / "a.parquet")
    assert levels(tmp_path / "a.parquet") == [1]
    table([2]).to_parquet(tmp_path / "a.parquet")
    os.utime(tmp_path / "a.parquet", (1, 1))
    assert levels(tmp_path / "a.parquet") == [2]


def test_columns_are_found_or_named(tmp_path: Path) -> None:
    two = table([1, 2]).add_column("mask", [{"bytes": grey(9), "path": None}] * 2).cast_column("mask", datasets.Image())
    two.save_to_disk(tmp_path / "two")
    assert levels(tmp_path / "two", image="image") == [1, 2]
    assert levels(tmp_path / "two", image="mask") == [9, 9]
    assert "columns of images are image, mask; `image` says which" in refused(tmp_path / "two")
    assert "has no column 'other' of images; there are image, mask" in refused(tmp_path / "two", image="other")
    datasets.Dataset.from_dict({"text": ["a"]}).save_to_disk(tmp_path / "text")
    assert "columns of images are none, but text" in refused(tmp_path / "text")
    datasets.Dataset.from_dict({"jpg": [grey(5)]}).save_to_disk(tmp_path / "bytes")
    assert levels(tmp_path / "bytes") == [5]


def test_labels_are_classes_numbers_or_text(tmp_path: Path) -> None:
    classes = datasets.ClassLabel(names=["bee", "ant"])
    table([1, 2, 3], kind=[1, 0, 1]).cast_column("kind", classes).save_to_disk(tmp_path / "classes")
    table([1, 2, 3], label=[1, 0, 1], other=["y", "x", "y"]).save_to_disk(tmp_path / "numbers")
    data = data_of(tmp_path / "classes", labels=True)
    assert data.describe() == "3 images in 2 classes: bee 1, ant 2"
    loaded = data.load(SIDE)
    assert loaded.labels is not None
    assert loaded.labels.tolist() == [1, 0, 1]
    assert data_of(tmp_path / "numbers", labels=True).class_names() == ["0", "1"]
    assert data_of(tmp_path / "numbers", labels=True, classes=["a", "b"]).class_names() == ["a", "b"]
    assert data_of(tmp_path / "numbers", labels=True, label="other").class_names() == ["x", "y"]
    assert "has no column 'kind'; there are label, other" in refused(tmp_path / "numbers", labels=True, label="kind")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0, -1], "should hold classes from 0 on, not -1"),
        ([0, 2], "has no image of class 1"),
        ([0, None], "has none for image 1"),
        ([0.5, 1.5], "holds 0.5, not whole numbers or text"),
        ([True, False], "holds True, not whole numbers or text"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, values: list[Any], said: str) -> None:
    table([1, 2], label=values).save_to_disk(tmp_path / "a")
    assert said in refused(tmp_path / "a", labels=True)


def test_a_class_without_images_is_refused(tmp_path: Path) -> None:
    classes = datasets.ClassLabel(names=["bee", "ant", "cat"])
    table([1, 2], label=[0, 1]).cast_column("label", classes).save_to_disk(tmp_path / "a")
    assert "has no image of class 2" in refused(tmp_path / "a", labels=True)
    table([1, 2], name=["x", "y"]).save_to_disk(tmp_path / "b")
    assert "`label` says which column" in refused(tmp_path / "b", labels=True)


def test_images_are_opened_as_those_of_a_folder_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the promised formats, from this disk."""
    (tmp_path / "set" / "there.png").parent.mkdir()
    (tmp_path / "set" / "there.png").write_bytes(grey(4))
    os.mkfifo(tmp_path / "set" / "pipe.png")
    rows = [
        {"bytes": grey(1), "path": None},
        {"bytes": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "path": "a.eps"},
        {"bytes": b"", "path": None},
        {"bytes": None, "path": "https://example.com/a.png"},
        {"bytes": None, "path": str(tmp_path / "set" / "there.png")},
        {"bytes": None, "path": "there.png"},
        {"bytes": None, "path": "pipe.png"},
        None,
    ]
    parquet.write_table(pyarrow.table({"image": rows}), tmp_path / "set" / "rows.parquet")
    assert levels(tmp_path / "set", broken="skip") == [1, 4, 4]
    assert "skipped 5 of 8 images, which cannot be read: image 1, image 2, image 3, ..." in capsys.readouterr().err
    with pytest.raises(UserError, match=r"set/image 1: cannot read this image: its content is none of PNG"):
        levels(tmp_path / "set")


def test_what_is_none_or_damaged_is_said_in_a_line(tmp_path: Path) -> None:
    assert "there is no folder or file" in refused(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    assert "expected a folder that save_to_disk wrote, or .parquet or .arrow files" in refused(tmp_path / "folder")
    for name in ("a.parquet", "a.arrow"):
        (tmp_path / name).write_bytes(b"junk")
        assert f"{name}: cannot be read" in refused(tmp_path / name)
    os.mkfifo(tmp_path / "folder" / "a.parquet")
    assert "expected a folder" in refused(tmp_path / "folder")
    table([1, 2]).save_to_disk(tmp_path / "cut")
    (file,) = (tmp_path / "cut").glob("*.arrow")
    os.truncate(file, file.stat().st_size // 2)
    assert "cut: cannot be read" in refused(tmp_path / "cut")
    for content in ("junk", "[]", json.dumps({"_data_files": [{"filename": "nowhere.arrow"}]})):
        (tmp_path / "cut" / "state.json").write_text(content)
        assert "cut: cannot be read" in refused(tmp_path / "cut")


def test_no_script_is_executed(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    trap = f"open({str(tmp_path / 'executed')!r}, 'w')\n"
    (tmp_path / "set" / "set.py").write_text(trap)
    (tmp_path / "set" / "README.md").write_text("---\nconfigs: [{data_files: 'https://example.com/a.parquet'}]\n---\n")
    table([1]).to_parquet(tmp_path / "set" / "a.parquet")
    assert levels(tmp_path / "set") == [1]
    assert not (tmp_path / "executed").exists()


def test_a_set_of_the_hub_is_got_once_if_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(name: str, config: str | None, cache_dir: str) -> Any:
        asked.append((name, config))
        return datasets.DatasetDict({"train": table([1, 2])})

    assert "there is no" in refused(tmp_path / "set", name="me/bees")
    assert "`download: true` gets me/bees from the hub" in refused(tmp_path / "set", name="me/bees")
    assert "download: needs the `name` of the set" in [*data_of(tmp_path / "set", download=True).problems(tiny())]
    said = refused(tmp_path / "set", name="me/bees", download=True)
    assert said.startswith("datasets cannot get me/bees: ")
    monkeypatch.setattr(datasets, "load_dataset", load)
    for _ in range(2):
        assert levels(tmp_path / "set", name="me/bees", config="small", download=True) == [1, 2]
    download("me/bees", "small", tmp_path / "set")  # as another process would that has waited
    assert asked == [("me/bees", "small")]
    assert levels(tmp_path / "set") == [1, 2]
    assert sorted(each.name for each in tmp_path.iterdir() if "cache" not in each.name) == ["set"]


def test_without_datasets_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table([1]).save_to_disk(tmp_path / "set")
    monkeypatch.setattr(record_sets, "find_spec", lambda name: None)
    said = "the data set needs datasets: pip install 'gankit[huggingface]'"
    assert refused(tmp_path / "set") == said
    (tmp_path / "e.yaml").write_text(TWO_UPDATES + "data: {use: huggingface, path: set}\n")
    shown = gankit_here(["validate", "e.yaml"], tmp_path)
    assert f"e.yaml:7:7: data: {said}" in shown.stdout + shown.stderr


def test_a_set_that_was_moved_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table([1, 2]).save_to_disk(tmp_path / "set")
    assert levels(tmp_path / "set") == [1, 2]
    (tmp_path / "set").rename(tmp_path / "moved")
    monkeypatch.setattr("gankit_images.pictures.open_image", None)
    assert np.array_equal(levels(tmp_path / "moved"), [1, 2])
