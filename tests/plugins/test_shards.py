"""What is an image in WebDataset's shards, and what is said of those that are damaged or hostile."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.command import TWO_UPDATES, gankit_here
from support.hostile import bounded_memory
from support.hostile_images import encoded
from support.refusals import refusal
from support.sources import write_tar

from gankit import UserError
from gankit.core.cache import clear, kept
from gankit_images import shard_files
from gankit_images.shard_files import shards_at
from gankit_images.shards import WebDataset

SIDE = 8


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))


def grey(level: int, name: str = "PNG") -> bytes:
    return encoded(Image.new("L", (SIDE, SIDE), level), name)


def levels(path: Path, **options: Any) -> list[int]:
    """The first pixel of each image."""
    return WebDataset.model_validate({"path": path, **options}).load(SIDE).images[:, 0, 0, 0].tolist()


def refused(path: Path, **options: Any) -> str:
    """What is said of a set that cannot be had."""
    return refusal(WebDataset.model_validate({"path": path, **options}), SIDE)


@pytest.mark.parametrize(
    "members",
    [
        [("a.png", 10), ("a.txt", None), ("b.png", 20)],
        [("in/a.b/a.png", 10), ("in/a.b/b.PNG", 20)],
        [("a.json", None), ("a.bmp", 99), ("a.png", 10), ("b.png", 20), ("b.seg.png", 99)],
        [("./a.png", 10), ("__meta__.png", 99), (".b.png", 99), ("noending", None), ("b.png", 20)],
        [("x/a.png", 10), ("y/a.png", 20)],
        [("/etc/a.png", 10), ("../../b.png", 20)],
    ],
)
@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_each_sample_gives_its_image(tmp_path: Path, members: list[tuple[str, int | None]], format: int) -> None:
    contents = [(name, b"text" if level is None else grey(level)) for name, level in members]
    assert levels(write_tar(tmp_path / "a.tar", contents, format)) == [10, 20]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.tar", "cache"], "nothing is unpacked"


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_may_be_long(tmp_path: Path, format: int) -> None:
    names = [f"{'long/' * 60}a.png", f"{'ä' * 120}.png", "short.png"]
    file = write_tar(tmp_path / "a.tar", [(name, b"junk") for name in names], format)
    for number, name in enumerate(names):
        with pytest.raises(UserError, match=f"a.tar/{name}: cannot read this image"):
            WebDataset(path=file)._all().read(number, SIDE, SIDE)


def test_an_ending_says_which_image_of_a_sample_is_meant(tmp_path: Path) -> None:
    members = [("a.left.png", grey(1)), ("a.right.png", grey(2)), ("b.left.png", grey(3)), ("b.right.png", grey(4))]
    file = write_tar(tmp_path / "a.tar", members)
    assert levels(file, image="left.png") == [1, 3]
    assert levels(file, image=".RIGHT.png") == [2, 4]
    said = refused(file)
    assert "there are no images in" in said
    assert "found 2 .left.png, 2 .right.png" in said
    assert "looked for .png" in refused(file, image="png")


def test_what_there_is_is_told_and_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [("a.png", grey(1)), ("a.json", b"{}"), ("a.cls", b"7"), ("b.txt", b""), ("c.png", grey(2)), (".d", b"")]
    file = write_tar(tmp_path / "a.tar", contents)
    with tarfile.open(file, "a") as archive:
        for name, kind in (("d.png", tarfile.SYMTYPE), ("e.png", tarfile.LNKTYPE), ("f.png", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        folder = tarfile.TarInfo("folder.png")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    said = WebDataset(path=file).describe()
    assert said == "2 images; passed over: 3 links or devices, 1 .cls, 1 .json, 1 .txt, 1 hidden"
    monkeypatch.setattr(shard_files, "_index", None)
    assert WebDataset(path=file).describe() == said
    assert [each.what for each in kept()] == ["an index of images"]
    (tmp_path / "e.yaml").write_text(TWO_UPDATES + "data: {use: webdataset, path: a.tar}\n")
    shown = gankit_here(["validate", "e.yaml"], tmp_path)
    assert f"data: {said}" in shown.stdout + shown.stderr
    assert clear().removed == 1


@pytest.mark.parametrize(
    ("texts", "names", "numbers"),
    [
        (["1", "0", "1\n"], ["0", "1"], [1, 0, 1]),
        (["bee", "ant", "bee"], ["ant", "bee"], [1, 0, 1]),
        (["class 10", "class 2", "class 10"], ["class 2", "class 10"], [1, 0, 1]),
    ],
)
def test_labels_are_numbers_or_text(tmp_path: Path, texts: list[str], names: list[str], numbers: list[int]) -> None:
    members = [
        (f"{number}.{ending}", content)
        for number, text in enumerate(texts)
        for ending, content in (("png", grey(number)), ("cls", text.encode()))
    ]
    data = WebDataset(path=write_tar(tmp_path / "a.tar", members), labels=True)
    assert data.class_names() == names
    loaded = data.load(SIDE)
    assert loaded.labels is not None
    assert loaded.labels.tolist() == numbers
    assert data.describe() == f"3 images in 2 classes: {names[0]} 1, {names[1]} 2"  # its .cls are not passed over
    named = WebDataset(path=data.path, labels=True, classes=("x", "y"))
    if names == ["0", "1"]:
        assert named.class_names() == ["x", "y"]
        with pytest.raises(UserError, match="classes: gives 1 names, but labels are of 2 classes"):
            WebDataset(path=data.path, labels=True, classes=("x",)).class_names()
    else:
        with pytest.raises(UserError, match="classes: they have names already"):
            named.class_names()


def test_a_run_keeps_its_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members = [
        (f"{number}.{ending}", content)
        for number, text in enumerate(["ant", "bee", "cat"])
        for ending, content in (("png", grey(number)), ("cls", text.encode()))
    ]
    data = WebDataset(path=write_tar(tmp_path / "a.tar", members), labels=True).with_classes(["cat", "ant"])
    loaded = data.load(SIDE)
    assert loaded.images[:, 0, 0, 0].tolist() == [0, 2]
    assert loaded.labels is not None
    assert loaded.labels.tolist() == [1, 0]
    assert "passed over 1 images of other classes: bee" in capsys.readouterr().err
    assert data.class_names() == ["cat", "ant"]
    assert data.class_count() == 2
    for level, name in enumerate(["ant", "bee", "cat"]):  # as many of each, which are kept apart
        assert data.with_classes([name]).load(SIDE).images[:, 0, 0, 0].tolist() == [level]
    with pytest.raises(UserError, match="none of its images is of a class; they are dog"):
        data.with_classes(["dog"]).load(SIDE)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"0": b"0"}, "1.png in .* has no .cls; members of a sample lie side by side"),
        ({"0": b"0", "1": b"2"}, "has no image of class 1"),
        ({"0": b"0", "1": b"\xff"}, "which is no number and no text"),
        ({"0": b"0", "1": b""}, "which is no number and no text"),
        ({"0": b"0", "1": b"x" * 5000}, "which is no number and no text"),
        ({"0": b"0", "1": b"9" * 100}, "which is no class"),
        ({"0": b"0", "1": b"999999999999999"}, "has no image of class 1,"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, labels: dict[str, bytes], said: str) -> None:
    members = []
    for number in range(2):
        members.append((f"{number}.png", grey(number)))
        if (label := labels.get(str(number))) is not None:
            members.append((f"{number}.cls", label))
    assert re.search(said, refused(write_tar(tmp_path / "a.tar", members), labels=True))


def test_shards_are_found_by_folder_braces_and_wildcards(tmp_path: Path) -> None:
    for number in (0, 1, 2, 10):
        write_tar(tmp_path / "shards" / f"train-{number}.tar", [("a.png", grey(number))])
        write_tar(tmp_path / "more" / f"{number:04}.tar", [("a.png", grey(number))])
    shards = tmp_path / "shards"
    assert levels(shards) == [0, 1, 2, 10]
    assert levels(shards / "train-*.tar") == [0, 1, 2, 10]
    assert levels(shards / "train-{0..2}.tar") == [0, 1, 2]
    assert levels(tmp_path / "more" / "{0000..0002}.tar") == [0, 1, 2]
    assert levels(shards / "train-{10,0}.tar") == [10, 0]
    assert levels(tmp_path / "{shards/train-,more/000}{1,2}.tar") == [1, 2, 1, 2]
    assert levels(shards / "train-10.tar") == [10]
    assert "there is no file" in refused(shards / "train-{0..3}.tar")
    assert "train-3.tar" in refused(shards / "train-{0..3}.tar")
    assert "there are no shards" in refused(shards / "test-*.tar")
    assert "there is no file" in refused(shards / "nowhere.tar")
    assert "there is no .tar in" in refused(tmp_path)
    assert "more than 100,000" in refused(shards / "{0..999}{0..999}.tar")
    assert "more than 100,000" in refused(shards / "{0..99999999999999}.tar")
    write_tar(shards / "odd-{1..2}[x].tar", [("a.png", grey(7))])
    assert levels(shards / "odd-{1..2}[x].tar") == [7]
    assert shards_at(shards / "train-{2..0}.tar") == shards_at(shards / "train-{0..2}.tar")


@pytest.mark.parametrize(("how", "name"), [("gz", "gzip"), ("bz2", "bzip2"), ("xz", "xz")])
def test_compressed_shards_are_refused(tmp_path: Path, how: str, name: str) -> None:
    packed = tmp_path / "shards" / f"a.tar.{how}"
    packed.parent.mkdir()
    content = write_tar(tmp_path / "a.tar", [("a.png", grey(1))]).read_bytes()
    packed.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[how].compress(content))
    assert f"is compressed by {name}" in refused(packed)
    assert "unpack it to a plain .tar" in refused(packed.parent)


def header(name: str, size: int, **more: Any) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    for key, value in more.items():
        setattr(member, key, value)
    return member.tobuf(tarfile.GNU_FORMAT)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


GOOD = header("a.png", len(grey(1))) + padded(grey(1))
HOSTILE = {
    "empty": (b"", "there are no images in"),
    "zeros": (bytes(10240), "there are no images in"),
    "text": (b"no archive" * 100, "is no tar archive, or damaged"),
    "short": (b"x", "is no tar archive, or damaged"),
    "100 GB": (GOOD + header("b.png", 10**11), "b.png should end at byte 100,000,00"),
    "cut": (GOOD[:520], "a.png should end at byte"),
    "cut in a header": (GOOD + GOOD[:300], "is damaged, cut or no tar archive: no header at byte 1,"),
    "flipped": (GOOD + b"\xff" + GOOD[1:], "no header at byte 1,"),
    "negative": (GOOD + header("b.png", -512), "is damaged"),
    "sparse": (GOOD + header("b.png", 0, type=tarfile.GNUTYPE_SPARSE), "b.png is sparse"),
    "twice": (GOOD + GOOD, "holds a.png twice"),
    "long name": (GOOD + header("x", 2**30, type=tarfile.GNUTYPE_LONGNAME), "should end at byte"),
    "long names": (
        GOOD + header("x", 2**21, type=tarfile.GNUTYPE_LONGNAME) + bytes(2**21),
        "a header of 2,097,152 bytes at 1,",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_by_name(tmp_path: Path, name: str) -> None:
    content, expected = HOSTILE[name]
    (tmp_path / "a.tar").write_bytes(content)
    with bounded_memory(2**30):
        said = refused(tmp_path / "a.tar")
    assert expected in said
    assert "a.tar" in said
    assert len(said) < 500


def test_an_archive_without_an_end_is_read_to_where_it_ends(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(GOOD)
    assert levels(tmp_path / "a.tar") == [1]


def test_an_image_of_gigabytes_is_refused_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    with file.open("wb") as opened:
        opened.write(GOOD + header("b.png", 2**31))
        opened.seek(2**31, os.SEEK_CUR)  # a hole, which takes no room
        opened.write(header("c.png", len(grey(3))) + padded(grey(3)))
    assert f"{file.parent}/a.tar/b.png: cannot read this image: it takes 2,147,483,648 bytes" in refused_at_load(file)
    assert levels(file, broken="skip") == [1, 3]


def refused_at_load(path: Path) -> str:
    with pytest.raises(UserError) as raised:
        WebDataset(path=path).load(SIDE)
    return str(raised.value)


def test_a_broken_image_is_named_or_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members = [
        (f"{n}.{e}", c) for n in range(3) for e, c in (("jpg", b"junk" if n == 1 else grey(n, "JPEG")), ("cls", b"0"))
    ]
    file = write_tar(tmp_path / "a.tar", members)
    assert f"{tmp_path}/a.tar/1.jpg: cannot read this image" in refused_at_load(file)
    loaded = WebDataset(path=file, broken="skip", labels=True).load(SIDE)
    assert len(loaded.images) == 2
    assert np.array_equal(loaded.labels if loaded.labels is not None else [], [0, 0])
    assert "skipped 1 of 3 images, which cannot be read: a.tar/1.jpg" in capsys.readouterr().err


def test_a_shard_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tar")
    assert "there is no file" in refused(tmp_path / "a.tar")
    assert "it is a pipe, not a file" in refused(tmp_path)


def test_a_shard_that_changed_is_looked_up_again(tmp_path: Path) -> None:
    file = write_tar(tmp_path / "a.tar", [("a.png", grey(1))])
    data = WebDataset(path=file)
    assert data.describe() == "1 image"
    write_tar(file, [("a.png", grey(1)), ("b.png", grey(2))])
    assert levels(file) == [1, 2]
    os.truncate(file, 100)
    with pytest.raises(UserError, match=r"a\.tar"):
        data.load(SIDE)


def test_an_index_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    file = write_tar(tmp_path / "a.tar", [("a.png", grey(1)), ("b.png", grey(2))])
    assert WebDataset(path=file).describe() == "2 images"
    (index,) = (tmp_path / "cache" / "indexes").glob("*.npz")
    for content in (b"", b"junk", index.read_bytes()[:100], index.read_bytes()[:-30]):
        index.write_bytes(content)
        assert WebDataset(path=file).describe() == "2 images"
