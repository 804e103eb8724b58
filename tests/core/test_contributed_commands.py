"""Commands that plugins add: found, listed, and never in the way of others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gankit.cli import main
from gankit.discovery.manager import plugins

GREET = """
from gankit import UserError, hookimpl

def run(arguments):
    if arguments.name == "nobody":
        raise UserError("nobody is here")
    print(f"hello {arguments.name}")
    return 3

@hookimpl
def gankit_add_commands(add):
    parser = add("greet", "say hello, 100% politely")
    parser.add_argument("name")
    parser.add_argument("--loud", action="store_true")
    parser.set_defaults(run=run)
"""
"""A plugin that is one file and has nothing but a command."""


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Loads the text of plugins, as if they were installed."""

    def load(**texts: str) -> None:
        for name, text in texts.items():
            (tmp_path / f"{name}.py").write_text(text)
            plugins.load_file(tmp_path / f"{name}.py")

    with plugins.restored():
        yield load


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command says before it leaves with exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def listed(capsys: pytest.CaptureFixture[str]) -> str:
    """What --help says, on one line."""
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    said, error = capsys.readouterr()
    assert error == ""
    return " ".join(said.split())


def test_a_plugin_adds_a_command(plugin: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    plugin(greeter=GREET)
    assert main(["greet", "world"]) == 3
    assert capsys.readouterr() == ("hello world\n", "")
    assert main(["greet", "nobody"]) == 2
    assert capsys.readouterr() == ("", "nobody is here\n")
    assert "greet say hello, 100% politely" in listed(capsys)
    assert "Did you mean 'greet'?" in refused("gret", capsys=capsys)
    assert "unknown argument '--lou'. Did you mean '--loud'?" in refused("greet", "you", "--lou", capsys=capsys)
    assert main([]) == 2
    assert "greet say hello, 100% politely" in " ".join(capsys.readouterr().err.split())


FAILING = {
    "1 / 0": "ZeroDivisionError: division by zero",
    'add("hello", "h"); add("run", "mine")': "ValueError: there is a command 'run' already",
    'add("hello", "h"); add("hello", "again")': "ValueError: there is a command 'hello' already",
    'add("hello", "h").add_argument("--help")': "ArgumentError: argument --help: conflicting option string",
    'add("Hello", "h")': "ValueError: 'Hello' is no name of a command",
    "raise SystemExit(2)": "SystemExit: 2",
}


@pytest.mark.parametrize("text", FAILING)
def test_a_plugin_that_fails_to_add_its_commands_adds_none_and_disturbs_nobody(
    text: str, plugin: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    plugin(greeter=GREET, bad=f"from gankit import hookimpl\n@hookimpl\ndef gankit_add_commands(add):\n    {text}\n")
    assert main(["greet", "world"]) == 3
    capsys.readouterr()
    reason = f"Plugin 'bad' failed to load: bad.py:4: {FAILING[text]}"
    said = listed(capsys)
    assert reason in said
    assert "greet say hello, 100% politely" in said
    assert "hello h" not in said
    assert reason in refused("hello", capsys=capsys)


def test_a_plugin_that_is_broken_is_named_where_a_command_is_missing(
    plugin: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    plugins.broken["rgan"] = "rgan.py:1: ImportError: no"
    assert "Plugin 'rgan' failed to load: rgan.py:1: ImportError: no." in refused("paint", capsys=capsys)


def test_a_command_of_two_plugins_is_refused_when_it_is_used(
    plugin: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    plugin(one=GREET, two=GREET)
    assert "several plugins provide this command: one, two; uninstall" in refused("greet", "you", capsys=capsys)


def test_a_command_that_does_nothing_says_whose_fault_it_is(
    plugin: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    plugin(idle=GREET.replace("    parser.set_defaults(run=run)\n", ""))
    assert "plugin 'idle' does not say what this does" in refused("greet", "you", capsys=capsys)


@pytest.mark.costly
def test_an_installed_plugin_is_loaded_for_its_command_and_not_for_others(tmp_path: Path) -> None:
    (tmp_path / "greeter.py").write_text(f"print('loaded')\n{GREET}")
    info = tmp_path / "greeter-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gankit.plugins]\ngreeter = greeter\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from gankit.cli import main; sys.exit(main())"
    assert python(code, "greet", "world").stdout == "loaded\nhello world\n"
    others = [["--version"], ["compare", "--help"], ["run"], ["sample", "--nonsense"]]
    in_turn = f"\nfor sys.argv[1:] in {others}:\n    try: main()\n    except SystemExit as end: print('code', end.code)"
    done = python(code.replace("sys.exit(main())", in_turn))
    assert done.stdout.count("code") == len(others), done.stderr
    assert "loaded" not in done.stdout
