"""Names by the million: sorted as paths are, found again, and small."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from gankit.data.names import Names, Paths, ZipDirectory

characters = st.characters(exclude_characters="/\0", exclude_categories=()) | st.sampled_from("-. +\udc80é")
names = st.lists(st.lists(st.text(characters, min_size=1, max_size=4), min_size=1, max_size=3).map("/".join))


@given(given=names, others=names)
def test_they_are_sorted_part_by_part_and_found(given: list[str], others: list[str]) -> None:
    kept = Names(given)
    expected = sorted(given, key=lambda name: name.split("/"))
    assert [*kept] == expected
    for name in [*given, *others, *reversed(given)]:
        found = kept.position(name)
        assert (found is not None) == (name in given)
        assert found is None or kept[found] == name


def test_paths_are_those_of_the_names() -> None:
    paths = Paths(Names(["b/2.png", "b-1.png", "b/10.png"]))
    expected = [Path("b/10.png"), Path("b/2.png"), Path("b-1.png")]
    assert [*paths] == sorted(expected, key=lambda path: PurePosixPath(path).parts) == expected
    assert paths[-2:] == expected[-2:]
    assert len(paths) == 3


def test_a_directory_keeps_what_it_takes_to_read_an_entry_and_no_objects(tmp_path: Path) -> None:
    file = tmp_path / "images.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for number, how in enumerate((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)):
            archive.writestr(f"ä/{number}.png", bytes([number]) * 1000, how)
        archive.mkdir("empty")
    directory = ZipDirectory(file)
    assert [*directory.names] == [f"ä/{number}.png" for number in range(4)]
    assert directory.folders == ["empty", "ä"]
    assert not directory.archive.filelist
    for number, name in enumerate(directory.names):
        entry = directory.entry(name)
        assert entry is not None
        assert directory.archive.read(entry) == bytes([number]) * 1000
    assert directory.entry("ä") is None
