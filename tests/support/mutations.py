"""Experiment files gone wrong: the bundled ones changed in many ways, and bytes that never were one."""

# ruff: noqa: SIM905 -- such lists are read best as words
from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import yaml
from hypothesis import strategies as st
from support.oddities import (
    BUNDLED,
    CODECS,
    KEYS,
    LARGE,
    NUMBERS,
    ODD,
    PATHS,
    PIECES,
    PLUGINS,
    TEXTS,
    WHOLE,
    among,
    bomb,
    merges,
    tower,
)

from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.parser import parse
from gankit.config.yaml.writer import inline

Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]


@dataclass
class Attempt:
    """What is given to the command."""

    content: bytes
    """Of the file."""
    arguments: list[str]
    """What stands after the file's name."""

    def __repr__(self) -> str:
        """Cut, as a megabyte tells nobody anything; the file of a failing test is left where it was."""
        return f"Attempt({self.content[:2000]!r}, {[argument[:200] for argument in self.arguments]!r})"


# --- changes of text --------------------------------------------------------------------------------------------------

VALUE = re.compile(r"(?<=[:,] )[^\s,\[\]{}:#]+|(?<=\[)[^\s,\[\]{}:#]+")
KEY = re.compile(r"[A-Za-z_]\w*(?=:)|\d+(?=: )")


def _lines(draw: Draw, text: str) -> str:
    """Some lines deleted, repeated, moved, or indented otherwise."""
    lines = text.split("\n")
    start = draw(st.integers(0, len(lines) - 1))
    end = draw(st.integers(start + 1, min(start + 4, len(lines))))
    before, some, after = lines[:start], lines[start:end], lines[end:]
    how = draw(among(["delete", "repeat", "move", " ", "    ", "\t", "outdent"]))
    if how in ("delete", "move"):
        rest = before + after
        at = draw(st.integers(0, len(rest)))
        return "\n".join(rest if how == "delete" else rest[:at] + some + rest[at:])
    if how == "repeat":
        return "\n".join(before + some * draw(among([2, 3, 50])) + after)
    return "\n".join(before + [line.lstrip() if how == "outdent" else how + line for line in some] + after)


def _characters(draw: Draw, text: str) -> str:
    """A few characters replaced by a piece of YAML, a control character, or nothing."""
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(start + 8, len(text))))
    return text[:start] + draw(among(PIECES)) + text[end:]


def _odd(pattern: re.Pattern[str], new: st.SearchStrategy[str], draw: Draw, text: str) -> str:
    """A key or a value replaced."""
    if not (found := list(pattern.finditer(text))):
        return text
    match = draw(among(found))
    return text[: match.start()] + draw(new) + text[match.end() :]


def _misspelled(draw: Draw, text: str) -> str:
    """A key or a value with a character less, or one twice."""
    if not (found := [*KEY.finditer(text), *VALUE.finditer(text)]):
        return text
    match = draw(among(found))
    at = draw(st.integers(match.start(), match.end() - 1))
    return text[:at] + draw(among(["", text[at] * 2])) + text[at + 1 :]


def _spliced(draw: Draw, text: str) -> str:
    """The first lines of one file and the last of another."""
    first, last = text.split("\n"), draw(among(list(BUNDLED.values()))).split("\n")
    return "\n".join(first[: draw(st.integers(0, len(first)))] + last[draw(st.integers(0, len(last))) :])


def _aliased(draw: Draw, text: str) -> str:
    """One value marked, and used in place of another."""
    found = list(VALUE.finditer(text))
    if len(found) < 2:
        return text
    one, other = sorted(draw(st.lists(st.integers(0, len(found) - 1), min_size=2, max_size=2, unique=True)))
    marked, replaced = found[one], found[other]
    between = text[marked.start() : replaced.start()]
    return f"{text[: marked.start()]}&a {between}*a{text[replaced.end() :]}"


LINES = st.one_of(
    st.builds("extends: {}\n".format, ODD | among(PATHS)),
    st.builds("extends: [{}, {}]\n".format, among(PATHS), among(PATHS)),
    st.builds("plugins: [{}, {}]\n".format, among(PLUGINS), among(PLUGINS)),
    st.builds("{}: {}\n".format, among(KEYS), ODD),
    st.builds("data: {{use: folder, labels: true, path: {}}}\n".format, among(PATHS)),
    st.builds(bomb, among([2, 5, 30]), among([2, 10, 100]), st.booleans()),
    st.builds(merges, among([2, 900, 1400]), among([1, 900, 9000])),
    st.builds(tower, among([1, 2, 10])),
)


def _longer(draw: Draw, text: str) -> str:
    """With something before it or after it that extends, loads plugins, or grows beyond measure."""
    line = draw(LINES)
    key = re.escape(line.partition(":")[0])
    return draw(among([line + text, text + line, re.sub(rf"(?m)^{key}:.*\n", "", text) + line]))


CHANGES = [
    *(_lines, _lines, _characters, _characters, _misspelled, _spliced, _aliased, _longer),
    *[partial(_odd, VALUE, ODD)] * 4,
    *[partial(_odd, KEY, among(KEYS))] * 2,
]

