"""Which variants a study has and with which seeds each is run: products, named variants, exclusions."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gankit.config.study import EXTENDS, SEED
from gankit.config.yaml.marks import Mark, Mistake, mistakes_error
from gankit.config.yaml.nodes import Item, Items, Node, Table, plain_value
from gankit.core.errors import UserError
from gankit.core.options import did_you_mean

MOST_RUNS = 1000
"""Runs of one study."""
NOT_TO_CHANGE = {
    SEED: "every variant is run with every seed: name them under matrix.seed",
    EXTENDS: "files are extended by variants with names, as in variants: {a: {extends: a.yaml}}",
    "name": "is given by the study",
    "variant": "is given by the study",
    "plugins": "are those of the study and of the experiments that its variants extend",
}
"""Options that no variant changes, each with the reason."""

Point = dict[str, Item]
"""What a variant changes: by dotted paths, where each stands and its value."""


class Planned(NamedTuple):
    """One variant of a study."""

    name: str
    point: Point
    seeds: list[int]
    beneath: Table | None = None
    """The experiment that the study's own is written over for this variant."""

    @property
    def changes(self) -> dict[str, Any]:
        """The plain values of what it changes."""
        return {path: plain_value(entry.node) for path, entry in self.point.items()}


class Axis(NamedTuple):
    """One option of the matrix and its values."""

    path: str
    mark: Mark
    values: list[Node]


def plan(own: Mapping[Any, Item], seed: int, first: str) -> list[Planned]:
    """The variants of a study, in the order of its file.

    Args:
        own: The options of the study, of the types that StudyOptions asks for.
        seed: The only seed if the matrix names none.
        first: The study's file, to begin reports with.

    Raises:
        UserError: if axes, names or exclusions are wrong, or there are too many runs or none.
    """
    return _Plan(own, seed, first).variants()


class _Plan:
    def __init__(self, own: Mapping[Any, Item], seed: int, first: str) -> None:
        self._first = first
        self._mark = own["matrix"].key if "matrix" in own else next(iter(own.values())).key
        axes = _axes(own["matrix"].node) if "matrix" in own else []
        self._axes = [axis for axis in axes if axis.path != SEED]
        self._named = _named(own["variants"].node) if "variants" in own else {}
        self._has_product = bool(self._axes) or not self._named
        self._check_axes(axes)
        self._seeds = next((self._seeds_of(axis) for axis in axes if axis.path == SEED), [seed])
        listed = own["exclude"].node if "exclude" in own else None
        self._exclude = listed.items if isinstance(listed, Items) else []
        if self._exclude and not self._has_product:
            raise self._wrong(self._exclude[0].mark, ("exclude",), "leaves out nothing: the matrix has no combinations")
        for node in self._exclude:
            self._check_exclusion(node, {axis.path: axis for axis in axes})

    def variants(self) -> list[Planned]:
        found = [*(self._product() if self._has_product else ()), *self._given()]
        known: dict[str, Planned] = {}
        for variant in found:
            other = known.setdefault(variant.name.casefold(), variant)
            if other is not variant:
                where = next((entry.key for entry in variant.point.values()), self._mark)
                names = f"{other.name} and {variant.name}" if other.name != variant.name else f"both {variant.name}"
                message = f"two variants would be called {names}, the same to a file system; name them under variants"
                raise self._wrong(where, (), message)
        if not found:
            raise self._wrong(self._mark, (), "every run is excluded")
        return found

    def _product(self) -> Iterator[Planned]:
        """Every combination of the axes, with the seeds that are not excluded."""
        exclusions = [plain_value(node) for node in self._exclude]
        for values in itertools.product(*(axis.values for axis in self._axes)):
            point = {axis.path: Item(axis.mark, value) for axis, value in zip(self._axes, values, strict=True)}
            changes = {path: plain_value(entry.node) for path, entry in point.items()}
            seeds = [
                seed
                for seed in self._seeds
                if not any(_matches({**changes, SEED: seed}, exclusion) for exclusion in exclusions)
            ]
            if seeds:
                yield Planned(variant_name(changes), point, seeds)

    def _given(self) -> Iterator[Planned]:
        """The variants that their author named."""
        for name, point in self._named.items():
            extended = point.get(EXTENDS)
            beneath = extended.node if extended is not None and isinstance(extended.node, Table) else None
            changes = {path: entry for path, entry in point.items() if path != EXTENDS}
            for path, entry in changes.items():
                self._check_path(path, entry.key, ("variants", name, path))
            yield Planned(name, changes, self._seeds, beneath)

    def _check_axes(self, axes: Sequence[Axis]) -> None:
        for axis in axes:
            if axis.path != SEED:
                self._check_path(axis.path, axis.mark, ("matrix", axis.path))
            known: list[Any] = []
            for node in axis.values:
                if plain_value(node) in known:
                    raise self._wrong(node.mark, ("matrix", axis.path), "stands twice on this axis")
                known.append(plain_value(node))
        product = math.prod(len(axis.values) for axis in axes if axis.path != SEED) if self._has_product else 0
        seeds = next((len(axis.values) for axis in axes if axis.path == SEED), 1)
        if (runs := (product + len(self._named)) * seeds) > MOST_RUNS:
            raise self._wrong(self._mark, (), f"{runs:,} runs; a study has at most {MOST_RUNS:,}")

    def _check_path(self, path: str, mark: Mark, where: tuple[object, ...]) -> None:
        if reason := NOT_TO_CHANGE.get(path.partition(".")[0]):
            raise self._wrong(mark, where, reason)

    def _seeds_of(self, axis: Axis) -> list[int]:
        seeds = [plain_value(node) for node in axis.values]
        for node, seed in zip(axis.values, seeds, strict=True):
            if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
                raise self._wrong(node.mark, ("matrix", SEED), "expected a whole number from 0, such as 1")
        return seeds

    def _check_exclusion(self, node: Node, axes: Mapping[str, Axis]) -> None:
        assert isinstance(node, Table)
        for path, (mark, value) in node.entries.items():
            axis = axes.get(str(path))
            if axis is None:
                hint = did_you_mean(str(path), axes) or f" Axes: {', '.join(axes) or 'none'}."
                raise self._wrong(mark, ("exclude", path), f"is no axis of the matrix.{hint}")
            if not any(_is_meant(plain_value(candidate), plain_value(value)) for candidate in axis.values):
                values = ", ".join(label(plain_value(candidate)) for candidate in axis.values)
                raise self._wrong(value.mark, ("exclude", path), f"is no value of that axis; it has {values}")

    def _wrong(self, mark: Mark, path: tuple[object, ...], message: str) -> UserError:
        return mistakes_error([Mistake(mark, path, message)], first=self._first)


