"""Commands that tell what there is answer at once, however many plugins are installed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
from support.command import QUICKSTART, gankit
from support.installing import LIFT, install
from support.slow import slow_but

PLUGINS = 30
SECONDS = 0.5
YARDSTICK = "import importlib.metadata, pydantic\nclass Model(pydantic.BaseModel): x: int = 0"
"""What no command can do without; it takes 0.10 to 0.13 s where the bound above was set."""
YARDSTICKS = 4.0
"""The bound on a machine that is slower than that, or has a slow hour: so many times the yardstick."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which many plugins are installed, each a package that asks for gankit."""
    folder = tmp_path_factory.mktemp("site")
    for number in range(PLUGINS):
        install(folder, f"third-{number}", f"third_{number}", LIFT, requires="gankit>=0.1")
    return folder


PREPARE = """
import os, sys
os._exit = sys.exit  # by which completion leaves
from gankit.cli import main
codes = []
"""
ANSWER_ONE = """
try:
    codes.append(main(sys.argv[1:]))
except SystemExit as leaving:
    codes.append(leaving.code)
"""
REPORT = """
print(*sorted({"torch", "aim", "numpy", "scipy", "matplotlib"} & sys.modules.keys()), file=sys.stderr)
sys.exit(any(codes))
"""
ANSWER = PREPARE + ANSWER_ONE + REPORT
"""Runs the command, then names what it should not have imported."""

COMMANDS = [
    ["plugins"],
    ["plugins", "--trace"],
    ["explain", "loss/third_7/lift"],
    ["explain", "loss"],
    ["schema"],
    ["--help"],
    ["completion", "bash"],
    ["new-plugin", "mine"],
]
TYPED = "gankit explain loss/third_2"


def completing(site: Path, folder: Path) -> dict[str, str]:
    """The environment in which the command is asked how TYPED can go on."""
    return {
        **{"COMP_LINE": TYPED, "COMP_POINT": str(len(TYPED)), "_ARGCOMPLETE": "1", "_ARGCOMPLETE_SHELL": "bash"},
        **{"_ARGCOMPLETE_STDOUT_FILENAME": str(folder / "answer")},
    }


def answered(arguments: list[str], site: Path, folder: Path) -> str:
    """What a command says, if it goes well and imports nothing heavy."""
    typing = completing(site, folder) if not arguments else {}
    command = [sys.executable, "-c", ANSWER, *arguments]
    environment = {**os.environ, **typing, "PYTHONPATH": str(site)}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "", "imports"
    return done.stdout


@pytest.mark.parametrize(
    "arguments",
    slow_but([[]], [*COMMANDS, []]),
    ids=lambda words: " ".join(words) or "completion",
)
def test_what_there_is_is_told_without_importing_anything_heavy(
    arguments: list[str], site: Path, tmp_path: Path
) -> None:
    said = answered(arguments, site, tmp_path)
    if arguments in (["plugins"], ["schema"]):
        assert all(f"third_{number}/lift" in said for number in range(PLUGINS))


def test_none_of_them_imports_anything_heavy_in_turn(site: Path, tmp_path: Path) -> None:
    """All in one process, which takes a fraction of the time of one for each."""
    in_turn = f"for sys.argv[1:] in {COMMANDS}:\n    " + "\n    ".join(ANSWER_ONE.splitlines())
    command = [sys.executable, "-c", f"{PREPARE}{in_turn}\n{REPORT}"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert all(done.stdout.count(f"third_{number}/lift") >= 2 for number in range(PLUGINS))


def test_a_plugin_that_fails_is_named_and_in_nobodys_way(tmp_path: Path) -> None:
    install(tmp_path, "broken", "broken", "import gankit\n\n\nraise RuntimeError('no luck')\n")
    install(tmp_path, "newer", "newer", LIFT, requires="gankit>=99")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert gankit(["validate", QUICKSTART], tmp_path, environment).returncode == 0
    for loss, reason in {
        "broken/lift": "Plugin 'broken' failed to load: broken.py:4: RuntimeError: no luck.",
        "newer/lift": "Plugin 'newer' failed to load: newer 1.0 asks for gankit>=99, but this is gankit ",
    }.items():
        refused = gankit(["validate", QUICKSTART, "--set", f"loss={loss}"], tmp_path, environment)
        assert refused.returncode == 2
        assert f"--set loss={loss}: loss: no loss is called '{loss}'" in refused.stderr
        assert reason in refused.stderr
    restricted = {**environment, "GANKIT_PLUGINS": "broken"}
    refused = gankit(["validate", QUICKSTART, "--set", "loss=newer/lift"], tmp_path, restricted)
    assert "Plugin 'newer' is left out, as GANKIT_PLUGINS does not name it" in refused.stderr


@pytest.mark.slow  # alone: beside other work every process takes longer
@pytest.mark.parametrize("arguments", [*COMMANDS, []], ids=lambda words: " ".join(words) or "completion")
def test_what_there_is_is_told_at_once(arguments: list[str], site: Path, tmp_path: Path) -> None:
    took, yardsticks = [], []
    for attempt in range(5):
        (folder := tmp_path / str(attempt)).mkdir()
        took.append(seconds(lambda folder=folder: answered(arguments, site, folder)))
        yardsticks.append(seconds(lambda: subprocess.run([sys.executable, "-c", YARDSTICK], check=True)))
    pace = f"{median(took) / median(yardsticks):.1f} times importing pydantic, {median(yardsticks):.2f} s"
    print(f"{' '.join(arguments) or 'completion'}: {min(took):.2f} s, median {median(took):.2f} s, {pace}")
    assert median(took) < max(SECONDS, YARDSTICKS * median(yardsticks)), took


def seconds(of: Callable[[], object]) -> float:
    """How long something takes."""
    since = time.perf_counter()
    of()
    return time.perf_counter() - since
