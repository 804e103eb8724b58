"""Which views gankit ui makes for the runs that a repository holds."""

from __future__ import annotations

from pathlib import Path

import aim
import pytest
from support.aim_ui import repository, track
from support.tracked import SILENT, entered

from gankit.kinds.callbacks import Row
from gankit.results.run_results import RunResults
from gankit_aim.bookmarks import LOSSES, SAMPLES, Bookmark, of_metric, views
from gankit_aim.ui import runs_to_see

pytestmark = pytest.mark.costly

Seen = set[tuple[str, str]]
"""Names of studies and of series."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two studies, one of them without FID."""
    folder = tmp_path_factory.mktemp("place") / "runs"
    repository(folder)
    track(folder / "losses" / "loss=hinge" / "seed-0", ["fid"])
    track(folder / "patches" / "loss=hinge" / "seed-0", ["swd_quick", "swd_quick", "swd"])
    entered(folder)
    return folder


def found(runs: Path, view: Bookmark) -> Seen:
    """What the query of a view finds."""
    home, query = aim.Repo(str(runs)), view.state["select"]["advancedQuery"]
    search = home.query_metrics if view.page == "metrics" else home.query_images
    shown = search(query, report_mode=SILENT).iter_runs()
    return {(str(series.run["study"]), series.name) for several in shown for series in several}


def test_there_is_a_board_for_each_metric_with_the_curves_of_its_cheaper_protocol(runs: Path) -> None:
    shown = views(*runs_to_see(runs / ".aim", runs))
    assert [view.name for view in shown] == [
        "fid by variant and stage",
        "swd by variant and stage",
        LOSSES.name,
        SAMPLES.name,
    ]
    assert found(runs, shown[0]) == {("losses", "fid")}
    assert found(runs, shown[1]) == {("patches", "swd"), ("patches", "swd_quick")}
    assert found(runs, shown[-1]) == {("losses", "samples"), ("patches", "samples")}


@pytest.mark.parametrize("below", ["patches", "patches/loss=hinge", "patches/loss=hinge/seed-0"])
def test_of_a_folder_its_own_runs_are_shown(runs: Path, below: str) -> None:
    shown = views(*runs_to_see(runs / ".aim", runs / below))
    last = Path(below).name
    assert [view.name for view in shown][::2] == [f"swd by variant and stage in {last}", f"{SAMPLES.name} in {last}"]
    assert found(runs, shown[0]) == {("patches", "swd"), ("patches", "swd_quick")}
    assert found(runs, shown[-1]) == {("patches", "samples")}
    assert len({view.id for view in (*shown, *views(*runs_to_see(runs / ".aim", runs)))}) == 3 + 4


def test_of_a_folder_without_tracked_runs_all_are_shown_and_it_is_said(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs / "patch").mkdir()  # the beginning of another's name
    assert len(runs_to_see(runs / ".aim", runs / "patch")[0]) == 2
    assert f"no run in {runs / 'patch'} is tracked in {runs / '.aim'}" in capsys.readouterr().err


def run(*rows: Row) -> RunResults:
    return RunResults(Path("run"), [], rows=list(rows))


def test_without_any_metric_the_losses_open(runs: Path) -> None:
    assert [view.key for view in views([run(Row(8, 1, 4, "loss.generator", 1.0))])] == ["losses", "samples"]
    assert views([])[0] == of_metric("fid"), "of runs that cannot be read it is not known"


@pytest.mark.parametrize(
    ("values", "better", "scale"),
    [((90.0, 1.0), "lower", "log"), ((9.0, -0.1), "lower", "linear"), ((1.0, 9.0), "higher", "linear")],
)
def test_what_falls_towards_zero_is_drawn_by_its_logarithm(values: tuple[float, ...], better: str, scale: str) -> None:
    board = views([run(*(Row(8, 1, 4, "kid", value, {"better": better}) for value in values))])[0]
    assert board.state["chart"]["axesScaleType"]["yAxis"] == scale
