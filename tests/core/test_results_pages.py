"""Pages of results are what their commands make of the runs that are kept, and say no number that is not in them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from support.scripts import loaded

RESULTS = Path(__file__).parents[2] / "docs" / "results"


MAKER = loaded(RESULTS / "make.py")
PAGES: list[Path] = MAKER.pages()


def test_there_are_pages_whose_runs_are_kept() -> None:
    assert PAGES
    kept = {folder.name for folder in MAKER.DATA.iterdir() if folder.is_dir()}
    assert kept == {name for page in PAGES for name in MAKER.studies(page)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_what_its_command_makes_of_its_runs(page: Path) -> None:
    assert MAKER.made(page, draws=False)[page].decode() == page.read_text(), "run: python docs/results/make.py"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_its_pictures_are_drawn_of_its_runs(page: Path) -> None:
    from PIL import Image, ImageChops

    pictures = {file: content for file, content in MAKER.made(page).items() if file.suffix == ".png"}
    assert bool(pictures) == (".png)" in page.read_text())
    for file, content in pictures.items():
        there, drawn = (Image.open(source).convert("RGB") for source in (file, io.BytesIO(content)))
        assert there.size == drawn.size
        assert ImageChops.difference(there, drawn).getbbox() is None, "run: python docs/results/make.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_numbers_in_the_words_are_those_of_the_tables(page: Path) -> None:
    words, _, tables = page.read_text().partition(MAKER.COMPARISON)
    words = re.sub(r"^    .*$|\]\(.*?\)|`.*?`", "", words, flags=re.MULTILINE)  # commands, links and options
    there = [float(number.replace(",", "")) for number in re.findall(r"-?\d[\d,]*\.?\d*", tables)]
    for said in re.findall(r"\d+\.\d+", words):
        digits = len(said.partition(".")[2])
        half = 0.5 * 10**-digits + 1e-9  # tables are rounded themselves: 4.505 may be 4.51
        assert any(abs(abs(number) - float(said)) <= half for number in there), f"{said} is in no table of {page}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_kept_says_nothing_of_the_machines_folders(page: Path) -> None:
    for name in MAKER.studies(page):
        for file in (MAKER.DATA / name).rglob("*"):
            if file.suffix in (".yaml", ".json", ".jsonl"):
                assert not re.search(r"(?<![\w.:/])/(?!usr/share/)\w+/\w+", file.read_text()), file
                assert file.stat().st_size < 200_000
