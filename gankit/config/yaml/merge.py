"""One experiment out of several sources: `extends` and `--set`.

What merges how is decided from the data alone: mappings merge, all else is replaced. A component is recognised by its
`use`; a bare name is short for {use: name}.
"""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path

from gankit.config.yaml.marks import Mark, mistake_at
from gankit.config.yaml.nodes import Item, Items, Key, Node, Scalar, Table, resolve_scalar
from gankit.config.yaml.parser import DEEPEST, mapping, parse, read_text, unreadable
from gankit.core.tables import is_glued


def read_experiment(path: Path, settings: Sequence[str] = (), room: int = 1) -> Table:
    """The experiment in `path` with what it extends, changed by `settings` of the form a.b=value.

    A file may be `room` times as large as one that somebody writes.

    Raises:
        UserError: if a file or a setting cannot be read, or files extend one another in a circle.
    """
    return with_settings(Reader(room).read(path, str(path)), settings)


def extended(own: Table, path: Path) -> Table:
    """The mapping `own`, which would stand in the file `path`, written over what it extends.

    Raises:
        UserError: as for `read_experiment`.
    """
    return Reader().extended(own, (os.path.realpath(path),))


def with_settings(root: Node, settings: Sequence[str]) -> Table:
    """What `root`, a mapping, becomes by changes of the form a.b=value, applied in order.

    Raises:
        UserError: if one cannot be read.
    """
    for setting in settings:
        root = _set(root, setting)
    assert isinstance(root, Table)  # a setting has at least one key, so it changes a mapping into a mapping
    return root


def merge(base: Node, change: Node) -> Node:
    """What `base` becomes when `change` is written over it."""
    if not isinstance(change, Table):
        return base if _is_same_component(base, change) else change
    if any(isinstance(key, int) or is_glued(key) for key in change.entries):
        if not isinstance(base, Table) or not any(isinstance(key, int) for key in base.entries):
            return change
    elif isinstance(base, Scalar) and isinstance(base.value, str) and "use" not in change.entries:
        base = Table(base.mark, {"use": Item(base.mark, base)})
    elif not isinstance(base, Table) or any(isinstance(key, int) for key in base.entries):
        return change
    if "use" in change.entries and not _is_same_component(base, change):
        return change
    return united(base, change)


def united(base: Table, change: Table) -> Table:
    """Both mappings in one, key by key; it is said to stand where the change stands if that is a file."""
    entries = dict(base.entries)
    for key, entry in change.entries.items():
        node = merge(entries[key].node, entry.node) if key in entries else entry.node
        entries[key] = Item(entry.key, node)
    return Table(base.mark if change.mark.line is None else change.mark, entries)


def _is_same_component(base: Node, change: Node) -> bool:
    """Whether both name the same component and one of them has options to keep."""
    if not isinstance(base, Table):
        return False
    before, after = _component_named(base), _component_named(change)
    if before is None or after is None:
        return False
    return before == after or before.endswith(f"/{after}") or after.endswith(f"/{before}")


def _component_named(node: Node) -> str | None:
    """The component that `node` names, if it can be read as naming one."""
    if isinstance(node, Table) and "use" in node.entries:
        node = node.entries["use"].node
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None


class Reader:
    """Reads files with what they extend, each once."""

    def __init__(self, room: int = 1) -> None:
        self.room = room
        self.done: dict[str, Table] = {}

    def read(self, path: Path, name: str, chain: tuple[str, ...] = (), named_at: Mark | None = None) -> Table:
        """The file `path`, called `name`, which the last file of `chain` extends by what it says at `named_at`."""
        try:
            resolved = os.path.realpath(path)
        except ValueError as failure:  # a NUL
            raise unreadable(f"{name}: {failure}", named_at) from None
        if resolved in chain:
            circle = " -> ".join(os.path.basename(file) for file in (*chain[chain.index(resolved) :], resolved))
            raise unreadable(f"extends in a circle: {circle}", named_at)
        if len(chain) > DEEPEST:
            raise unreadable(f"more than {DEEPEST} files extend one another", named_at)
        if resolved not in self.done:
            own = mapping(read_text(path, name, named_at, self.room), name, named_at, self.room)
            self.done[resolved] = self.extended(own, (*chain, resolved))
        return self.done[resolved]

    def extended(self, own: Table, chain: tuple[str, ...]) -> Table:
        """The mapping `own` of the last file of `chain`, written over what it extends."""
        if "extends" not in own.entries:
            return own
        entries = dict(own.entries)
        extends = entries.pop("extends").node
        return united(self.named(extends, chain), Table(own.mark, entries))

    def named(self, extends: Node, chain: tuple[str, ...] = ()) -> Table:
        """What stands in the files that `extends` names, each written over the one before.

        They lie beside the file that names them; those that a setting names, in the current folder.
        """
        result = Table(extends.mark, {})
        for parent in extends.items if isinstance(extends, Items) else [extends]:
            if not isinstance(parent, Scalar) or not isinstance(parent.value, str):
                raise mistake_at(parent.mark, "expected the name of a file, or a list of them", ("extends",))
            beside = Path() if parent.mark.line is None else Path(parent.mark.source).parent
            file = beside / parent.value
            result = united(result, self.read(file, str(file), chain, parent.mark))
        return result


class Keyword(str):
    """A setting that nobody typed on a command line: a keyword argument of a function in Python."""

    __slots__ = ()


def _set(root: Node, setting: str) -> Node:
    """What `root` becomes by one `--set`, or one keyword.

    Raises:
        UserError: if it is no a.b=value, or its value is no YAML, or a list has no such item.
    """
    mark = Mark(setting if isinstance(setting, Keyword) else f"--set {setting}")
    path, equals, text = setting.partition("=")
    if not equals:
        raise mistake_at(mark, "expected option=value, such as --set training.batch=16")
    return changed(root, path.strip(), parse(text, mark.source, has_lines=False) or Scalar(mark, None), mark)


def changed(root: Node, path: str, value: Node, mark: Mark) -> Node:
    """What `root` becomes when the option at the dotted `path` is given `value`, merged as `extends` does.

    Args:
        root: An experiment.
        path: Such as training.batch; a list is changed by the position of an item, counted from 0.
        value: What the option is to be, or the options of it that are to change.
        mark: Where the path stands.

    Raises:
        UserError: if it is no path, or leads to an item that a list has not.
    """
    segments = path.split(".")
    if not all(segments) or len(segments) > DEEPEST:
        raise mistake_at(mark, f"expected an option, such as training.batch, not {path!r}")
    try:
        keys = [number if isinstance(number := resolve_scalar(segment), int) else segment for segment in segments]
    except ValueError:
        raise mistake_at(mark, "a number of too many digits") from None
    return merge(root, _nested(root, keys, value, mark))


def _nested(node: Node | None, keys: Sequence[Key], value: Node, mark: Mark) -> Node:
    """`value` under `keys`, to be merged into `node`; a list on the way is repeated with one item changed."""
    if not keys:
        return value
    first, rest = keys[0], keys[1:]
    if isinstance(node, Items) and isinstance(first, int):
        if not 0 <= first < len(node.items):
            raise mistake_at(mark, f"no item {first}: the list has {len(node.items)}, counted from 0")
        changed = list(node.items)
        changed[first] = merge(changed[first], _nested(changed[first], rest, value, mark))
        return Items(node.mark, changed)
    below = node.entries[first].node if isinstance(node, Table) and first in node.entries else None
    return Table(mark, {first: Item(mark, _nested(below, rest, value, mark))})
