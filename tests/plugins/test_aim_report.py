"""gankit report of runs whose folders are gone and that Aim still shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.pages import Page
from support.tiny import tiny
from support.workers import Here

from gankit.cli import main
from gankit.runs.start import begin
from gankit_aim import observers, repository


def page_of(place: Path, output: Path) -> Page:
    assert main(["report", str(place), "-o", str(output)]) == 0
    return Page(output.read_text())


@pytest.mark.slow
def test_tables_and_figure_are_the_same_without_the_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observers, "Worker", Here)
    monkeypatch.setattr(repository, "index", lambda *_: None)
    evaluation = {"metrics": ["fid"], "extractor": "digits", "images": 16}
    begin(tiny(observers=["aim"], evaluation=evaluation), tmp_path / "runs" / "one").train()
    here = page_of(tmp_path / "runs", tmp_path / "here.html")
    shutil.rmtree(tmp_path / "runs" / "one")
    there = page_of(tmp_path / "runs", tmp_path / "there.html")
    fids = [title for title in here.tables if title.startswith("fid at")]
    assert len(fids) == 2
    assert [there.tables[title] for title in fids] == [here.tables[title] for title in fids]
    drawings = [
        [one["src"] for tag, one in page.tags if tag == "img" and one.get("class") == "drawing"]
        for page in (here, there)
    ]
    assert drawings[0] == drawings[1]
    assert [pictures for pictures, _ in there.pictures] == []
    assert len(here.pictures) == 2
    assert "no samples: there is no folder" in there.text
