"""YAML means what it looks like, and what is wrong with it is said where it stands."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.oddities import merges, tower

from gankit.config.yaml.merge import read_experiment
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.parser import parse
from gankit.core.errors import UserError


def read(text: str) -> Any:
    node = parse(text, "file.yaml")
    return None if node is None else plain_value(node)


def error(text: str) -> str:
    with pytest.raises(UserError) as caught:
        parse(text, "file.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-2.5E+3", -2500.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("12", 12),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("010", 10),
        (".inf", float("inf")),
        ("-.inf", float("-inf")),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("on", "on"),
        ("yes", "yes"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("400_000", "400_000"),
        ("600k", "600k"),
        ("1e", "1e"),
        ("0b11", "0b11"),
        ("nUll", "nUll"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = read(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_text_or_whole_numbers() -> None:
    assert read("{4: a, '8': b, on: c, x: d}") == {4: "a", "8": "b", "on": "c", "x": "d"}
    for key in ("true", "1.5", "~", "[1]", "{a: 1}"):
        assert "expected a name or a whole number before ':'" in error(f"? {key}\n: 1\n")


def test_every_value_knows_where_it_stands() -> None:
    text = "a:\n  b: [1, {c: two}]\n# between\nd: &here\n  - 3\ne: *here\nf:\n"
    node: Any = parse(text, "file.yaml")
    b = node.entries["a"].node.entries["b"]
    assert [str(b.key), str(b.node.mark), str(b.node.items[1].entries["c"].node.mark)] == [
        "file.yaml:2:3",
        "file.yaml:2:6",
        "file.yaml:2:14",
    ]
    assert str(node.entries["a"].node.mark) == "file.yaml:1:1", "what is written below its key begins at the key"
    assert str(node.entries["e"].node.mark) == "file.yaml:4:1", "an alias stands where it was written out"
    assert str(node.entries["f"].node.mark) == "file.yaml:7:1", "what is left out is missing at its key"


def test_aliases_and_merge_keys() -> None:
    text = "base: &base {x: 1, y: 2}\nmore: &more {y: 3, z: 4}\none: {<<: *base, y: 9}\ntwo: {<<: [*base, *more]}\n"
    assert read(text)["one"] == {"x": 1, "y": 9}
    assert read(text)["two"] == {"x": 1, "y": 2, "z": 4}


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 1, "'a' stands twice in this mapping, first in line 1"),
        ("x: {4: 1, 8: 2, 4: 3}", 1, 17, "4 stands twice"),
        ("a: [1, 2\n", 1, 4, "bracket is never closed"),
        ("a: [1, 2\nb: 3\n", 2, 2, "expected ',' or ']' here; the bracket in line 1 is still open"),
        ("a: 'one\n", 2, 1, "text in quotes never ends"),
        ("a:\n\tb: 1\n", 2, 1, "a tab; YAML is indented with spaces"),
        ("a: b: c\n", 1, 5, "no ':' is allowed here"),
        ("a: @b\n", 1, 4, "text that starts with '@' must stand in quotes"),
        ("a:\n  - 1\n b: 2\n", 3, 2, "not indented like the lines before it"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document"),
        ("a: !!python/object:os.system x\n", 1, 4, "tags such as !!python/object:os.system"),
        ("a: &x [1, *x]\n", 1, 11, "*x stands inside the value that it repeats"),
        ("a: *x\n", 1, 4, "nothing before this is marked &x"),
        ("a: \x07\n", 1, 4, "a character that YAML does not allow"),
        ("a: {<<: 3}\n", 1, 9, "expected a mapping after '<<'"),
        ("a: " + "9" * 5000, 1, 4, "a number of too many digits"),
        ("a: 0x" + "f" * 5000, 1, 4, "a number of too many digits"),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1\n", 1, 9, "a number or an escape out of range"),
        ('a: "\\U00110000"\n', 1, 7, "a number or an escape out of range"),
        ('a: "\\Uffffffff"\n', 1, 7, "a number or an escape out of range"),
        ('a: "\\ud83d\\ude00"\n', 1, 4, "\\ud83d is half of a character"),
    ],
)
def test_errors_have_a_position_and_show_the_line(text: str, line: int, column: int, message: str) -> None:
    found = error(text)
    assert found.startswith(f"file.yaml:{line}:{column}: "), found
    assert message in found
    if column > 1:
        shown, caret = found.splitlines()[1:]
        assert len(shown) < 130
        assert caret.strip() == "^"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * 5000, id="lists"),
        pytest.param("a: " + "{a: " * 5000, id="mappings"),
        pytest.param("a: " + "- " * 5000, id="dashes"),
        pytest.param("\n".join(" " * depth + "a:" for depth in range(600)), id="blocks"),
        pytest.param("a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "\n".join(
            f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)
        ), id="billion laughs"),
        pytest.param("x: [" + "1," * 20_000 + "1]", id="many values"),
        pytest.param(tower(9), id="aliases that stand ever deeper"),
        pytest.param(merges(1000, 10_000), id="one mapping merged again and again"),
    ],
)  # fmt: skip
def test_what_would_take_forever_is_refused_at_once(text: str) -> None:
    started = time.process_time()
    assert error(text).startswith("file.yaml:")
    assert time.process_time() - started < 3


def test_files_that_are_no_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def refusal(content: bytes | None) -> str:
        file = tmp_path / "file.yaml"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(UserError) as caught:
            read_experiment(Path("file.yaml"))
        return str(caught.value)

    assert refusal(None) == "file.yaml: no such file"
    assert refusal(b"") == refusal(b"# nothing\n") == refusal(b"---\n") == "file.yaml: is empty"
    assert refusal(b"- 1\n").startswith("file.yaml:1:1: expected options, such as 'name: my-run', not a list")
    assert (
        refusal(b"text")
        == "file.yaml:1:1: expected options, such as 'name: my-run', not a single value\n    text\n    ^"
    )
    assert refusal("a: ü".encode("utf-16")) == "file.yaml: is not UTF-8 text (line 1); save it as UTF-8"
    assert refusal(b"a: 1\nb: \xfc\n") == "file.yaml: is not UTF-8 text (line 2); save it as UTF-8"
    assert refusal(b"a: " + b"x" * 2_000_000) == "file.yaml: is larger than 64 KiB; no experiment is"
    with pytest.raises(UserError, match="is a folder"):
        read_experiment(tmp_path)
    for odd in ("x" * 5000, "a\0b", "a\n\x1b[31mb"):
        with pytest.raises(UserError) as caught:
            read_experiment(Path(odd))
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) <= 500


def test_a_byte_order_mark_and_windows_lines_are_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    node = read_experiment(tmp_path / "file.yaml")
    assert plain_value(node) == {"a": 1, "b": 2}
    assert node.entries["b"].key == (str(tmp_path / "file.yaml"), 2, 1, "b: 2")


@given(st.text(alphabet="ab1:-[]{},&*!|>'\"%@#\n\t ?<.~", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UserError):
        parse(text, "file.yaml")
