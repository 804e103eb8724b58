"""The command: what it prints, how it ends, and that reading an experiment stays light."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from select import select

import pytest
import yaml
from support.command import QUICKSTART
from support.lift import PLUGIN
from support.toys import EXPERIMENT, only_toys

from gankit.cli import COMMANDS, main
from gankit.config.loader import bundled_experiment
from gankit.core.errors import UserError
from gankit.discovery.manager import plugins


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which holds a toy experiment; nothing but toys is registered."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    (tmp_path / "file.py").write_text(PLUGIN)
    return tmp_path


def python(code: str, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


MAIN = "import sys; from gankit.cli import main; sys.exit(main())"


def test_validate_says_what_it_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with only_toys():
        assert main(["validate", "experiment.yaml"]) == 0
        assert capsys.readouterr() == (
            "toy: valid; 3 stages (4x4, 8x8, 16x16) of 3,000 images in all; plugins toys\n",
            "",
        )
        assert (
            main(["validate", "experiment.yaml", "--plugin", "file.py", "--set", "loss=lift", "--set", "name=new"]) == 0
        )
        assert capsys.readouterr().out.endswith("plugins file, toys\n")


def test_validate_fails_with_exit_code_2_and_no_traceback(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with only_toys():
        assert main(["validate", "experiment.yaml", "--set", "seed=x"]) == 2
        assert capsys.readouterr() == ("", "--set seed=x: seed: expected a whole number, not 'x'\n")
        assert main(["validate", "missing.yaml"]) == 2
        assert capsys.readouterr() == ("", "missing.yaml: no such file\n")
        assert main(["validate", "experiment.yaml", "--plugin", "missing.py"]) == 2
        assert capsys.readouterr() == ("", "missing.py: no such file\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["valdate", "x.yaml"], "there is no command 'valdate'. Did you mean 'validate'?"),
        (["frobnicate"], "there is no command 'frobnicate'."),
        (["validate"], "FILE"),
        (["validate", "x.yaml", "--sett", "a=1"], "unknown argument '--sett'. Did you mean '--set'?"),
        (["validate", "x.yaml", "--plugins=x"], "unknown argument '--plugins=x'. Did you mean '--plugin'?"),
        (["validate", "x.yaml", "y.yaml"], "unknown argument 'y.yaml'."),
        (["--verson"], "unknown argument '--verson'. Did you mean '--version'?"),
        (["plugins", "--jso"], "unknown argument '--jso'. Did you mean '--json'?"),
        (["validate", "x.yaml", "--set"], "expected one argument"),
    ],
)
def test_mistyped_commands(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_help_lists_the_commands_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]
    assert [word for word in listed if word in COMMANDS] == list(COMMANDS)
    for command in COMMANDS:
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0
        assert f"usage: gankit {command}" in capsys.readouterr().out


def test_without_a_command_help_is_what_was_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: gankit [-h]")
    assert all(f"\n    {command}" in printed.err for command in COMMANDS)


@pytest.mark.parametrize(
    ("asked", "same"), [(["help"], ["--help"]), (["help", "run"], ["run", "--help"]), (["help", "ui"], ["ui", "-h"])]
)
def test_help_may_be_asked_for_by_name(asked: list[str], same: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for arguments in (asked, same):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"gankit {version('gankit')}\n"


def test_plugins_lists_every_component_and_what_failed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with plugins.restored():
        plugins.broken["rgan"] = "rgan.py:1: ImportError: no"
        assert main(["plugins", "--plugin", "file.py"]) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert lines[0] == ["KIND", "NAME", "FROM"]
        assert ["loss", "wgan/wgan", "gankit", version("gankit")] in lines
        assert ["loss", "file/lift", str(folder / "file.py")] in lines, "paths are not cut short"
        assert " ".join(lines[-1]) == "Plugin 'rgan' failed to load: rgan.py:1: ImportError: no"
        assert main(["plugins", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
    assert found["broken"] == {"rgan": "rgan.py:1: ImportError: no"}
    assert len(found["components"]) == len(lines) - 2
    (wgan,) = [component for component in found["components"] if component["name"] == "wgan/wgan"]
    assert {key: wgan[key] for key in ("kind", "plugin", "distribution", "version")} == {
        "kind": "loss",
        "plugin": "wgan",
        "distribution": "gankit",
        "version": version("gankit"),
    }


def test_schema_prints_json_with_the_plugin_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with plugins.restored():
        assert main(["schema", "--plugin", "file.py"]) == 0
    assert json.loads(capsys.readouterr().out)["$defs"]["loss.file.lift"]["description"] == "Lifts."


def test_init_writes_the_quick_start_and_overwrites_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    written = (folder / "quickstart.yaml").read_bytes()
    assert written == QUICKSTART.read_bytes()
    assert main(["validate", "quickstart.yaml"]) == 0
    (folder / "quickstart.yaml").write_text("mine")
    capsys.readouterr()
    assert main(["init"]) == 2
    assert capsys.readouterr() == ("", "quickstart.yaml: exists already, and is left as it is\n")
    assert (folder / "quickstart.yaml").read_text() == "mine"


def test_init_writes_all_experiments_on_request(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = {file.relative_to(QUICKSTART.parent): file.read_bytes() for file in QUICKSTART.parent.rglob("*.yaml")}
    assert main(["init", "--all"]) == 0
    written = {file.relative_to(folder / "experiments"): file for file in (folder / "experiments").rglob("*.yaml")}
    assert {path: file.read_bytes() for path, file in written.items()} == there
    assert main(["validate", "experiments/studies/losses-digits.yaml"]) == 0
    (folder / "experiments" / "quickstart.yaml").write_text("mine")
    capsys.readouterr()
    assert main(["init", "--all"]) == 2
    assert capsys.readouterr() == ("", "experiments: exists already, and is left as it is\n")
    assert (folder / "experiments" / "quickstart.yaml").read_text() == "mine"


def test_bundled_experiments_are_found_by_name() -> None:
    assert yaml.safe_load(bundled_experiment("quickstart").read_text())["name"] == "quickstart"
    with pytest.raises(UserError, match=r"no experiment called 'quikstart' .* Did you mean 'quickstart'\?"):
        bundled_experiment("quikstart")


def test_what_trains_nothing_imports_no_torch(tmp_path: Path) -> None:
    heavy = ("torch", "torchvision", "aim", "numpy", "scipy", "sklearn", "PIL")
    commands = [
        ["--help"],
        ["--version"],
        *([command, "--help"] for command in COMMANDS),
        ["validate", str(QUICKSTART)],
        ["plugins"],
        ["explain", "growth"],
        ["schema"],
        ["extractor", "train", "--help"],
    ]
    code = f"""
