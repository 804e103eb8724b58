"""Which values of an LMDB database are images, and what is said of those that are none, damaged or hostile."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.command import TWO_UPDATES, gankit_here
from support.hostile import bounded_memory
from support.hostile_images import encoded
from support.refusals import refusal
from support.sources import write_lmdb

from gankit import UserError
from gankit_images import lmdb_files, record_sets
from gankit_images.databases import Lmdb

SIDE = 8


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


def grey(level: int) -> bytes:
    return encoded(Image.new("L", (SIDE, SIDE), level), "PNG")


def refused(path: Path, **options: Any) -> str:
    """What is said of a set that cannot be had."""
    return refusal(Lmdb.model_validate({"path": path, **options}), SIDE)


@pytest.mark.parametrize(
    ("values", "described"),
    [
        ({"a": grey(10), "b": grey(20)}, "2 images"),
        ({"zz": grey(20), "7f3a": grey(10), "__len__": b"2", "__keys__": b"x"}, "1 __keys__, 1 __len__"),
        (
            {"length": b"2", "8-00000": b"", "16-00000": grey(10), "16-00001": grey(20)},
            "2 images; passed over: 2 other",
        ),
        ({"length": b"2", "8-00000": grey(10), "8-00001": grey(20), "9": b"", "x-1": b""}, "passed over: 3 other keys"),
        (
            {"num-samples": b"2", "image-000000001": grey(10), "image-000000002": grey(20), "label-000000001": b""},
            "2 images; passed over: 2 other keys",
        ),
    ],
)
def test_keys_tell_which_values_are_images(
    tmp_path: Path,
    values: Mapping[str, bytes],
    described: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(lmdb_files, "LARGE", 0)
    data = Lmdb(path=write_lmdb(tmp_path / "db", values))
    assert described in data.describe()
    assert data.load(SIDE).images[:, 0, 0, 0].tolist() == [10, 20]
    assert "db/data.mdb: checking every page, once" in capsys.readouterr().err
    assert Lmdb(path=tmp_path / "db" / "data.mdb").load(SIDE).images[:, 0, 0, 0].tolist() == [10, 20]
    assert "checking" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        ({}, {}, "the database is empty"),
        ({"a": b"\x80\x04pickle"}, {}, r"its values are no image files: that of key a begins with b'\\x80\\x04pickle'"),
        ({"length": b"many", "8-00000": grey(1)}, {}, "key length should hold the number of images, not b'many'"),
        ({"length": b"-1", "8-00000": grey(1)}, {}, "key length should hold"),
        ({"length": b"9" * 30, "8-00000": grey(1)}, {}, "key length should hold"),
        ({"length": b"3", "8-00000": grey(1)}, {}, "tells of 3 images, but has no key 8-00002"),
        ({"num-samples": b"1", "image-0": grey(1)}, {}, "tells of 1 images, but has no key image-000000001"),
        ({"a": grey(1)}, {"labels": True}, "no keys of .* are known to hold labels"),
        ({"length": b"1", "8-00000": grey(1)}, {"labels": True}, "has no key label-00000"),
        ({"length": b"1", "8-00000": grey(1), "label-00000": b"\xff"}, {"labels": True}, "is no number and no text"),
        ({"length": b"1", "8-00000": grey(1), "label-00000": b"5"}, {"labels": True}, "has no image of class 0"),
    ],
)
def test_what_is_no_set_of_images_is_refused(
    tmp_path: Path, values: Mapping[str, bytes], options: dict[str, Any], said: str
) -> None:
    assert re.search(said, refused(write_lmdb(tmp_path / "db", values), **options))


def test_labels_of_a_file_are_as_many_as_images(tmp_path: Path) -> None:
    write_lmdb(tmp_path / "db", {"a": grey(10), "b": grey(20)})
    np.save(tmp_path / "labels.npy", np.array([1, 0, 1]))
    assert "instead of whole numbers [2]" in refused(tmp_path / "db", labels=tmp_path / "labels.npy")
    np.save(tmp_path / "labels.npy", np.array([1, 0]))
    data = Lmdb(path=tmp_path / "db", labels=tmp_path / "labels.npy", classes=("ant", "bee"))
    assert data.describe() == "2 images in 2 classes: ant 1, bee 1"


def test_an_image_that_is_missing_is_named_by_its_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = {"length": b"3", "8-00000": grey(1), "8-00002": grey(3)}
    data = Lmdb(path=write_lmdb(tmp_path / "db", values))
    with pytest.raises(UserError, match=r"db/8-00001: cannot read this image: there is no such key"):
        data.load(SIDE)
    assert Lmdb(path=tmp_path / "db", broken="skip").load(SIDE).images[:, 0, 0, 0].tolist() == [1, 3]
    assert "skipped 1 of 3 images, which cannot be read: 8-00001" in capsys.readouterr().err


def test_nothing_is_made_where_no_database_is(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "nowhere", tmp_path / "folder"):
        assert "there is no file" in refused(path)
    (tmp_path / "file").write_bytes(b"no database" * 1000)
    assert "is no LMDB database" in refused(tmp_path / "file")
    os.mkfifo(tmp_path / "folder" / "data.mdb")
    assert "it is a pipe, not a file" in refused(tmp_path / "folder")
    assert not [*tmp_path.rglob("lock.mdb")]


def test_a_database_is_only_read(tmp_path: Path) -> None:
    path = write_lmdb(tmp_path / "db", {f"{number:03}": grey(number) for number in range(50)})
    (path / "lock.mdb").unlink()
    for file in (path / "data.mdb", path):
        file.chmod(0o555)
    before = (path / "data.mdb").stat().st_mtime_ns
    Lmdb(path=path).load(SIDE)
    assert [each.name for each in path.iterdir()] == ["data.mdb"]
    assert (path / "data.mdb").stat().st_mtime_ns == before
    path.chmod(0o755)


def test_several_read_one_database_at_once(tmp_path: Path) -> None:
    path = write_lmdb(tmp_path / "db", {f"{number:03}": grey(number) for number in range(200)})

    def load(side: int) -> list[int]:
        return Lmdb(path=path).load(side).images[:, 0, 0, 0].tolist()

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(load, [4, 8, 16, 32])] == [[*range(200)]] * 4


DAMAGE = ["cut", "root", "anywhere", "pages"]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_database_is_refused_and_crashes_nothing(tmp_path: Path, damage: str) -> None:
    values = {f"{number:03}": grey(number % 256) + bytes(number % 3 * 3000) for number in range(300)}
    whole = (write_lmdb(tmp_path / "db", values) / "data.mdb").read_bytes()
    refusals = 0
    for seed in range(10):
        draw, content = random.Random(seed), bytearray(whole)
        if damage == "cut":
            del content[draw.randrange(len(content)) :]
        for _ in range({"cut": 0, "root": 1}.get(damage, 20)):
            page = draw.randrange(3 if damage == "root" else len(content) // 4096)
            content[4096 * page + draw.randrange({"pages": 64, "root": 160}.get(damage, 4096))] ^= 1 << draw.randrange(
                8
            )
        file = tmp_path / f"{seed}.mdb"
        file.write_bytes(content)
        with bounded_memory(2**30):
            said = said_of(file)
        assert said is None or str(file) in said
        refusals += said is not None
    assert refusals >= {"cut": 10, "root": 2, "anywhere": 0, "pages": 5}[damage]


def said_of(file: Path) -> str | None:
    """Why its images are refused; None if they are read."""
    try:
        Lmdb(path=file, broken="skip").load(SIDE)
    except UserError as problem:
        return str(problem)
    return None


def test_without_lmdb_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_lmdb(tmp_path / "db", {"a": grey(1)})
    monkeypatch.setattr(record_sets, "find_spec", lambda name: None)
    said = "the data set needs lmdb: pip install 'gankit[lmdb]'"
    assert refused(tmp_path / "db") == said
    (tmp_path / "e.yaml").write_text(TWO_UPDATES + "data: {use: lmdb, path: db}\n")
    shown = gankit_here(["validate", "e.yaml"], tmp_path)
    assert f"e.yaml:7:7: data: {said}" in shown.stdout + shown.stderr
