"""From the file of a study to its runs, with every mistake in any variant shown where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from gankit.config.experiment import NAME, Experiment
from gankit.config.loader import ValidationResult, experiment_in, load_root, validate, with_plugins
from gankit.config.mistakes import mistakes_of
from gankit.config.study import EXTENDS, SEED, STUDY, Study, StudyOptions, StudyRun, StudyVariant, Variants
from gankit.config.study_plan import Planned, plan, safe
from gankit.config.yaml.marks import Mistake, MistakenError, mistakes_error
from gankit.config.yaml.merge import changed, extended, merge, read_experiment
from gankit.config.yaml.nodes import Item, Items, Key, Node, Scalar, Table, plain_value
from gankit.core.errors import UserError

V = TypeVar("V", bound=Variants)


def is_study(root: Table) -> bool:
    """Whether a file's content is that of a study rather than of a single experiment."""
    return any(key in _study_options(root) for key in ("matrix", "variants", "exclude"))


def name_in(path: Path) -> str:
    """The name of the study or experiment in a file.

    Raises:
        UserError: if it cannot be read or has none.
    """
    root = read_experiment(path)
    name = _own_name(root, path) if is_study(root) else plain_value(root).get("name")
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise UserError(f"{path}: names no experiment")
    return name


def variant_names(record: Path) -> list[str]:
    """The variants of a study in the order of its record, study.yaml, read without the plugins that it needs.

    None if it says nothing of variants, as then it is no record of a study.

    Raises:
        UserError: if it cannot be read.
    """
    root = read_experiment(record)
    own: dict[Key, Item] = {key: it for key, it in _study_options(root).items() if key in Variants.model_fields}
    _validated(Variants, Table(root.mark, own), str(record))
    return [variant.name for variant in plan(own, seed=0, first=str(record))] if own else []


def load_study(
    path: Path,
    settings: Sequence[str] = (),
    plugin_files: Sequence[Path] = (),
    only: str | None = None,
    note: Callable[[Mistake], None] | None = None,
) -> Study | Experiment:
    """Read a study, or the experiment that a file holds instead.

    `only` names a run, if nothing but the variant that it belongs to is wanted; settings may also change what the study
    says. For the rest see `load_experiment`.

    Raises:
        UserError: with every mistake found, each where it stands.
    """
    root = load_root(path, settings, plugin_files, recorded=_is_record(path))
    if is_study(root):
        return _study(_with_experiments_of_variants(root, plugin_files, str(path)), path, only, note)
    said = _study_options(root)  # null takes back what an extended file says of a study
    kept = {key: entry for key, entry in root.entries.items() if key not in StudyOptions.model_fields or key in said}
    return experiment_in(Table(root.mark, kept), str(path), note=note)


def _is_record(path: Path) -> bool:
    """Whether a file is what `gankit run` has recorded of a study: it stands beside the runs, or what they print."""
    return path.name == STUDY and any(path.parent.glob(f"*/{SEED}-*"))


def _study(root: Table, path: Path, only: str | None, note: Callable[[Mistake], None] | None) -> Study:
    """The study that `root` says.

    Raises:
        UserError: with every mistake in it or in any of its variants.
    """
    own = _study_options(root)
    base = Table(root.mark, {key: entry for key, entry in root.entries.items() if key not in StudyOptions.model_fields})
    options = _validated(StudyOptions, Table(root.mark, own), str(path))
    seed = plain_value(base.entries[SEED].node) if SEED in base.entries else 0
    planned = plan(own, seed, first=str(path))
    wanted = [variant for variant in planned if only is not None and only.rpartition("/")[0] == variant.name] or planned
    name = _own_name(root, path)
    experiments = _experiments(
        {variant.name: _validated_variant(base, name, variant) for variant in wanted}, str(path), note
    )
    if only is None and (lacks := options.launcher.missing(experiments[0])) is not None:
        mistake = Mistake(own["launcher"].key if "launcher" in own else root.mark, ("launcher",), lacks)
        if note is None:
            raise mistakes_error([mistake], str(path))
        note(mistake)
    variants = {
        variant.name: StudyVariant(variant.name, variant.changes, experiment)
        for variant, experiment in zip(wanted, experiments, strict=True)
    }
    runs = [StudyRun(variants[variant.name], seed) for variant in wanted for seed in variant.seeds]
    named = Table(root.mark, {**root.entries, "name": Item(root.mark, Scalar(root.mark, name))})
    return Study(name, runs, options.launcher, named)


def _study_options(root: Table) -> dict[Key, Item]:
    """What of a file is about the study and not about its experiment; null says nothing."""
    fields = StudyOptions.model_fields
    return {key: entry for key, entry in root.entries.items() if key in fields and plain_value(entry.node) is not None}


