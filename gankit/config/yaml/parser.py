"""Strict YAML in which every value knows where it stands.

Scalars follow the core schema of YAML 1.2: `1e-3` is a number, `on` and `1:30` are text. Keys are text or whole
numbers and stand once in their mapping. What an experiment has no use for is refused: tags, several documents, deep
nesting, files and aliases that grow beyond reason.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from yaml import events

from gankit.config.yaml.marks import Mark, mistake_at
from gankit.config.yaml.nodes import Item, Items, Key, Node, Scalar, Table, below, described, resolve_scalar
from gankit.core.errors import UserError
from gankit.core.files import refuse_irregular
from gankit.core.text import LONGEST_MESSAGE, printable, shortened

MOST_BYTES = 64 * 1024
"""Of one file: forty times as much as any that is known."""

MOST_VALUES = 3_000
"""Names and values of one file or setting; those of aliases count as often as they are used."""

RECORD = 16
"""As many times as much may stand in what is recorded of a study, with the experiments of all its variants."""

PIPED = re.compile("/dev/(stdin|fd/[0-9]+)")
"""What this process was handed open, as the shell's `<(...)` is, and may be read although it is a pipe."""

DEEPEST = 64
"""Lists and mappings inside one another, which are walked by functions that call themselves."""


def read_text(path: Path, name: str, named_at: Mark | None = None, room: int = 1) -> str:
    """The text of a file that the user calls `name`, or that an experiment which extends it names at some place.

    It may be `room` times as large as a file that somebody writes.

    Raises:
        UserError: if there is no such file, or it is too long, no regular file or no UTF-8.
    """
    try:
        if named_at is not None or not PIPED.fullmatch(name):
            refuse_irregular(path)
        with path.open("rb") as file:
            content = file.read(room * MOST_BYTES + 1)
    except FileNotFoundError:
        raise unreadable(f"{name}: no such file", named_at) from None
    except IsADirectoryError:
        raise unreadable(f"{name}: is a folder, not an experiment file", named_at) from None
    except (OSError, ValueError) as failure:  # ValueError: a NUL in the path
        reason = getattr(failure, "strerror", None) or failure
        raise unreadable(f"{name}: cannot be read: {reason}", named_at) from None
    if len(content) > room * MOST_BYTES:
        raise unreadable(f"{name}: is larger than {room * MOST_BYTES // 1024} KiB; no experiment is", named_at)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = content.count(b"\n", 0, failure.start) + 1
        raise unreadable(f"{name}: is not UTF-8 text (line {line}); save it as UTF-8", named_at) from None


def mapping(text: str, name: str, named_at: Mark | None = None, room: int = 1) -> Table:
    """The mapping that the `text` of a file holds; marks call the file `name`, and `room` is as for `read_text`.

    Raises:
        UserError: if it holds anything else.
    """
    node = parse(text, name, room=room)
    if node is None:
        raise unreadable(f"{name}: is empty", named_at)
    if not isinstance(node, Table):
        raise mistake_at(node.mark, f"expected options, such as 'name: my-run', not {described(node)}")
    return node


def unreadable(message: str, named_at: Mark | None) -> UserError:
    """An error about a whole file, shown where the file is named if an experiment extends it."""
    if named_at is None:
        return UserError(printable(shortened(message, LONGEST_MESSAGE)))
    return mistake_at(named_at, message, ("extends",))


@lru_cache(maxsize=128)
def parse(text: str, name: str, has_lines: bool = True, room: int = 1) -> Node | None:
    """The value that `text`, which marks call `name`, holds; None if it holds nothing or null.

    Without lines every value gets the same mark, without position: for a setting of the command line. Nodes are never
    changed, so the files that all runs of a study extend are parsed once.

    Raises:
        UserError: if it is no strict YAML, with position.
    """
    return _Composer(text, name, has_lines, room * MOST_VALUES).compose()


