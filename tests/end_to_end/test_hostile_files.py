"""Whatever experiment file anybody hands over, each command that reads it goes on or refuses: soon, and in words."""

from __future__ import annotations

import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from support.damaging import PATIENCE
from support.hostile import bounded_memory, carried_out, check, secluded
from support.hostile_files import PLUGINS, SHORT, Hostile, at_every_option, each_whole, lay_out_all
from support.oddities import FILE

from gankit.discovery.manager import plugins

MOST_SECONDS = 10.0
"""Of processor time, start-up left out."""
PARTS = 8
"""Tests that share the files."""
ROOM = 4 * 2**30
"""Bytes that a command may take beyond what the process has."""
SETTINGS = [word for setting in SHORT for word in ("--set", setting)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with all that hostile files extend and load, and with little above it."""
    folder = secluded(tmp_path, monkeypatch)
    lay_out_all(folder)
    with plugins.restored(), bounded_memory(ROOM):
        yield folder


def run_for_a_moment(*arguments: str) -> int:
    """Train what is valid until it has ended, or is interrupted, as it may be meant to train for years."""
    outcome = carried_out(["run", FILE, "--out", "run", *arguments], interrupted_after=3)
    check(outcome, MOST_SECONDS, codes=(0, 1, 2, 128 + signal.SIGINT))
    if outcome.code == 1:
        assert outcome.errors.splitlines()[-1].startswith("gankit: "), outcome
    shutil.rmtree("run", ignore_errors=True)
    return outcome.code


def stands_where_it_is(hostile: Hostile, errors: str) -> bool:
    """Whether a refusal names the file, and the line of the wrong thing or where its option belongs."""
    *_, group, option = ["", *(step for step in hostile.option.split(".") if not step.isdecimal())]
    named = option if option != "use" else group
    is_at_line = re.match(rf"{FILE}:\d+:\d+: ", errors) is not None
    return is_at_line and (f"{FILE}:{hostile.line}:" in errors or named in errors)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_wrong_thing_at_any_option_is_refused_where_it_stands(folder: Path, part: int) -> None:
    codes = Counter[str]()
    # which loads what training needs: an import that was interrupted would fail for good
    assert carried_out(["run", "quickstart.yaml", *SETTINGS, "--out", "loading"]).code == 0
    for number, hostile in enumerate(islice(at_every_option(), part, None, PARTS)):
        Path(FILE).write_text(hostile.text)
        outcome = carried_out(["validate", FILE])
        check(outcome, MOST_SECONDS)
        codes[f"validate {outcome.code}"] += 1
        if outcome.code:
            assert stands_where_it_is(hostile, outcome.errors), (hostile.option, hostile.value[:99], outcome)
        if outcome.code == 0 or number % 10 == 0:
            expanded = carried_out(["expand", FILE])
            check(expanded, MOST_SECONDS)
            codes[f"expand {expanded.code}"] += 1
            codes[f"run {run_for_a_moment()}"] += 1
    print(f"part {part}: {dict(codes)}")
    assert codes["validate 2"] > 500
    assert codes["run 0"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS // 2))
def test_so_is_what_is_set(folder: Path, part: int) -> None:
    assert carried_out(["run", "quickstart.yaml", *SETTINGS, "--out", "run"]).code == 0
    codes = Counter[str]()
    for number, hostile in enumerate(islice(at_every_option(), part, None, 3 * PARTS)):
        command, where = (("validate", "quickstart.yaml"), ("expand", "quickstart.yaml"), ("resume", "run"))[number % 3]
        outcome = carried_out([command, where, "--set", f"{hostile.option}={hostile.value}"])
        check(outcome, MOST_SECONDS)
        assert outcome.code == 0 or re.match(r"--set |a run goes on as it began|.*\.yaml:\d+:", outcome.errors), outcome
        codes[f"{command} {outcome.code}"] += 1
    print(f"part {part}: {dict(codes)}")
    assert codes["resume 2"] > 50


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_no_file_upsets_a_command(folder: Path, part: int) -> None:
    assert carried_out(["run", "quickstart.yaml", *SETTINGS, "--out", "recorded"]).code == 0
    codes = Counter[str]()
    for content in islice(each_whole(), part, None, PARTS):
        for command in (["validate", FILE], ["expand", FILE], ["resume", "recorded"]):
            Path(command[1] if command[1] == FILE else f"recorded/{FILE}").write_bytes(content)
            outcome = carried_out(command)
            check(outcome, MOST_SECONDS)
            assert outcome.code == 0 or re.search(r"\.ya?ml|\.py|plugin ", outcome.errors.splitlines()[0]), outcome
            codes[f"{command[0]} {outcome.code}"] += 1
        codes[f"run {run_for_a_moment(*SETTINGS)}"] += 1
    print(f"part {part}: {dict(codes)}")
    assert codes["validate 2"] > 50


@pytest.mark.parametrize("name", PLUGINS)
@pytest.mark.parametrize("command", ["explain loss", "schema"])
def test_no_plugin_file_upsets_a_command(
    command: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(PLUGINS[name])
    outcome = carried_out([*command.split(), "--plugin", name])
    check(outcome, MOST_SECONDS)
    assert outcome.code == 0 or name.removesuffix(".py") in outcome.errors.splitlines()[0]


def test_a_plugin_that_never_ends_was_named_and_can_be_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANKIT_NO_RUN_PLUGINS", "")  # so that what a command sets is gone afterwards
    # Ctrl-C is pressed soon after it has begun, however long that took
    Path("loops.py").write_text("import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.1)\nwhile True: pass\n")
    Path(FILE).write_text("plugins: [loops.py]\n")
    outcome = carried_out(["validate", FILE], interrupted_after=PATIENCE)
    assert outcome.code == 128 + signal.SIGINT
    assert "gankit: executes plugin" in outcome.errors
    assert f"loops.py (source 9e3a3326b9f6), which {FILE} lists" in outcome.errors
    assert carried_out(["validate", FILE, "--no-run-plugins"]).code == 2
