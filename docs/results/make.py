"""Makes the pages of results again, each by the command that it shows, from the runs that are kept in data/.

    python docs/results/make.py                       # all pages and figures; a test tells if that was forgotten
    python docs/results/make.py keep runs/few-digits  # first copies what stays of finished runs into data/

A page says in its first block how its runs were made, `gankit run ...`, and how they are compared, `gankit compare
runs/...`. The tables below `## The comparison` are what the latter prints, and the figure is the one that its `--plot`
draws. `![...](NAME-grids.png)` is made of the last grids of first seeds, side by side in the order of variants' names.
A page whose block says `make peer-quality ... --out runs/...` has the table that this prints.
"""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import sys
from contextlib import chdir, redirect_stdout
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from gankit.cli import main

HERE = Path(__file__).parent
DATA = HERE / "data"
COMPARISON = "## The comparison\n"
BENCHMARKS = str(HERE.parents[1] / "tests")
"""The folder of the package of that name."""
GAP = 8
"""Pixels between grids."""
PEERS_RESULT = "result.jsonl"
"""What `make peer-quality` keeps of a training."""
PRIVATE = ("command", "path", "platform", "git")
"""What provenance tells of the machine and of nothing else."""


def keep(study: Path) -> None:
    """Copy what results rest on into data/: experiments, numbers, times, provenance and the last grid of each run."""
    kept = DATA / study.resolve().name
    for experiment in sorted(study.rglob("experiment.yaml")):
        run = experiment.parent
        to = kept / run.relative_to(study)
        to.mkdir(parents=True, exist_ok=True)
        (to / "experiment.yaml").write_text(experiment.read_text().replace(f"{Path.cwd()}/", ""))
        shutil.copy(run / "times.jsonl", to)
        rows = [line for line in (run / "metrics.jsonl").read_text().splitlines() if "protocol" in json.loads(line)]
        if rows:
            (to / "metrics.jsonl").write_text("".join(f"{row}\n" for row in rows))
        provenance = json.loads((run / "provenance.json").read_text())
        (to / "provenance.json").write_text(json.dumps(_public(provenance), indent=1) + "\n")
        grids = sorted((run / "samples").glob("*.png"))
        if grids:
            shutil.copy(grids[-1], to / "grid.png")
    for result in sorted(study.rglob(PEERS_RESULT)):
        to = kept / result.parent.relative_to(study)
        to.mkdir(parents=True, exist_ok=True)
        shutil.copy(result, to)
    if (study / "study.yaml").exists():
        shutil.copy(study / "study.yaml", kept)


def _public(value: Any) -> Any:
    """Provenance without what it tells of the machine's folders."""
    if isinstance(value, dict):
        return {name: _public(one) for name, one in value.items() if name not in PRIVATE}
    return [_public(one) for one in value] if isinstance(value, list) else value


def pages() -> list[Path]:
    """The pages whose runs are kept."""
    return [page for page in sorted(HERE.glob("*.md")) if any((DATA / name).is_dir() for name in studies(page))]


def studies(page: Path) -> list[str]:
    """The names of those that a page compares."""
    return re.findall(r"runs/([\w-]+)", command_of(page))


def command_of(page: Path) -> str:
    """The command by which a page says that its runs are compared; empty if it says none."""
    text = page.read_text().replace("\\\n", " ")
    found = re.search(r"^    (gankit compare .*|make peer-quality .*)$", text, re.MULTILINE)
    return found[1] if found else ""


def made(page: Path, draws: bool = True) -> dict[Path, bytes]:
    """A page as it comes out of data/, by its file; its pictures, too, if it `draws`."""
    prose = page.read_text().partition(COMPARISON)[0]
    program, *arguments = shlex.split(command_of(page))
    if program == "make":
        return {page: f"{prose}{COMPARISON}\n{_beside_peer(studies(page))}\n".encode()}
    if not draws and "--plot" in arguments:
        place = arguments.index("--plot")
        del arguments[place : place + 2]
    with TemporaryDirectory() as folder, chdir(folder), redirect_stdout(io.StringIO()) as said:
        Path("runs").symlink_to(DATA)
        if main(arguments):
            raise SystemExit(f"{page.name}: its command failed")
        drawn = {HERE / figure.name: figure.read_bytes() for figure in Path().glob("*.png")}
    tables = re.sub(r"^## ", "### ", said.getvalue().partition("\n\n")[2], flags=re.MULTILINE)
    grids = HERE / f"{page.stem}-grids.png"
    if draws and f"({grids.name})" in prose:
        drawn[grids] = _side_by_side([grid for name in studies(page) for grid in _first_seeds(DATA / name)])
    return {page: f"{prose}{COMPARISON}\n{tables}".encode(), **drawn}


def _beside_peer(names: list[str]) -> str:
    """The table that `make peer-quality` prints."""
    if BENCHMARKS not in sys.path:
        sys.path.append(BENCHMARKS)
    fids = import_module("benchmarks.fids")
    files = [file for name in names for file in sorted((DATA / name).rglob(PEERS_RESULT))]
    return fids.table([each for file in files for each in fids.read(file)])


def _first_seeds(study: Path) -> list[Path]:
    """The last grid of the first seed of each variant, by their names."""
    grids = {grid.parent.parent: grid for grid in sorted(study.rglob("grid.png"), reverse=True)}
    return [grids[variant] for variant in sorted(grids)]


def _side_by_side(grids: list[Path]) -> bytes:
    """Pictures in one row, white between them."""
    pictures = [Image.open(grid).convert("RGB") for grid in grids]
    row = Image.new(
        "RGB", (sum(one.width + GAP for one in pictures) - GAP, max(one.height for one in pictures)), "white"
    )
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width + GAP
    written = io.BytesIO()
    row.save(written, "PNG", optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    if sys.argv[1:2] == ["keep"]:
        for study in sys.argv[2:]:
            keep(Path(study))
    for page in pages():
        for file, content in made(page).items():
            file.write_bytes(content)
