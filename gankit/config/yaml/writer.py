"""Writes an experiment as YAML that says everything and loads back equal."""

from __future__ import annotations

from enum import Enum
from io import StringIO
from pathlib import PurePath
from typing import Any

import yaml

from gankit.config.experiment import Experiment
from gankit.config.yaml.nodes import resolve_scalar

WIDEST = 100
"""Columns up to which a list or mapping stays on one line."""


def dump_experiment(experiment: Experiment) -> str:
    """YAML with full names and every option, defaults too; short lists and mappings stand on one line.

    Whoever reads YAML by version 1.1 or 1.2 reads the same.
    """
    return dump(experiment.model_dump())


def dump(value: dict[str, Any]) -> str:
    """A mapping of plain values as YAML; short lists and mappings stand on one line."""
    document = _Dumper(StringIO(), sort_keys=False).represent_data(value)
    _lay_out(document, indent=0, is_root=True)
    return _escaped(yaml.serialize(document, Dumper=_Dumper, allow_unicode=True, width=2**31))


def inline(value: Any) -> str:
    """A plain value as YAML on one line."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=2**31, sort_keys=False)
    return _escaped(text.removesuffix("\n").removesuffix("\n..."))


class _Dumper(yaml.SafeDumper):
    """Repeats equal values instead of aliasing them, and quotes all text that YAML 1.1 or 1.2 would misread."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, data: str) -> yaml.ScalarNode:
        """Text in quotes if our own reader would take it for something else; PyYAML adds its own by YAML 1.1."""
        quotes = '"' if _escaped(data) != data else None if _is_text(data) else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=quotes)


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_multi_representer(Enum, lambda dumper, choice: dumper.represent_data(choice.value))
_Dumper.add_multi_representer(PurePath, lambda dumper, path: dumper.represent_data(str(path)))
_Dumper.add_multi_representer(tuple, lambda dumper, items: dumper.represent_data(list(items)))
for kind in (set, frozenset):
    _Dumper.add_representer(kind, lambda dumper, items: dumper.represent_data(sorted(items)))


def _escaped(text: str) -> str:
    """`text` with escapes, which double quotes allow, for marks that turn its lines around or are not seen.

    PyYAML leaves some of them as they are, which would let a file look other than it is read.
    """
    hidden = {mark for mark in text if not (mark.isprintable() or mark in "\n\t")}
    return text.translate({ord(mark): f"\\u{ord(mark):04x}" for mark in hidden})


def _is_text(text: str) -> bool:
    """Whether `text` without quotes is read as text."""
    try:
        return isinstance(resolve_scalar(text), str)
    except ValueError:  # digits without end
        return False


def _lay_out(node: yaml.Node, indent: int, is_root: bool = False) -> None:
    """Put every list and mapping that fits on one line, and give the others a line for each item."""
    if isinstance(node, yaml.ScalarNode):
        return
    assert isinstance(node, yaml.CollectionNode)
    node.flow_style = not node.value or (not is_root and indent + _width(node) <= WIDEST)
    if node.flow_style:
        return
    for item in node.value:
        if isinstance(item, tuple):
            key, value = item
            one_line = indent + len(key.value) + 2
            _lay_out(value, one_line if one_line + _width(value) <= WIDEST else indent + 2)
        else:
            _lay_out(item, indent + 2)


def _width(node: Any) -> int:
    """About how many columns `node` takes on one line."""
    if isinstance(node, tuple):
        return _width(node[0]) + _width(node[1]) + 2
    if isinstance(node, yaml.ScalarNode):
        return len(node.value)
    return sum(_width(item) + 2 for item in node.value) + 2
