"""Values that options share: numbers of images, paths, tables by resolution, one or many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError
from support.command import QUICKSTART

from gankit import AbsolutePath, Images, Many, Options, PerResolution, at
from gankit.cli import main


class Sample(Options):
    images: Images = 0
    table: PerResolution[Annotated[int, Field(ge=0)]] = {0: 1}
    lists: PerResolution[Many[int]] = {0: []}
    many: Many[float] = []


def read(**options: object) -> Sample:
    return Sample.model_validate(options)


def paths_of_errors(**options: object) -> list[tuple[Any, ...]]:
    with pytest.raises(ValidationError) as caught:
        read(**options)
    return [error["loc"] for error in caught.value.errors()]


@pytest.mark.parametrize(
    ("written", "images"),
    [
        (600_000, 600_000),
        ("600k", 600_000),
        ("1.2M", 1_200_000),
        ("10K", 10_000),
        ("0.5 k", 500),
        (1e6, 10**6),
        ("1.001k", 1001),
        (0, 0),
    ],
)
def test_numbers_of_images(written: object, images: int) -> None:
    assert read(images=written).images == images


@pytest.mark.parametrize(
    "written", ["600", "k", "1e3k", "1.0005k", "-1k", "600 G", "1m", "", -1, 1.5, True, None, 1e300, float("nan"), [1]]
)
def test_what_is_no_number_of_images(written: object) -> None:
    with pytest.raises(ValidationError, match=r"expected a number of images, such as 600000, 600k or 1.2M"):
        read(images=written)


@given(st.integers(0, 10**9), st.sampled_from([("k", 10**3), ("M", 10**6)]))
def test_images_in_thousands_and_millions_are_exact(count: int, unit: tuple[str, int]) -> None:
    name, size = unit
    written = f"{count // size}.{count % size:0{len(str(size)) - 1}}{name}"
    assert read(images=count).images == read(images=written).images == count


def test_one_value_holds_from_the_lowest_resolution_up() -> None:
    assert read(table=5).table == {0: 5}
    assert list(read(table={16: 1, 4: 2}).table) == [4, 16]
    assert read(lists=3).lists == {0: [3]}
    assert read(lists={4: 3, 8: [1, 2], 16: None}).lists == {4: [3], 8: [1, 2], 16: []}


def test_errors_are_where_the_file_has_them() -> None:
    assert paths_of_errors(table="x", many="x", lists=[1, "x"]) == [("table",), ("lists", 1), ("many",)]
    assert paths_of_errors(table={4: "x", 8: -1, "16": 1}) == [("table", "16", "[key]"), ("table", 4), ("table", 8)]
    assert paths_of_errors(lists={4: "x", 8: [1, "x"]}) == [("lists", 4), ("lists", 8, 1)]
    assert paths_of_errors(table={4: 1, True: 2}) == [("table", True, "[key]")]


def test_written_back_as_shortly_as_read() -> None:
    assert read(table=5, many=1).model_dump() == {"images": 0, "table": 5, "lists": [], "many": [1]}
    assert read(table={4: 5}).model_dump()["table"] == {4: 5}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("training.start_from", "~no-such-user/run"),
        ("data", "{use: folder, path: ~no-such-user/images}"),
        ("data", "{use: fashion-mnist, path: ~no-such-user}"),
        ("evaluation.extractor", "{use: inception, weights: ~no-such-user/weights.pth}"),
        ("evaluation.extractor", "{use: classifier, weights: ~no-such-user/own.safetensors}"),
        ("observers", "[{use: aim, repo: ~no-such-user/tracked}]"),
    ],
)
def test_a_home_folder_that_nobody_has_is_a_mistake(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(QUICKSTART), "--set", f"{option}={value}"]) == 2
    said = capsys.readouterr().err
    assert f"--set {option}=" in said
    assert said.strip().endswith("nobody knows the home folder ~no-such-user")


def test_paths_are_absolute_from_the_current_folder_or_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    read = TypeAdapter(AbsolutePath).validate_python
    assert [read(path) for path in ("runs/a", "/runs/a", "~/runs/a")] == [
        tmp_path / "runs" / "a",
        Path("/runs/a"),
        Path("/home/me/runs/a"),
    ]


@given(st.dictionaries(st.integers(0, 64), st.integers(), min_size=1), st.integers(0, 64))
def test_at_is_the_value_of_the_highest_resolution_not_above(table: dict[int, int], resolution: int) -> None:
    if resolution < min(table):
        with pytest.raises(KeyError, match=f"no value for {resolution}x{resolution}"):
            at(table, resolution)
        return
    value = None
    for step in range(resolution + 1):
        value = table.get(step, value)
    assert at(table, resolution) == value
