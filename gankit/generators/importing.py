"""Weights that the code of others has trained, put into a generator of gankit's that computes the same."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gankit.checkpoints.classes import class_count_of_weights
from gankit.config.experiment import Experiment, GeneratorOptions
from gankit.config.schedules import Acting
from gankit.core import __version__
from gankit.core.component import Component
from gankit.core.errors import PASSED_ON, ContractError, UserError
from gankit.core.options import did_you_mean
from gankit.core.progress import ends, progress_in
from gankit.core.registry import registries
from gankit.core.text import first_of
from gankit.discovery.manager import plugins
from gankit.discovery.sources import sha256_of
from gankit.generators.exported import without_places
from gankit.generators.trained import TrainedGenerator
from gankit.generators.weight_files import read_weights
from gankit.kinds.weight_names import WeightNames
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.runs.attribution import attributing_errors
from gankit.runs.provenance import plugins_of
from gankit.training import randomness

OURS = {"alpha"}
"""Of a generator's state, what says how it is grown and is no weight."""
MOST_NAMED = 4
"""Names of a file that are told."""
MOST_COMPARED = 10_000
"""Names of a file among which the nearest is looked for."""


class Imported(NamedTuple):
    """A generator with the weights of others."""

    generator: TrainedGenerator
    system: str
    """What its weights are called."""
    left_out: list[str]
    """Names in the file of what nothing in a generator of gankit's is computed with, or of other networks."""


class Recognized(NamedTuple):
    """Whose names are in a file."""

    names: WeightNames
    prefix: str
    """What stands there before each of the names."""


def import_generator(path: Path, experiment: Experiment, prefix: str | None = None) -> Imported:
    """The generator of an experiment with the weights that a file holds, trained to the end.

    Args:
        path: A file of weights as others name them, see `read_weights`.
        experiment: Whose generator computes what theirs does; its data need not be here.
        prefix: What stands before the generator's names in the file, if it holds several; None: it is found out.

    Raises:
        UserError: if no plugin knows the names, or not all weights that are there and are needed fit one another.
    """
    weights = read_weights(path)
    names, prefix = _recognized(path, weights, prefix)
    _refuse_other_parts(path, names, experiment.generator)
    theirs = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
    stages = experiment.stages()
    progress = progress_in(stages, len(stages), ends(stages)[-1])
    with attributing_errors(experiment), randomness.untouched():
        classes = _classes(experiment, names, theirs)
        options = Acting(experiment, progress).experiment.generator
        network = Generator(options, ImageShape.of(experiment, len(classes)))
        used = _fill(path, network, names, theirs, experiment.name)
    network.grow(progress.resolution, progress.alpha)
    generator = TrainedGenerator(network, experiment, progress, "average", classes, _origin(path, names, experiment))
    left_out = weights.keys() - {f"{prefix}{name}" for name in used}
    return Imported(generator, names.system, [name for name in weights if name in left_out])


def known_names() -> tuple[list[WeightNames], list[str]]:
    """What the loaded plugins know of the names of others, and a sentence on each plugin that failed to tell."""
    found, complaints = list[WeightNames](), list[str]()
    for plugin in plugins.names():
        added = list[WeightNames]()
        try:
            plugins.call(plugin, "gankit_add_weight_names", add=added.append)
            if strange := [each for each in added if not isinstance(each, WeightNames)]:
                raise TypeError(f"it adds {strange[0]!r:.60}, which is no WeightNames")
        except PASSED_ON:
            raise
        except BaseException as failure:
            complaints.append(f"Plugin {plugin!r} failed: {plugins.reason(plugin, failure)}.")
            continue
        found += added
    return found, complaints


def _recognized(path: Path, weights: Collection[str], prefix: str | None) -> Recognized:
    """Whose generator is in a file.

    Raises:
        UserError: if there is none that is known, or several.
    """
    known, complaints = known_names()
    found = [Recognized(names, before) for names in known for before in _prefixes(names, weights)]
    if prefix is not None:
        there = [each.prefix for each in found]
        found = [each for each in found if each.prefix.rstrip("./") == prefix.rstrip("./")]
        if there and not found:
            hint = did_you_mean(prefix, there) or f" There are: {', '.join(map(repr, there))}."
            raise UserError(f"--prefix: no generator in {path} has names that begin with {prefix!r}.{hint}")
    if len(found) > 1:
        said = ", ".join(f"{each.prefix!r} ({each.names.system})" for each in found)
        raise UserError(f"{path}: holds several generators; choose one by --prefix: {said}")
    if not found:
        families = "; ".join(f"{names.system}, by {' and '.join(names.marks)}" for names in known) or "none"
        there = f"such as {first_of(weights, MOST_NAMED)}" if weights else "of which there are none"
        nearest = "".join(filter(None, (_near(mark, weights) for names in known for mark in names.marks)))
        raise UserError(
            f"{path}: no plugin knows a generator by these names, {_ended(there)}{nearest} Known are: {families}."
            + "".join(f" {complaint}" for complaint in complaints)
        )
    return found[0]


def _prefixes(names: WeightNames, there: Collection[str]) -> list[str]:
    """What stands before the marks of a generator, for each that has all of them."""
    mark = names.marks[0]
    before = sorted({name.removesuffix(mark) for name in there if name.endswith(mark)})
    return [
        each
        for each in before
        if (not each or each[-1] in "./") and all(f"{each}{mark}" in there for mark in names.marks)
    ]


def _near(mark: str, names: Collection[str]) -> str | None:
    """Which of some names is nearly that of a weight that is looked for."""
    near = difflib.get_close_matches(mark, islice(names, MOST_COMPARED), n=1, cutoff=0.8)
    return f" {near[0]} is there, but no {mark}." if near and not near[0].endswith(mark) else None


