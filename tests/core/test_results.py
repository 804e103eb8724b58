"""Runs are read back as they were recorded and shown only beside what was measured alike."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from support.recorded import PROTOCOL, measured, recorded

from gankit import UserError
from gankit.kinds.callbacks import Row
from gankit.results.protocols import common_protocol
from gankit.results.run_results import read_run
from gankit.results.run_tables import column_names, print_metrics
from gankit.results.tables import significant
from gankit.runs.folder import RunFolder
from gankit.runs.rows import read_rows


def printed(*paths: Path, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_metrics([read_run(path) for path in paths], console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_last_evaluation_of_each_stage_counts(tmp_path: Path) -> None:
    rows = [
        Row(10, 1, 4, "loss.generator", 0.5),
        *measured(50, 1, 4, fid=9.0, **{"is": 2.0}),
        *measured(100, 1, 4, fid=3.0, **{"is": 4.0}),
        Row(110, 2, 8, "loss.generator", 0.4),
        *measured(200, 2, 8, fid=2.0),
    ]
    stages = read_run(recorded(tmp_path / "run", rows)).stages
    assert [(stage.images, stage.resolution) for stage in stages] == [(100, 4), (200, 8)]
    assert {name: row.value for name, row in stages[0].metrics.items()} == {"fid": 3.0, "is": 4.0}
    assert list(stages[1].metrics) == ["fid"]


values = st.floats(allow_nan=False)
rows = st.builds(Row, st.integers(0, 10**9), st.integers(1, 9), st.just(8), st.text(), values, st.none())


@pytest.mark.costly
@given(st.lists(rows, max_size=5))
def test_rows_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.record(rows)
    assert read_rows(folder.path / "metrics.jsonl") == rows


def test_not_a_number_comes_back(tmp_path: Path) -> None:
    RunFolder(tmp_path).record([Row(1, 1, 4, "loss.generator", math.nan)])
    assert math.isnan(read_rows(tmp_path / "metrics.jsonl")[0].value)


@pytest.mark.parametrize("lost", [1, 2, 10, 40])
def test_a_torn_last_line_is_left_out(tmp_path: Path, lost: int) -> None:
    path = recorded(tmp_path / "run", [*measured(100, 1, 4, fid=3.0), *measured(200, 2, 8, fid=2.0)])
    whole = (path / "metrics.jsonl").read_bytes()
    (path / "metrics.jsonl").write_bytes(whole[:-lost])
    assert [stage.resolution for stage in read_run(path).stages] == [4]


@pytest.mark.parametrize("line", ["{", "[]", '{"images": 1}', '{"images": 1, "value": 2}', '{"value": "low"}'])
def test_any_other_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = recorded(tmp_path / "run", measured(100, 1, 4, fid=3.0))
    with (path / "metrics.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl:2: not a row"):
        read_run(path)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(UserError, match=r"is not a run: expected .*experiment\.yaml"):
        read_run(tmp_path)


def test_one_run_shows_each_resolution_with_its_floor(tmp_path: Path) -> None:
    rows = [
        *measured(1000, 1, 4, fid=0.51234, **{"is": 1.5}, fid_floor=0.02),
        *measured(2000, 2, 8, fid=1.23456, **{"is": 7.891}, fid_floor=0.23),
    ]
    lines = [line.split() for line in printed(recorded(tmp_path / "run", rows)).splitlines() if line.strip()]
    assert lines[0] == ["stage", "images", "fid", "floor", "is"]
    assert lines[2] == ["4x4", "1,000", "0.5123", "0.02000", "1.500"]
    assert lines[3] == ["8x8", "2,000", "1.235", "0.2300", "7.891"]


def test_runs_stand_in_blocks_with_the_best_first(tmp_path: Path) -> None:
    one = recorded(tmp_path / "one", [*measured(9, 1, 4, fid=2, **{"is": 3}), *measured(19, 2, 8, fid=5)])
    two = recorded(tmp_path / "two", [*measured(9, 1, 4, fid=1, **{"is": 2}), *measured(19, 2, 8, fid=math.nan)])
    lines = [line.split() for line in printed(one, two).splitlines() if line.startswith(("   4x4", "   8x8"))]
    assert lines == [
        ["4x4", "two", "9", "*1.000", "2.000"],
        ["4x4", "one", "9", "2.000", "*3.000"],
        ["8x8", "one", "19", "*5.000", "-"],
        ["8x8", "two", "19", "nan", "-"],
    ]


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [recorded(tmp_path / parent / "run", measured(9, 1, 4, fid=2)) for parent in ("a", "b")]
    shown = printed(*paths, width=300)
    assert all(str(path) in shown for path in paths)


def test_only_what_differs_in_merit_is_marked(tmp_path: Path) -> None:
    def rows(spread: float) -> list[Row]:
        of_reals = {**PROTOCOL, "of": "held-out reals"}
        of_images = measured(9, 1, 4, fid=2, fid_std=spread, fid_error=spread, fid_seeds_std=spread)
        return [*of_images, *measured(9, 1, 4, of_reals, fid_floor=spread, fid_blurred=spread)]

    paths = [recorded(tmp_path / str(spread), rows(spread)) for spread in (3, 4)]
    assert not re.search(r"\*\d", printed(*paths))


def test_a_folder_may_be_called_anything(tmp_path: Path) -> None:
    paths = [recorded(tmp_path / name, measured(9, 1, 4, fid=2)) for name in ("[red]a", "[b]")]
    shown = printed(*paths)
    assert "[red]a" in shown
    assert "[b]" in shown


def test_no_number_is_cut_off_in_a_narrow_terminal(tmp_path: Path) -> None:
    metrics = {name: 1.23456 for name in ("fid", "fid_floor", "fid_full", "fid_full_floor", "fid_blurred_0.6", "is")}
    shown = printed(recorded(tmp_path / "run", measured(123456, 1, 16, **metrics)), width=30)
    assert shown.count("1.235") == 6
    assert "123,456" in shown


def test_unlike_protocols_are_refused_and_every_difference_named(tmp_path: Path) -> None:
    one = recorded(tmp_path / "one", measured(9, 1, 8, fid=2, **{"is": 1}))
    other = {**PROTOCOL, "images": 898, "metric": {"use": "other/fid"}}
    two = recorded(tmp_path / "two", [*measured(9, 2, 8, other, fid=1), *measured(9, 2, 8, **{"is": 1})])
    with pytest.raises(UserError) as refusal:
        print_metrics([read_run(one), read_run(two)])
    message = str(refusal.value)
    assert f"  images: 1000 in {one}, 898 in {two} (fid at 8x8)" in message
    assert f"  metric.use: fidelity/fid in {one}, other/fid in {two} (fid at 8x8)" in message
    assert " is at" not in message


def test_unlike_protocols_at_different_resolutions_are_no_matter(tmp_path: Path) -> None:
    one = recorded(tmp_path / "one", measured(9, 1, 4, fid=2))
    two = recorded(tmp_path / "two", measured(9, 1, 8, {**PROTOCOL, "images": 898}, fid=1))
    assert "measured with images 898 to 1000, extractor digits@3f, seed 0" in printed(one, two)


def test_a_run_without_evaluations_is_said_to_have_none(tmp_path: Path) -> None:
    path = recorded(tmp_path / "run", [Row(10, 1, 4, "loss.generator", 0.5)])
    assert printed(path, width=300) == f"{path}: no evaluation yet\n"
    none = recorded(tmp_path / "none", [Row(10, 1, 4, "loss.generator", 0.5)], evaluation={"metrics": []})
    assert printed(none, width=300) == f"{none}: no evaluation, as evaluation.metrics names none\n"


def test_floors_stand_beside_what_they_are_floors_of() -> None:
    assert column_names(["fid", "is", "fid_floor", "fid"]) == ["fid", "fid_floor", "is"]
    assert column_names(["is_floor", "fid"]) == ["is_floor", "fid"]


def test_losses_have_no_protocol_in_common() -> None:
    assert common_protocol([Row(1, 1, 4, "loss.generator", 0.5)]) == {}


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.123456, "0.1235"), (2, "2.000"), (1234.56, "1235"), (123456.7, "123457"), (-0.5, "-0.5000"), (math.inf, "inf")],
)
def test_four_digits_count(number: float, text: str) -> None:
    assert significant(number) == text


def test_older_runs_call_the_cheaper_protocol_track(tmp_path: Path) -> None:
    rows = [*measured(500, 1, 4, fid_track=3.0), Row(500, 1, 4, "loss.on_track", 1.0), *measured(1000, 1, 4, fid=2)]
    run = read_run(recorded(tmp_path / "run", rows))
    assert [row.name for row in run.rows] == ["fid_quick", "loss.on_track", "fid"]