# --- changes of what the text means -----------------------------------------------------------------------------------


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every mapping or list in `value` with each of its keys or positions."""
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)


TREES = [plain_value(node) for name, text in BUNDLED.items() if (node := parse(text, name))]
PARTS = [(key, parent[key]) for tree in TREES for parent, key in _places(tree)]
ALIKE: dict[Any, list[Any]] = {}
for name, part in PARTS:
    ALIKE.setdefault(name, []).append(part)


def _exchanged(draw: Draw, tree: Any) -> None:
    """One value removed, wrapped, repeated, or replaced by one of any bundled experiment, mostly of the same name."""
    parent, key = draw(among(list(_places(tree)) or [({None: 1}, None)]))
    value = parent.pop(key)
    how = draw(among([*["alike"] * 8, "any", "any", "remove", "list", "table", "repeat", "rename"]))
    if how == "remove":
        return
    new = {"list": [value], "table": {8: value}, "repeat": [value] * 3, "rename": value}
    others = ALIKE.get(key, [value]) if how == "alike" else [part for _, part in PARTS]
    value = new[how] if how in new else copy.deepcopy(draw(among(others)))
    if isinstance(parent, list):
        parent.insert(key, value)
    else:
        parent[draw(among(["use", "weight", 4, 8])) if how == "rename" else key] = value


class _Dumper(yaml.SafeDumper):
    """Repeats equal values instead of aliasing them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@st.composite
def texts(draw: Draw) -> str:
    """A bundled experiment in which one to four things are changed."""
    text = draw(among(list(BUNDLED.values())))
    in_tree, in_text = draw(among([(1, 0), (2, 0), (4, 0), (0, 1), (0, 1), (0, 2), (0, 3), (1, 1), (2, 2)]))
    if in_tree:
        tree = copy.deepcopy(draw(among(TREES)))
        for _ in range(in_tree):
            _exchanged(draw, tree)
        text = yaml.dump(tree, Dumper=_Dumper, sort_keys=False)
    for _ in range(in_text):
        text = draw(among(CHANGES))(draw, text)
    return text


def each_oddity() -> Iterator[bytes]:
    """A valid experiment with one odd thing in it, for every odd thing and several places, and every odd whole file."""
    text = BUNDLED["quickstart.yaml"]
    yield from (whole.encode() for whole in WHOLE)
    for value in [*NUMBERS, *TEXTS, *LARGE]:
        yield f"{text}seed: {value}\n".encode()
        yield text.replace("images: {4: 8k", f"images: {{4: {value}").encode()
    for path in PATHS[len(BUNDLED) :]:  # they begin with the bundled ones, which are not odd
        yield text.replace("data: digits", f"data: {{use: folder, path: {path}}}").encode()
        yield f"extends: {path}\n{text}".encode()
    for path in PLUGINS:
        yield f"plugins: [{path}]\n{text}".encode()
    for key in KEYS:
        yield f"{text}{key}: 1\n".encode()
        yield text.replace("batch: 32", f"batch: {{{key}: 32}}").encode()
    for piece in PIECES:
        yield f"{piece}{text}".encode()
        yield text.replace("use: adam", f"use: a{piece}dam").encode()
    for codec in CODECS:
        yield text.encode(codec)


# --- whole files and commands -----------------------------------------------------------------------------------------


@st.composite
def contents(draw: Draw) -> bytes:
    """A file: mostly text, as what cannot be decoded is all refused in the same way."""
    how = draw(among([*["text"] * 16, "encoded", "damaged", "whole", "bytes"]))
    if how == "bytes":
        return draw(st.binary(max_size=200))
    if how == "whole":
        return draw(among(WHOLE)).encode()
    text = draw(texts())
    if how == "text":
        return text.encode("utf-8", "surrogatepass")
    content = text.encode(draw(among(CODECS)) if how == "encoded" else "utf-8", "replace")
    at = draw(st.integers(0, len(content)))
    return content[:at] + (draw(st.binary(max_size=4)) if how == "damaged" else b"") + content[at:]


PATHS_OF_OPTIONS = [
    *"seed name loss loss.use data data.path growth growth.final growth.images growth.images.8 generator.norm".split(),
    *"generator.norm.0 generator.block.8 generator.block.8.0.use generator.channels.4 regularizers".split(),
    *"regularizers.0 regularizers.0.weight regularizers.-1 training.batch training.optimizer.lr".split(),
    *"training.optimizer.generator observers.0 evaluation.metrics plugins plugins.0 extends".split(),
    *(
        "<<",
        ".",
        "a..b",
        "0",
        "-1",
        "true",
        "'seed'",
        "",
        " seed ",
        "9" * 5000,
        "a." * 5000 + "a",
        "k" * 9000,
        "s\0d",
        "\ud800",
    ),
]
ARGUMENTS = [*"--set --sett -h -- @file --set=seed=1 more".split(), "-x" + "y" * 5000, "\ud800", "\0", "x" * 100_000]


@st.composite
def arguments(draw: Draw) -> list[str]:
    """One option of the command, mostly a wrong one."""
    how = draw(among(["bundled", "bundled", "odd", "odd", "text", "plugin", "argument", "many"]))
    if how == "bundled":
        key, value = draw(among([part for part in PARTS if isinstance(part[0], str)]))
        paths = [path for path in PATHS_OF_OPTIONS if path.endswith(key)] or [f"training.{key}"]
        return ["--set", f"{draw(among(paths))}={inline(value)}"]
    if how == "odd":
        return ["--set", f"{draw(among(PATHS_OF_OPTIONS))}={draw(ODD)}"]
    if how == "text":
        return ["--set", draw(st.text(max_size=20))]
    if how == "plugin":
        return ["--plugin", draw(among([*PLUGINS, *PATHS, "\0.py"]))]
    return [draw(among(ARGUMENTS))] if how == "argument" else ["--set", draw(among(["seed=1", "a.b=[1]"]))] * 1000


@st.composite
def attempts(draw: Draw) -> Attempt:
    """A file, and in a quarter of all cases arguments."""
    several = draw(among([0, 0, 0, 0, 0, 0, 1, 2]))
    return Attempt(draw(contents()), [part for _ in range(several) for part in draw(arguments())])
