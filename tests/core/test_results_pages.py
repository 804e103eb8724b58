"""Pages of results are what their commands make of the runs that are kept, and say no number that is not in them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest
from support.scripts import loaded

from gankit.cli import main
from gankit.results.finder import gather

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
    words = re.sub(r"^(    |\| ).*$|\]\(.*?\)|`.*?`", "", words, flags=re.MULTILINE)  # commands, tables, links, options
    there = [float(number.replace(",", "")) for number in re.findall(r"-?\d[\d,]*\.?\d*", tables)]
    for said in re.findall(r"\d+\.\d+", words):
        digits = len(said.partition(".")[2])
        assert any(round(abs(number), digits) == float(said) for number in there), f"{said} is in no table of {page}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_kept_says_nothing_of_the_machines_folders(page: Path) -> None:
    for name in MAKER.studies(page):
        for file in (MAKER.DATA / name).rglob("*"):
            if file.suffix in (".yaml", ".json", ".jsonl"):
                assert not re.search(r"(?<![\w.:/])/(?!usr/share/)\w+/\w+", file.read_text()), file
                assert file.stat().st_size < 200_000


def test_the_overview_says_how_many_runs_are_kept_and_what_they_took() -> None:
    overview = (RESULTS / "README.md").read_text()
    rows = re.findall(r"^\|[^|]*\| \[.*?\]\((.*?)\) \| (\d+) \| (\d+) minutes \|$", overview, re.MULTILINE)
    linked = sorted((overview.index(f"({page.name})"), page.name) for page in PAGES)
    assert [page for page, *_ in rows] == [page for _, page in linked]
    for page, runs, minutes in rows:
        took = [seconds for name in MAKER.studies(RESULTS / page) for seconds in cpu_seconds(MAKER.DATA / name)]
        assert (int(runs), int(minutes)) == (len(took), round(sum(took) / 60)), page


def cpu_seconds(study: Path) -> Iterator[float]:
    """What each of the kept runs took, training and evaluation; what was trained for `make peer-quality`, training."""
    results = list(study.rglob(MAKER.PEERS_RESULT))
    for result in results:
        yield sum(json.loads(result.read_text().partition("\n")[0])["stages"])
    for times in [] if results else study.rglob("times.jsonl"):
        yield sum(json.loads(line).get("cpu_seconds", 0) for line in times.read_text().splitlines())


def test_losses_by_changes_are_those_of_the_runs() -> None:
    words = (RESULTS / "one-change-digits.md").read_text().partition(MAKER.COMPARISON)[0]
    losses = {"least squares": "least-squares", "Wasserstein": "wgan"}
    changes = {"spectral norm": "spectral", "R1": "r1", "minibatch stddev": "stddev"}
    runs = gather([MAKER.DATA / "one-change-digits"])
    fids = {f"{run.path.parent.name}{run.path.name[-1]}": run.stages[-1].metrics["fid"].value for run in runs}

    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in words.splitlines() if line.startswith("| ")]
    heads, *rows = table
    assert len(rows) == 6
    lower = dict.fromkeys(changes.values(), 0)
    for name, *cells in rows:
        loss = losses.get(name, name)
        for head, cell in zip(heads[1:], cells, strict=True):
            change = f"+{changes[head]}" if head in changes else ""
            assert cell == f"{mean(fids[f'{loss}{change}{seed}'] for seed in range(3)):.2f}", (name, head)
            if change:
                lower[changes[head]] += sum(fids[f"{loss}{change}{seed}"] < fids[f"{loss}{seed}"] for seed in range(3))
    assert f"{lower['r1']} of the 18 runs" in words
    assert f"lower in {lower['stddev']} runs of 18" in words


def test_the_tutorial_shows_a_comparison_of_kept_runs(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.search(
        r"^```text\n(fid at .*?)```", (RESULTS.parent / "tutorial.md").read_text(), re.MULTILINE | re.DOTALL
    )
    of, beside = (str(MAKER.DATA / "losses-digits" / f"loss={loss}") for loss in ("hinge", "non-saturating"))
    assert main(["compare", of, beside, "--baseline", "loss=non-saturating"]) == 0
    assert shown is not None
    printed = capsys.readouterr().out
    assert all(table in printed for table in shown[1].rstrip().split("\n\n"))
