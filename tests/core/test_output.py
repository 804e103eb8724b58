"""Where commands write what they show: files by their endings, terminals by their width, disks that are full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from support.recorded import study
from support.slow import slow_but

from gankit.cli import main
from gankit.results.comparison import compare_runs
from gankit.results.finder import gather
from gankit.results.report import build_report
from gankit.results.tables import print_report

pytestmark = pytest.mark.costly

MAIN = "import sys; from gankit.cli import main; sys.exit(main())"


@pytest.fixture(autouse=True)
def losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a study of two losses and three seeds."""
    monkeypatch.chdir(tmp_path)
    return study(Path("losses"), {"hinge": [5.0, 6.0, 7.0], "wgan": [4.0, 4.9, 6.1]})


def test_the_ending_of_a_file_says_its_format(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("t.html", "T.JSON", "t.csv", "t.md", "t.txt", "t"):
        assert main(["compare", "losses", "-o", name]) == 0
        assert capsys.readouterr() == ("", f"wrote {name}\n")
    assert Path("t.html").read_text().startswith("<!DOCTYPE html>")
    assert json.loads(Path("T.JSON").read_text())["metrics"] == ["fid"]
    assert Path("t.csv").read_text().startswith("metric,resolution,")
    assert Path("t.md").read_text().startswith("# fid by variant\n")
    assert Path("t.txt").read_text() == Path("t").read_text()
    assert "───" in Path("t").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "t.json", "--format", "csv"], "-o: t.json ends as json does, but --format is csv"),
        (["-o", "t.html", "--format", "terminal"], "-o: t.html ends as html does, but --format is terminal"),
        (["-o", "t.xlsx"], "-o: t.xlsx does not say its format: end it in one of .txt, .md, .markdown, .csv, .json"),
    ],
)
def test_an_ending_that_says_something_else_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "losses", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert os.listdir() == ["losses"]


def test_a_format_that_is_named_may_have_any_other_ending() -> None:
    assert main(["compare", "losses", "-o", "t.data", "--format", "csv"]) == 0
    assert Path("t.data").read_text().startswith("metric,resolution")


def test_a_report_says_what_it_wrote_and_is_no_other_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "losses", "-o", "page"]) == 0
    assert capsys.readouterr() == ("", "wrote page\n")
    assert Path("page").read_text().startswith("<!DOCTYPE html>")
    assert main(["report", "losses", "-o", "page.json"]) == 2
    assert "-o: the page is HTML" in capsys.readouterr().err
    assert not Path("page.json").exists()


@pytest.mark.slow
def test_a_backend_for_notebooks_is_no_matter() -> None:
    chosen = {**os.environ, "MPLBACKEND": "module://no_such_package.backend"}
    commands = (["compare", "losses", "--plot", "a.png"], ["report", "losses", "-o", "a.html"])
    both = f"from gankit.cli import main; assert [main(arguments) for arguments in {commands}] == [0, 0]"
    done = subprocess.run([sys.executable, "-c", both], env=chosen, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "wrote a.png\nwrote a.html\n")
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert "data:image/svg+xml" in Path("a.html").read_text()


@pytest.mark.parametrize(
    "arguments",
    slow_but([["compare", "losses"]], [["schema"], ["compare", "losses"], ["compare", "losses", "--format=csv"]]),
)
def test_a_full_disk_is_said_in_a_line(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-c", MAIN, *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "gankit: cannot write the output: No space left on device\n")


def shown(width: int, is_terminal: bool = True) -> list[str]:
    """The lines of the first table and its notes."""
    console = Console(file=(file := StringIO()), width=width, force_terminal=is_terminal, color_system=None)
    print_report(build_report(compare_runs(gather([Path("losses")]))), console)
    return file.getvalue().split("\n\n")[0].strip("\n").splitlines()


def test_a_narrow_terminal_is_shown_fewer_columns() -> None:
    assert shown(150) == shown(40, is_terminal=False)
    wide, narrow = shown(150), shown(90)
    assert max(map(len, wide[1:5])) > 90 >= max(map(len, narrow[1:5]))
    assert "detectable" in wide[1]
    assert "detectable" not in narrow[1]
    assert narrow[-1].startswith("left out, for the terminal is narrow: ")
    assert set(narrow[1].split()) < set(wide[1].split())
    for line in narrow[3:5]:  # what is left stands as it stood
        (same,) = [other for other in wide[3:5] if other.split()[0] == line.split()[0]]
        assert line.split()[:4] == same.split()[:4]
    assert {"variant", "n", "mean", "difference", "verdict"} < set(shown(20)[1].split())
