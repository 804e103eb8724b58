"""Runs are read from their folders, and from elsewhere by plugins that know how, none in the way of another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.recorded import measured, recorded

from gankit import UserError
from gankit.discovery.manager import plugins
from gankit.results.finder import find_runs, gather
from gankit.results.run_results import read_run

READER = """
from pathlib import Path
from gankit import hookimpl
from gankit.kinds.callbacks import Row
from gankit.results.run_results import RunResults, last_evaluations

@hookimpl
def gankit_read_runs(place):
    if place.suffix != ".toy":
        return None
    rows = [Row(9, 1, 4, "fid", float(place.read_text()), {"images": 10})]
    return [RunResults(Path(place.stem), last_evaluations(rows), {"name": place.stem}, rows)]
"""
"""A plugin that is one file and has nothing but a way to read runs: a number from a file NAME.toy."""

FAILING = """
from gankit import UserError, hookimpl

@hookimpl
def gankit_read_runs(place):
    {}
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Loads the text of plugins, as if they were installed; the current folder is an empty one."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def load(**texts: str) -> None:
        for name, text in texts.items():
            (tmp_path / "plugins" / f"{name}.py").write_text(text)
            plugins.load_file(tmp_path / "plugins" / f"{name}.py")

    with plugins.restored():
        yield load


def run(name: str, fid: float = 5.0) -> Path:
    return recorded(Path(name), measured(9, 1, 4, fid=fid))


def toy(name: str, fid: float = 3.0) -> Path:
    """A folder that holds a file which only the plugin reads."""
    Path(f"{name}.toy").write_text(str(fid))
    return Path(f"{name}.toy")


def fids(*places: Path) -> dict[str, float]:
    return {str(run.path): run.stages[0].metrics["fid"].value for run in gather(places)}


def test_plugins_read_what_is_no_run_folder(plugin: Callable[..., None]) -> None:
    plugin(reader=READER)
    assert fids(run("one"), toy("two"), toy("three", fid=1)) == {"one": 5, "two": 3, "three": 1}
    assert fids(Path("one"), Path("two.toy"), Path("one")) == {"one": 5, "two": 3}
    ours, theirs = gather([Path("one"), Path("two.toy")])
    assert ours == read_run(Path("one"))
    assert theirs.name == "two"


def test_a_run_that_is_found_twice_is_read_from_its_folder(plugin: Callable[..., None]) -> None:
    plugin(reader=READER)
    assert fids(toy("one"), toy("two"), run("one")) == {"one": 5, "two": 3}
    assert fids(Path("two.toy"), Path("two.toy")) == {"two": 3}


def test_a_file_of_an_experiment_stands_for_its_folder(plugin: Callable[..., None]) -> None:
    plugin(
        reader=READER.replace("place.suffix", "(place / 'x.toy').suffix").replace(
            "place.read", "(place / 'x.toy').read"
        )
    )
    Path("tiny.yaml").write_text("name: tiny\n")
    Path("runs", "tiny").mkdir(parents=True)
    Path("runs", "tiny", "x.toy").write_text("7")
    assert fids(Path("tiny.yaml")) == {"tiny": 7}


def test_plugins_are_not_asked_where_there_are_runs(plugin: Callable[..., None]) -> None:
    plugin(failing=FAILING.format("raise UserError('asked')"))
    assert fids(run("above/one")) == fids(Path("above")) == {"above/one": 5}


@pytest.mark.parametrize("name", ["missing", "empty", "notes.txt"])
def test_what_no_plugin_knows_is_refused_as_ever(plugin: Callable[..., None], name: str) -> None:
    plugin(reader=READER)
    Path("empty").mkdir()
    Path("notes.txt").write_text("name: [\n")
    with pytest.raises(UserError) as expected:
        find_runs([Path(name)])
    with pytest.raises(UserError, match=f"^{re.escape(str(expected.value))}$"):
        gather([Path(name)])


def test_a_broken_run_is_not_offered_to_plugins(plugin: Callable[..., None]) -> None:
    plugin(failing=FAILING.format("return []"))
    (run("one") / "metrics.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"metrics\.jsonl:1: not a row"):
        gather([Path("one")])


@pytest.mark.parametrize(
    "failure", ["1 / 0", "raise SystemExit(2)", "return [place]", "raise UserError('not this one')"]
)
def test_a_plugin_that_fails_is_in_nobodys_way(plugin: Callable[..., None], failure: str) -> None:
    plugin(a_failing=FAILING.format(failure), reader=READER)
    assert fids(run("one"), toy("two")) == {"one": 5, "two": 3}


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("1 / 0", "failing.py:6: ZeroDivisionError: division by zero"),
        ("return [place]", "gankit_read_runs gave no list of RunResults"),
    ],
)
def test_a_plugin_that_fails_is_named_where_no_run_is_found(
    plugin: Callable[..., None], failure: str, reason: str
) -> None:
    plugin(failing=FAILING.format(failure), reader=READER)
    plugins.broken["rgan"] = "rgan.py:1: ImportError: no"
    with pytest.raises(UserError) as caught:
        gather([run("one"), Path("missing")])
    assert str(caught.value).splitlines() == [
        "missing: there is no such folder or file.",
        "Plugins that might know it have failed:",
        f"  plugin 'failing': {reason}",
        "  plugin 'rgan': rgan.py:1: ImportError: no",
    ]


def test_what_a_plugin_says_of_a_place_that_it_knows_is_the_message(plugin: Callable[..., None]) -> None:
    plugin(failing=FAILING.format("raise UserError('the tracker is closed today')"), other=FAILING.format("1 / 0"))
    with pytest.raises(UserError, match="the tracker is closed today"):
        gather([Path("missing")])