def _axes(node: Node) -> list[Axis]:
    assert isinstance(node, Table)
    entries = ((str(path), entry) for path, entry in node.entries.items())
    return [Axis(path, mark, values.items) for path, (mark, values) in entries if isinstance(values, Items)]


def _named(node: Node) -> dict[str, Point]:
    """What each variant changes that its author named; null changes nothing."""
    assert isinstance(node, Table)
    return {
        str(name): {str(path): entry for path, entry in changes.entries.items()} if isinstance(changes, Table) else {}
        for name, (_, changes) in node.entries.items()
    }


def _matches(changes: Mapping[str, Any], exclusion: Mapping[str, Any]) -> bool:
    """Whether a run is left out by `exclusion`."""
    return all(_is_meant(changes[path], value) for path, value in exclusion.items())


def _is_meant(value: Any, named: Any) -> bool:
    """Whether an exclusion that says `named` means `value`: by itself or by its label."""
    return value == named or (isinstance(named, str) and label(value) == named)


LONGEST_LABEL = 60
"""Characters of the name of one value."""
LONGEST_NAME = 150
"""Characters of the name of a variant; the names of files may have 255."""


def variant_name(changes: Mapping[str, Any]) -> str:
    """The name of the variant that changes these options, by their dotted paths; `base` if it changes none.

    It depends on nothing but the changes and on which options are changed, so other variants may come and go.
    """
    names = short_names(list(changes))
    name = ",".join(f"{names[path]}={label(value)}" for path, value in changes.items()) or "base"
    return _cut(name, LONGEST_NAME)


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Each path by as many of its last steps as tell it from the others, a position in a list after its list."""
    steps = {path: path.split(".") for path in paths}
    found: dict[str, str] = {}
    for path, own in steps.items():
        endings = (own[-count:] for count in range(1, len(own) + 1))
        others = [other for name, other in steps.items() if name != path]
        alone = (
            ending
            for ending in endings
            if not ending[0].isdecimal() and not any(other[-len(ending) :] == ending for other in others)
        )
        found[path] = safe(".".join(next(alone, own)))
    return found


def label(value: Any) -> str:
    """A short name for any plain value, safe in the name of a file."""
    return _cut(safe(_words(value)), LONGEST_LABEL)


def safe(text: str) -> str:
    """`text` with what is not allowed in names replaced."""
    return re.sub("[^A-Za-z0-9._+-]+", "-", text).strip("-.+") or "empty"


def _words(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "+".join(map(_words, value))
    if isinstance(value, Mapping):
        own = [_words(value["use"])] if "use" in value else []
        return "+".join(own + [f"{key}-{_words(item)}" for key, item in value.items() if key != "use"])
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _cut(name: str, longest: int) -> str:
    """`name`, if it is too long with a hash of it in place of its end."""
    if len(name) <= longest:
        return name
    sha256 = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
    return f"{name[: longest - 9]}-{sha256[:8]}"
