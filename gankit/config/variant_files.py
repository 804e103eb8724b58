"""Variants that are experiments in files of their own: what their study says is written over these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gankit.config.loader import with_plugins
from gankit.config.study import EXTENDS, STUDY, StudyOptions, said_of_study
from gankit.config.yaml.marks import Mistake, MistakenError, mistake_at, mistakes_error
from gankit.config.yaml.merge import Reader, united
from gankit.config.yaml.nodes import Item, Items, Node, Table, described, plain_value, without


def with_experiments_of_variants(root: Table, plugin_files: Sequence[Path], first: str) -> Table:
    """The study, with the experiments that its variants extend in place of the names of their files.

    The plugins that these list are the study's, for its variants are checked in one process.

    Raises:
        UserError: naming all that cannot be read or is a study.
    """
    given = root.entries.get("variants")
    if given is None or not isinstance(given.node, Table):
        return root
    reader, variants, mistakes = Reader(), dict(given.node.entries), []
    for name, (key, changes) in given.node.entries.items():
        if not isinstance(changes, Table) or EXTENDS not in changes.entries:
            continue
        said = dict(changes.entries)
        at, named = said.pop(EXTENDS)
        try:
            if plain_value(named) is not None:
                experiment = with_plugins(_experiment(reader, named), (), first)
                root = _with_plugins_of(root, experiment)
                said[EXTENDS] = Item(at, without(experiment, ["plugins"]))
        except MistakenError as failure:
            mistakes.extend(failure.mistakes)
        variants[name] = Item(key, Table(changes.mark, said))
    if mistakes:
        raise mistakes_error(mistakes, first)
    root = Table(root.mark, {**root.entries, "variants": given._replace(node=Table(given.node.mark, variants))})
    return with_plugins(root, plugin_files, first)


def over(beneath: Table, base: Table) -> Table:
    """What a study says, written over the experiment that a variant extends."""
    if mistakes := [*_changes_of_items(beneath, base)]:
        raise mistakes_error(mistakes)
    return Table(beneath.mark, united(beneath, base).entries)


def _experiment(reader: Reader, named: Node) -> Table:
    """The experiment in the files that a variant names, or as a study's record has it.

    Raises:
        UserError: if one cannot be read, or is a study.
    """
    root = named if isinstance(named, Table) and Path(named.mark.source).name == STUDY else reader.named(named)
    message = "is said of a study, and a variant extends an experiment"
    if said := said_of_study(root):
        raise mistakes_error(Mistake(key, (option,), message) for option, (key, _) in said.items())
    return without(root, StudyOptions.model_fields)


def _with_plugins_of(root: Table, experiment: Table) -> Table:
    """A study that lists the plugins of `experiment`, too, whose paths are absolute.

    Raises:
        UserError: if they are no list.
    """
    own, theirs = (table.entries["plugins"] for table in (root, experiment))
    if not isinstance(theirs.node, Items):
        raise mistake_at(theirs.node.mark, f"expected a list of files, not {described(theirs.node)}", ("plugins",))
    if not isinstance(own.node, Items):
        return root  # for the experiment's own type to refuse
    plugins = Items(own.node.mark, [*own.node.items, *theirs.node.items])
    return Table(root.mark, {**root.entries, "plugins": own._replace(node=plugins)})


def _changes_of_items(beneath: Node, base: Node, path: tuple[object, ...] = ()) -> Iterator[Mistake]:
    """The settings that would change single items of lists that stand in `beneath`, which they are not applied to."""
    if isinstance(beneath, Items) and isinstance(base, Table):
        if base.mark.line is None and any(isinstance(key, int) for key in base.entries):
            yield Mistake(base.mark, path, f"{beneath.mark} has a list here; a setting of a study gives it as a whole")
    elif isinstance(beneath, Table) and isinstance(base, Table):
        for key in beneath.entries.keys() & base.entries.keys():
            yield from _changes_of_items(beneath.entries[key].node, base.entries[key].node, (*path, key))