import sys
from gankit.cli import main
for arguments in {commands}:  # in one process, as to start one for each takes long
    try:
        code = main(arguments)
    except SystemExit as leaving:
        code = leaving.code
    imported = [name for name in {heavy!r} if name in sys.modules]
    if code or imported:
        sys.exit(f"{{arguments}} ends with {{code}} and imports {{imported}}")
"""
    done = python(code, folder=tmp_path)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_a_reader_that_has_had_enough_hears_no_complaint() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_an_interrupt_ends_with_exit_code_130(folder: Path) -> None:
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # ignored by jobs in background
    with subprocess.Popen(
        [sys.executable, "-c", f"{heeding}; {MAIN}", "validate", "/dev/stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        full = fcntl.fcntl(process.stdin, fcntl.F_SETPIPE_SZ, 4096)
        os.write(process.stdin.fileno(), b" " * full)
        select([], [process.stdin], [])  # there is room again once the command reads, which waits for more
        while process.poll() is None:  # one that comes just before Python reads on is heeded after that alone
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
        assert process.stderr.read() == b""
    assert process.returncode == 130


def test_the_installed_command_is_this_one() -> None:
    command = Path(sys.executable).with_name("gankit")
    done = subprocess.run([command, "validate", QUICKSTART], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("quickstart: valid; 3 stages (4x4, 8x8, 16x16)")
