"""What older versions of gankit recorded, in the words of today; in files of users old words are mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gankit.config.evaluation import EvaluationOptions
from gankit.config.study import EXTENDS
from gankit.config.yaml.nodes import Item, Items, Key, Node, Scalar, Table, without
from gankit.core.networks import NETWORKS
from gankit.core.registry import registries


def run_in_new_words(root: Table) -> Table:
    """The experiment of a run, with its options as they are called and meant now."""

    def of_average(options: Table) -> Table:
        copied = Item(options.mark, Scalar(options.mark, "copy"))  # there was no other way
        return Table(options.mark, {"statistics": copied, **options.entries})

    def of_training(options: Table) -> Table:
        options = _with_changed(options, "average", of_average)
        return _with_changed(options, "optimizer", _of_optimizers)

    root = _with_changed(root, "evaluation", _of_evaluation)
    return _of_augment(_of_fading(_with_changed(root, "training", of_training)))


def study_in_new_words(root: Table) -> Table:
    """A study, with the options of evaluations and the launcher as they are called now; its plugins are loaded."""

    def of_experiment(options: Table) -> Table:
        return _with_changed(options, "evaluation", _of_evaluation)

    def of_variants(variants: Table) -> Table:
        for name in variants.entries:
            variants = _with_changed(variants, name, lambda changes: _with_changed(changes, EXTENDS, of_experiment))
        return variants

    root = _with_changed(of_experiment(root), "variants", of_variants)
    if "launcher" not in root.entries:
        return root
    launcher = root.entries["launcher"]
    return Table(root.mark, {**root.entries, "launcher": launcher._replace(node=_renamed("launcher", launcher.node))})


def former_options(options: Mapping[str, Any]) -> Iterator[str]:
    """Those of a run's options, by their dotted paths, which `run_in_new_words` writes otherwise."""
    yield "fading.by"
    yield from (option for option in options if re.fullmatch(r"augment(\.(?!\d).*)?", option) and options[option] != [])
    for network in NETWORKS:
        optimizer = f"training.optimizer.{network}"
        yield f"{optimizer}.decay"
        if options.get(f"{optimizer}.decay") == "linear":
            yield from (option for option in options if f"{option}.".startswith(f"{optimizer}.lr."))


def _of_evaluation(options: Table) -> Table:
    new: Mapping[Any, str] = EvaluationOptions.renamed_options
    return Table(options.mark, {new.get(option, option): item for option, item in options.entries.items()})


def _of_fading(root: Table) -> Table:
    """Each network has a join, where one option told for both how layers come in."""
    by = _value(root, "fading", "by")
    root = _with_changed(root, "fading", lambda options: without(options, ["by"]))

    def joined(options: Table) -> Table:
        join = Table(options.mark, {"use": Item(options.mark, Scalar(options.mark, f"basics/{by}"))})
        return Table(options.mark, {"join": Item(options.mark, join), **options.entries})

    for network in NETWORKS if by not in (None, "blend") else ():
        root = _with_changed(root, network, joined)
    return root


def _of_augment(root: Table) -> Table:
    """There are several augmentations where there was one or none."""
    item = root.entries.get("augment")
    if item is None or isinstance(item.node, Items):
        return root
    is_none = isinstance(item.node, Scalar) and item.node.value is None
    several = Items(item.node.mark, [] if is_none else [item.node])
    return Table(root.mark, {**root.entries, "augment": item._replace(node=several)})


def _of_optimizers(pair: Table) -> Table:
    """A learning rate that falls is a schedule, where an option of the optimizer told so."""

    def falling(rate: Node) -> Node:
        if isinstance(rate, Table):
            return Table(rate.mark, {key: item._replace(node=falling(item.node)) for key, item in rate.entries.items()})
        said = {"use": "basics/linear", "end": 0.0, "over": "run"}
        parts = {option: Item(rate.mark, Scalar(rate.mark, value)) for option, value in said.items()}
        return Table(rate.mark, {**parts, "start": Item(rate.mark, rate)})

    def without_decay(options: Table) -> Table:
        is_linear = _value(options, "decay") == "linear"
        options = without(options, ["decay"])
        if not is_linear or "lr" not in options.entries:
            return options
        rate = options.entries["lr"]
        return Table(options.mark, {**options.entries, "lr": rate._replace(node=falling(rate.node))})

    for network in NETWORKS:
        pair = _with_changed(pair, network, without_decay)
    return pair


def _value(table: Node, *path: str) -> Any:
    """The scalar at a path; None if there is none."""
    for option in path:
        if not isinstance(table, Table) or option not in table.entries:
            return None
        table = table.entries[option].node
    return table.value if isinstance(table, Scalar) else None


def _renamed(kind: str, node: Node) -> Node:
    """What names a component of a kind, by the name that it has now."""
    if isinstance(node, Table) and "use" in node.entries:
        use = node.entries["use"]
        return Table(node.mark, {**node.entries, "use": use._replace(node=_renamed(kind, use.node))})
    entry = registries[kind].renamed(node.value) if isinstance(node, Scalar) else None
    return Scalar(node.mark, entry.full_name) if entry else node


def _with_changed(table: Table, option: Key, change: Callable[[Table], Table]) -> Table:
    """A mapping in which one option, if that is a mapping too, is changed."""
    if option not in table.entries or not isinstance(options := table.entries[option].node, Table):
        return table
    return Table(table.mark, {**table.entries, option: table.entries[option]._replace(node=change(options))})