BREAKS = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line in the eyes of PyYAML."""

HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Half of a character, which no text holds but an escape can name; but those by which Python writes the bytes of a path
that is no UTF-8 (PEP 383) are read, as runs record them so."""


class _Composer:
    """Turns the events of PyYAML's parser into nodes."""

    def __init__(self, text: str, name: str, has_lines: bool, most: int) -> None:
        self.text, self.name, self.has_lines, self.most = text, name, has_lines, most
        self.lines = BREAKS.split(text)
        self.anchors: dict[str, Node | None] = {}
        self.values = 0  # so far, aliases as often as they are used
        self.open: list[Mark] = []  # the brackets that are not closed yet

    def compose(self) -> Node | None:
        """The only document of the stream."""
        try:
            self.parser: Any = yaml.SafeLoader(self.text)
            self.next()  # the stream begins
            if isinstance(self.next(), events.StreamEndEvent):
                return None
            node = self.node(self.next(), at_depth=0)
            self.next()  # the document ends
            after = self.next()
            if isinstance(after, events.DocumentStartEvent):
                raise mistake_at(self.mark(after.start_mark), "a second document begins here; an experiment is one")
        except yaml.reader.ReaderError as failure:
            raise mistake_at(self.mark_at(failure.position), "a character that YAML does not allow") from None
        except yaml.MarkedYAMLError as failure:
            raise self.syntax_error(failure) from None
        except (ValueError, OverflowError):  # which PyYAML lets through from chr() and int()
            raise mistake_at(self.mark(self.parser.get_mark()), "a number or an escape out of range") from None
        return None if isinstance(node, Scalar) and node.value is None else node

    def next(self) -> Any:
        """The next event of the stream."""
        return self.parser.get_event()

    def node(self, event: Any, at_depth: int, key: Mark | None = None) -> Node:
        """The value that begins with `event`, under `key` if it stands in a mapping."""
        mark = self.mark(event.start_mark)
        if isinstance(event, events.AliasEvent):
            return self.alias(event.anchor, mark, at_depth)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise mistake_at(mark, f"tags such as {tag} are not allowed")
        self.count(mark, at_depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        if isinstance(event, events.ScalarEvent):
            is_left_out = event.style is None and not event.value
            node = Scalar(key if key and is_left_out else mark, self.scalar(event, mark))
        else:
            start = mark if key is None or event.flow_style else key
            self.open += [mark] if event.flow_style else []
            is_list = isinstance(event, events.SequenceStartEvent)
            node = self.list_at(start, at_depth) if is_list else self.mapping_at(start, at_depth)
            self.open = self.open[:-1] if event.flow_style else self.open
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def count(self, mark: Mark, at_depth: int, node: Node | None = None) -> None:
        """Count the value at `mark`, and all in it if it is a `node` that is repeated; refuse what is too much."""
        self.values += 1
        if self.values > self.most:
            raise mistake_at(mark, f"more than {self.most:,} names and values up to here, which no experiment has")
        if at_depth > DEEPEST:
            raise mistake_at(mark, f"nested more than {DEEPEST} deep")
        for repeated in below(node) if node else ():
            self.count(mark, at_depth + 1, repeated)

    def alias(self, anchor: str, mark: Mark, at_depth: int) -> Node:
        """The value that was marked &anchor."""
        if anchor not in self.anchors:
            raise mistake_at(mark, f"nothing before this is marked &{anchor}")
        node = self.anchors[anchor]
        if node is None:
            raise mistake_at(mark, f"*{anchor} stands inside the value that it repeats")
        self.count(mark, at_depth, node)
        return node

    def list_at(self, mark: Mark, at_depth: int) -> Items:
        """The list whose start was just read."""
        nodes: list[Node] = []
        while not isinstance(event := self.next(), events.SequenceEndEvent):
            nodes.append(self.node(event, at_depth + 1))
        return Items(mark, nodes)

    def mapping_at(self, mark: Mark, at_depth: int) -> Table:
        """The mapping whose start was just read; what `<<` brings in gives way to what is written out."""
        entries: dict[Key, Item] = {}
        merged: dict[Key, Item] = {}
        while not isinstance(event := self.next(), events.MappingEndEvent):
            at = self.mark(event.start_mark)
            if isinstance(event, events.ScalarEvent) and event.style is None and event.value == "<<":
                self.merge(merged, self.node(self.next(), at_depth + 1, at))
                continue
            key = self.key(self.node(event, at_depth + 1), at)
            if key in entries:
                first = f", first in line {entries[key].key.line}" if self.has_lines else ""
                raise mistake_at(at, f"{key!r} stands twice in this mapping{first}")
            entries[key] = Item(at, self.node(self.next(), at_depth + 1, at))
        return Table(mark, {**merged, **entries})

    def merge(self, merged: dict[Key, Item], node: Node) -> None:
        """Take in what stands after `<<`: a mapping, or a list of mappings of which the first counts most."""
        for source in node.items if isinstance(node, Items) else [node]:
            if not isinstance(source, Table):
                raise mistake_at(node.mark, f"expected a mapping after '<<', not {described(source)}")
            for key, entry in source.entries.items():
                merged.setdefault(key, entry)

    def key(self, node: Node, mark: Mark) -> Key:
        """A key as text or whole number."""
        if isinstance(node, Scalar) and isinstance(node.value, str | int) and not isinstance(node.value, bool):
            return node.value
        shown = str(node.value).lower() if isinstance(node, Scalar) else described(node)
        raise mistake_at(mark, f"expected a name or a whole number before ':', not {shown.replace('none', 'null')}")

    def scalar(self, event: Any, mark: Mark) -> str | int | float | bool | None:
        """The value of a scalar; in quotes it is text."""
        if half := HALF.search(event.value):
            raise mistake_at(mark, f"\\u{ord(half[0]):x} is half of a character")
        if event.style is not None:
            return event.value
        try:
            return resolve_scalar(event.value)
        except ValueError:
            raise mistake_at(mark, "a number of too many digits") from None

    def mark(self, mark: yaml.Mark) -> Mark:
        """PyYAML's mark as ours."""
        if not self.has_lines:
            return Mark(self.name)
        text = self.lines[mark.line] if mark.line < len(self.lines) else ""
        return Mark(self.name, mark.line + 1, mark.column + 1, text)

    def mark_at(self, position: int) -> Mark:
        """The mark of the character at `position` of the text."""
        before = BREAKS.split(self.text[:position])
        return self.mark(yaml.Mark(self.name, position, len(before) - 1, len(before[-1]), None, 0))

    def syntax_error(self, failure: yaml.MarkedYAMLError) -> UserError:
        """What PyYAML has to say, in plainer words where they are obscure."""
        at = failure.problem_mark or failure.context_mark
        mark, problem = self.mark(at) if at else Mark(self.name), failure.problem or "not YAML"
        if self.open and "'<stream end>'" in problem:
            return mistake_at(self.open[-1], "this bracket is never closed")
        for pattern, words in PLAINER:
            problem = re.sub(pattern, words, problem, flags=re.DOTALL)
        if self.open and self.open[-1].line != mark.line:
            problem += f"; the bracket in line {self.open[-1].line} is still open"
        return mistake_at(mark, problem)


PLAINER = (
    (r"found character '\\t' that cannot start any token", "a tab; YAML is indented with spaces"),
    (r"found character (.*) that cannot start any token", r"text that starts with \1 must stand in quotes"),
    (r"mapping values are not allowed here", "no ':' is allowed here; check the indentation, or quote the text"),
    (r"could not find expected ':'", "expected 'name: value'; a ':' is missing near here"),
    (r"expected <block end>, but found .*", "not indented like the lines before it, or a bracket or quote too many"),
    (r"expected ',' or '([]}])', but got .*", r"expected ',' or '\1' here"),
    (r"found unexpected end of stream", "the text in quotes never ends"),
)
"""Messages of PyYAML and what to say instead."""