def _validated(model: type[V], root: Table, first: str) -> V:
    try:
        return model.model_validate(plain_value(root))
    except ValidationError as failure:
        raise mistakes_error(mistakes_of(failure, root), first) from None


def _with_experiments_of_variants(root: Table, plugin_files: Sequence[Path], first: str) -> Table:
    """The study, with the experiments that its variants extend in place of the names of their files.

    Raises:
        UserError: if one cannot be read, or is a study.
    """
    given = root.entries.get("variants")
    if given is None or not isinstance(given.node, Table):
        return root
    variants: dict[Key, Item] = {}
    for name, (key, changes) in given.node.entries.items():
        if isinstance(changes, Table) and EXTENDS in changes.entries:
            experiment = with_plugins(_experiment_of(changes.entries[EXTENDS], first), plugin_files, first)
            changes = Table(changes.mark, {**changes.entries, EXTENDS: Item(key, experiment)})
        variants[name] = Item(key, changes)
    return Table(root.mark, {**root.entries, "variants": Item(given.key, Table(given.node.mark, variants))})


def _experiment_of(named: Item, first: str) -> Table:
    """The experiment in the files that a variant names, relative to the file that names them, or as it was recorded.

    Raises:
        UserError: if one cannot be read, or is a study.
    """
    root = named.node
    if not isinstance(root, Table):
        beside = (
            Path() if root.mark.line is None else Path(root.mark.source)
        )  # settings are typed in the current folder
        root = extended(Table(named.key, {EXTENDS: named}), beside)
    message = "is said of a study, and a variant extends an experiment"
    if said := _study_options(root):
        raise mistakes_error([Mistake(key, (option,), message) for option, (key, _) in said.items()], first)
    return Table(root.mark, {key: entry for key, entry in root.entries.items() if key not in StudyOptions.model_fields})


def _validated_variant(base: Table, study: str, variant: Planned) -> ValidationResult:
    """The experiment of one variant with the first of its seeds, and what is wrong with it."""
    root: Node = base if variant.beneath is None else _over(variant.beneath, base)
    for option, (mark, node) in variant.point.items():
        try:
            root = changed(root, option, node, mark)
        except MistakenError as failure:
            return ValidationResult(None, list(failure.mistakes), [])
    assert isinstance(root, Table)
    facts = {"name": study, "variant": variant.name, SEED: variant.seeds[0]}
    known = {key: Item(root.mark, Scalar(root.mark, value)) for key, value in facts.items()}
    return validate(Table(root.mark, {**root.entries, **known}))


def _over(beneath: Table, base: Table) -> Node:
    """What a study says, written over the experiment that a variant extends; it has the plugins of both."""
    plugins = [table.entries["plugins"] for table in (beneath, base) if "plugins" in table.entries]
    lists = [entry.node.items for entry in plugins if isinstance(entry.node, Items)]
    merged = merge(beneath, base)
    if len(lists) < 2 or not isinstance(merged, Table):
        return merged
    files = {plain_value(file): file for file in chain(*lists)}
    key, node = plugins[-1]
    return Table(merged.mark, {**merged.entries, "plugins": Item(key, Items(node.mark, list(files.values())))})


def _experiments(
    validated: Mapping[str, ValidationResult], first: str, note: Callable[[Mistake], None] | None
) -> list[Experiment]:
    """The experiments of all variants; `note` is told what is missing here, each thing once.

    Raises:
        UserError: with every mistake in any of them, and without `note` with all that is missing.
    """
    found: dict[Mistake, list[str]] = {}
    lacking: dict[Mistake, None] = {}
    for name, (_, wrong, missing) in validated.items():
        lacking |= dict.fromkeys(missing)
        for mistake in wrong if note is not None else [*wrong, *missing]:
            found.setdefault(mistake, []).append(name)
    experiments = [experiment for experiment, _, _ in validated.values() if experiment is not None]
    if found or len(experiments) < len(validated):
        raise mistakes_error([_in_variants(*item, count=len(validated)) for item in found.items()], first)
    if note is not None:
        for thing in lacking:
            note(thing)
    return experiments


def _own_name(root: Table, path: Path) -> str:
    """The name that a study's file or a setting gives it, and not an experiment that it extends; or the file's."""
    entry = root.entries.get("name")
    is_own = entry is not None and entry.key.source == str(path)
    is_set = entry is not None and entry.key.line is None
    if entry is not None and (is_own or is_set) and isinstance(name := plain_value(entry.node), str):
        return name
    return safe(path.stem)


def _in_variants(mistake: Mistake, names: Sequence[str], count: int) -> Mistake:
    """The mistake, with the variants that it is in unless it is in all."""
    if len(names) == count:
        return mistake
    others = f" and {len(names) - 1} more" if names[1:] else ""
    return mistake._replace(message=f"{mistake.message} (in variant {names[0]}{others})")