def _refuse_other_parts(path: Path, names: WeightNames, options: GeneratorOptions) -> None:
    """Refuse weights for a generator of other parts.

    Raises:
        UserError: if it has some, at the first.
    """
    for option, wanted in names.parts.items():
        choices = sorted(_listed(each) for each in (wanted if isinstance(wanted, frozenset) else [wanted]))
        value = getattr(options, option)
        for each in value.values() if isinstance(value, dict) else [value]:
            there = _listed([_name(part) for part in (each if isinstance(each, list | tuple) else [each])])
            if there not in choices:
                wrong = f"expected {' or '.join(choices)}, as {path} holds weights of {names.system}, not {there}"
                raise UserError(f"generator.{option}: {wrong}")


def _listed(names: str | Collection[str]) -> str:
    """Names of parts, each once, whatever their order."""
    return ", ".join(sorted({names} if isinstance(names, str) else {*names})) or "nothing"


def _name(part: Component | None) -> str:
    return "null" if part is None else registries[part.kind].entry_of(type(part)).full_name


def _classes(experiment: Experiment, names: WeightNames, theirs: Mapping[str, Tensor]) -> Sequence[str]:
    """The names of the classes, as the data tells or, where it is not here, their numbers, as the weights tell."""
    try:
        return [*experiment.data.class_names()]
    except UserError:
        pass
    network = Generator(experiment.generator, ImageShape.of(experiment, 1, 0))
    stored, found = _stored_names(network), dict[str, Tensor]()
    for own, (name, changed) in names.sources(network, theirs.keys()).items():
        if name in theirs and own in stored and (given := _changed(theirs[name], changed)) is not None:
            found[stored[own]] = given
    return [str(number) for number in range(class_count_of_weights(experiment, found))]


def _fill(
    path: Path, network: Generator, names: WeightNames, theirs: Mapping[str, Tensor], experiment: str
) -> Collection[str]:
    """Copy weights into a network, all or none.

    Returns:
        The names of those that were used.

    Raises:
        UserError: if some are missing, of another shape, or unknown.
    """
    state, stored = network.state_dict(), _stored_names(network)
    sources = names.sources(network, theirs.keys())
    if strange := first_of(sources.keys() - stored.keys(), MOST_NAMED):
        raise ContractError(f"names of weights of {names.system}: they are for {strange}, which the generator has not")
    missing, unfit = list[str](), list[str]()
    copies = list[tuple[Tensor, Tensor]]()
    for own, (name, changed) in sources.items():
        target = state[stored[own]]
        if name not in theirs:
            missing.append(name)
        elif (given := _fitting(theirs[name], changed, target)) is None:
            unfit.append(f"{name} is {_in_words(theirs[name])}, which does not fit {own}, {_in_words(target)}")
        else:
            copies.append((target, given))
    used = {name for name, _ in sources.values()}
    spare = {name for name in theirs for pattern in names.unused if re.fullmatch(pattern, name)}
    unknown = [name for name in theirs if name not in used | spare]
    unfed = [own for own in stored if own not in sources and own not in OURS]
    wrong = [
        *_told(missing, "missing", unknown),
        *_told(unfit, "of another shape"),
        *_told(unknown, "unknown", missing),
        *_told(unfed, "not there by any name, as this experiment has more than they are for"),
    ]
    if wrong:
        raise UserError(f"{path}: these weights of {names.system} are not those of {experiment}: {' '.join(wrong)}")
    with torch.no_grad():
        for target, given in copies:
            target.copy_(given)
    return used


def _fitting(given: Tensor, changed: Any, target: Tensor) -> Tensor | None:
    """A tensor in the layout of a target; None if it is no weight of that shape."""
    ours = _changed(given, changed)
    if ours is None or not ours.is_floating_point():
        return None
    same = [size for size in ours.shape if size != 1] == [size for size in target.shape if size != 1]
    return ours.reshape(target.shape) if same else None


def _changed(given: Tensor, changed: Any) -> Tensor | None:
    """A tensor in our layout; None if it is of other dimensions than theirs has."""
    try:
        return changed(given) if changed else given
    except (RuntimeError, IndexError):
        return None


def _in_words(tensor: Tensor) -> str:
    """The shape of a tensor, and its type if it is none of weights."""
    return f"{[*tensor.shape]}{'' if tensor.is_floating_point() else f' of {tensor.dtype}'.replace('torch.', '')}"


def _told(wrong: Sequence[str], how: str, near: Sequence[str] = ()) -> Sequence[str]:
    """A sentence on weights with which something is wrong, with the nearest of other names; none if there are none."""
    if not wrong:
        return []
    count = "1 is" if len(wrong) == 1 else f"{len(wrong)} are"
    return [f"{count} {how}: {_ended(first_of(wrong, 2))}{did_you_mean(wrong[0], near[:MOST_COMPARED])}"]


def _ended(text: str) -> str:
    """A sentence with its full stop, if it does not end in dots already."""
    return text if text.endswith("...") else f"{text}."


def _stored_names(network: Generator) -> dict[str, str]:
    """The names of a network's weights, as one gets them from it, and as they stand in its state."""
    return {re.sub(r"parametrizations\.(\w+)\.original$", r"\1", name): name for name in network.state_dict()}


def _origin(path: Path, names: WeightNames, experiment: Experiment) -> dict[str, Any]:
    """Where imported weights come from, without places of this machine."""
    needed, versions = without_places(plugins_of(experiment)), {"gankit": __version__}
    imported = {"file": path.name, "sha256": sha256_of(path), "system": names.system}
    return {"experiment": experiment.name, "imported": imported, "plugins": needed, "versions": versions}
