"""From the file of a study to its runs, with every mistake in any variant shown where it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from gankit.config.experiment import NAME, Experiment
from gankit.config.loader import ValidationResult, experiment_in, load_root, validate
from gankit.config.mistakes import mistakes_of
from gankit.config.study import SEED, STUDY, Study, StudyOptions, StudyRun, StudyVariant, Variants, said_of_study
from gankit.config.study_plan import Planned, plan, safe
from gankit.config.variant_files import over, with_experiments_of_variants
from gankit.config.yaml.marks import Mistake, MistakenError, mistakes_error
from gankit.config.yaml.merge import changed, read_experiment
from gankit.config.yaml.nodes import Item, Key, Node, Scalar, Table, count, plain_value, without
from gankit.config.yaml.parser import MOST_BYTES, MOST_VALUES, RECORD
from gankit.config.yaml.writer import dump
from gankit.core.errors import UserError

V = TypeVar("V", bound=Variants)


def is_study(root: Table) -> bool:
    """Whether a file's content is that of a study rather than of a single experiment."""
    return any(key in said_of_study(root) for key in ("matrix", "variants", "exclude"))


def name_in(path: Path) -> str:
    """The name of the study or experiment in a file.

    Raises:
        UserError: if it cannot be read or has none.
    """
    root = read_experiment(path, room=_room(path))
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
    root = read_experiment(record, room=RECORD)
    own: dict[Key, Item] = {key: it for key, it in said_of_study(root).items() if key in Variants.model_fields}
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
    root = load_root(path, settings, plugin_files, _is_record(path), _room(path))
    if is_study(root):
        return _study(with_experiments_of_variants(root, plugin_files, str(path)), path, only, note)
    said = said_of_study(root)  # null takes back what an extended file says of a study
    return experiment_in(without(root, StudyOptions.model_fields.keys() - said), str(path), note=note)


def _is_record(path: Path) -> bool:
    """Whether a file is what `gankit run` has recorded of a study: it stands beside the runs, or what they print."""
    return path.name == STUDY and any(path.parent.glob(f"*/{SEED}-*"))


def _room(path: Path) -> int:
    """How many times as much may stand in a file as in one that somebody writes."""
    return RECORD if path.name == STUDY else 1


def _study(root: Table, path: Path, only: str | None, note: Callable[[Mistake], None] | None) -> Study:
    """The study that `root` says.

    Raises:
        UserError: with every mistake in it or in any of its variants.
    """
    own = said_of_study(root)
    base = without(root, StudyOptions.model_fields)
    options = _validated(StudyOptions, Table(root.mark, own), str(path))
    seed = plain_value(base.entries[SEED].node) if SEED in base.entries else 0
    planned = plan(own, seed, first=str(path))
    wanted = [variant for variant in planned if only is not None and only.rpartition("/")[0] == variant.name] or planned
    name = _own_name(root, path)
    named = Table(root.mark, {**root.entries, "name": Item(root.mark, Scalar(root.mark, name))})
    if only is None:
        _refuse_unreadable(named, path)
    trains_here = only is not None or note is not None  # else its launcher may take the runs to other machines
    experiments = _experiments(
        {variant.name: _validated_variant(base, name, variant, trains_here) for variant in wanted}, str(path), note
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
    return Study(name, runs, options.launcher, named)


def _refuse_unreadable(root: Table, path: Path) -> None:
    """Raise UserError if what would be recorded of a study could not be read again."""
    said = f"{path}: with all that it and its variants extend, it comes to"
    if (values := count(root)) > RECORD * MOST_VALUES:
        raise UserError(f"{said} {values:,} names and values; a study has at most {RECORD * MOST_VALUES:,}")
    if (size := len(dump(plain_value(root)).encode())) > RECORD * MOST_BYTES:
        raise UserError(f"{said} {size >> 10:,} KiB; a study has at most {RECORD * MOST_BYTES >> 10:,}")


def _validated(model: type[V], root: Table, first: str) -> V:
    try:
        return model.model_validate(plain_value(root))
    except ValidationError as failure:
        raise mistakes_error(mistakes_of(failure, root), first) from None


def _validated_variant(base: Table, study: str, variant: Planned, trains_here: bool) -> ValidationResult:
    """The experiment of one variant with the first of its seeds, and what is wrong with it."""
    try:
        root: Node = base if variant.beneath is None else over(variant.beneath, base)
        for option, (mark, node) in variant.point.items():
            root = changed(root, option, node, mark)
    except MistakenError as failure:
        return ValidationResult(None, list(failure.mistakes), [])
    assert isinstance(root, Table)
    facts = {"name": study, "variant": variant.name, SEED: variant.seeds[0]}
    known = {key: Item(root.mark, Scalar(root.mark, value)) for key, value in facts.items()}
    return validate(Table(root.mark, {**root.entries, **known}), trains_here=trains_here)


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
