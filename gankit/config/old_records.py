"""What gankit itself recorded before 0.2, in the words of today; in files of users old words are mistakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gankit.config.experiment import EvaluationOptions
from gankit.config.yaml.nodes import Item, Node, Scalar, Table
from gankit.core.registry import registries


def run_in_new_words(root: Table) -> Table:
    """The experiment of a run, with the options of evaluations and averages as they are called and meant now."""

    def of_average(options: Table) -> Table:
        copied = Item(options.mark, Scalar(options.mark, "copy"))  # there was no other way
        return Table(options.mark, {"statistics": copied, **options.entries})

    root = _with_changed(root, "evaluation", _of_evaluation)
    return _with_changed(root, "training", lambda training: _with_changed(training, "average", of_average))


def study_in_new_words(root: Table) -> Table:
    """A study, with the options of evaluations and the launcher as they are called now; its plugins are loaded."""
    root = _with_changed(root, "evaluation", _of_evaluation)
    if "launcher" not in root.entries:
        return root
    launcher = root.entries["launcher"]
    return Table(root.mark, {**root.entries, "launcher": launcher._replace(node=_renamed("launcher", launcher.node))})


def _of_evaluation(options: Table) -> Table:
    new: Mapping[Any, str] = EvaluationOptions.renamed_options
    return Table(options.mark, {new.get(option, option): item for option, item in options.entries.items()})


def _renamed(kind: str, node: Node) -> Node:
    """What names a component of a kind, by the name that it has now."""
    if isinstance(node, Table) and "use" in node.entries:
        use = node.entries["use"]
        return Table(node.mark, {**node.entries, "use": use._replace(node=_renamed(kind, use.node))})
    entry = registries[kind].renamed(node.value) if isinstance(node, Scalar) else None
    return Scalar(node.mark, entry.full_name) if entry else node


def _with_changed(table: Table, option: str, change: Callable[[Table], Table]) -> Table:
    """A mapping in which one option, if that is a mapping too, is changed."""
    if option not in table.entries or not isinstance(options := table.entries[option].node, Table):
        return table
    return Table(table.mark, {**table.entries, option: table.entries[option]._replace(node=change(options))})
