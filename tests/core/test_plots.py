"""The figures of gankit compare."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image
from support.recorded import measured, recorded, study

from gankit.cli import main
from gankit.results.comparison import compare_runs
from gankit.results.finder import gather
from gankit.results.plots import _figure

MAGIC = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml", "jpg": b"\xff\xd8"}


@pytest.mark.costly
@pytest.mark.parametrize("extension", MAGIC)
def test_a_figure_is_written_in_any_format(tmp_path: Path, extension: str) -> None:
    study(tmp_path / "losses", {"hinge": [5.0, 6.0], "wgan": [4.0, 4.9]})
    path = tmp_path / f"fid.{extension}"
    assert main(["compare", str(tmp_path / "losses"), "--plot", str(path)]) == 0
    assert path.read_bytes().startswith(MAGIC[extension])


def test_what_matplotlib_cannot_write_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study(tmp_path / "losses", {"hinge": [5.0]})
    assert main(["compare", str(tmp_path), "--plot", "fid.pgn"]) == 2
    said = capsys.readouterr().err
    assert "--plot: fid.pgn must end in one of" in said
    assert "Did you mean 'png'?" in said


def test_without_evaluations_there_is_nothing_to_draw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded(tmp_path / "run", [])
    assert main(["compare", str(tmp_path), "--plot", str(tmp_path / "fid.png")]) == 2
    assert "--plot: there is nothing to draw" in capsys.readouterr().err


def test_means_alone_are_drawn_where_nothing_was_measured_within_stages(tmp_path: Path) -> None:
    study(tmp_path / "losses", {"hinge": [5.0, 6.0], "wgan": [4.0, 4.9]})
    figure = _figure(compare_runs(gather([tmp_path])))
    assert [axes.get_title() for axes in figure.axes] == ["4x4", "8x8"]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["loss=hinge", "loss=wgan"]
    assert [text.get_text() for text in figure.axes[1].get_yticklabels()] == ["", ""]


def test_curves_are_means_with_the_range_of_seeds(tmp_path: Path) -> None:
    for seed, shift in enumerate((0.0, 2.0, math.nan)):
        rows = [row for at in (500, 1000) for row in measured(at, 1, 4, fid=at / 100 + shift)]
        recorded(tmp_path / f"{seed}", [*measured(250, 1, 4, fid_quick=40.0), *rows], [(4, 1000)], seed=seed)
    curves, _means = _figure(compare_runs(gather([tmp_path]))).axes
    full, track = curves.get_lines()
    assert full.get_xydata().tolist() == [[500, 6], [1000, 11]]  # pyright: ignore
    assert (track.get_linestyle(), track.get_xydata().tolist()) == ("--", [[250, 40]])  # pyright: ignore
    (low, high) = curves.collections[0].get_datalim(curves.transData).intervaly
    assert (low, high) == (5, 12)


def test_large_ranges_are_drawn_on_logarithmic_scales(tmp_path: Path) -> None:
    study(tmp_path / "losses", {"hinge": [5.0, 6.0], "wgan": [400.0, 490.0]})
    assert [axes.get_xscale() for axes in _figure(compare_runs(gather([tmp_path]))).axes] == ["log", "log"]


@pytest.mark.parametrize("others", [[40.0] * 2, [130.0] * 2, [400.0] * 2, [4e4] * 2, [3.0, 90.0]], ids=str)
def test_numbers_beside_an_axis_do_not_overlap(tmp_path: Path, others: list[float]) -> None:
    study(tmp_path / "losses", {"hinge": [1.5, 1.6], "wgan": others})
    figure = _figure(compare_runs(gather([tmp_path])))
    figure.draw_without_rendering()
    for axes in figure.axes:
        left, right = axes.get_xlim()
        shown = [tick.label1 for tick in axes.xaxis.get_major_ticks() if left <= tick.get_loc() <= right]
        boxes = sorted((label.get_window_extent() for label in shown if label.get_text()), key=lambda box: box.x0)
        assert len(boxes) > 1
        assert all(box.x1 < following.x0 for box, following in pairwise(boxes))


@pytest.mark.costly
def test_anything_can_be_drawn(tmp_path: Path) -> None:
    fids = {f"l{i}": [5.0 + i, -6.0, math.nan] for i in range(20)} | {"none": [math.inf], "zero": [0.0, 0.0]}
    study(tmp_path / "losses", fids)
    for name in ("_a$b", r"$\frac$"):
        recorded(tmp_path / name, measured(1000, 1, 4, fid=1.0), [(4, 1000)], loss=name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert main(["compare", str(tmp_path), "--plot", str(tmp_path / "fid.png")]) == 0
    with Image.open(tmp_path / "fid.png") as image:
        assert min(image.size) > 500


def test_variants_look_unlike_each_other(tmp_path: Path) -> None:
    study(tmp_path / "losses", {f"l{i}": [5.0 + i] for i in range(20)})
    axes = _figure(compare_runs(gather([tmp_path]))).axes[0]
    looks = {(line.get_color(), line.get_marker()) for line in axes.get_lines() if line.get_marker() != "None"}
    assert len(looks) == 20
