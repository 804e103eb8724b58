"""A run that starts from the weights of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.checkpoints.classes import CLASSES, attribute_names, class_count, class_names, with_classes
from gankit.checkpoints.store import chosen, load_weights, manifest_of
from gankit.core.errors import UserError
from gankit.core.failures import warn
from gankit.core.text import listed, names_in_short
from gankit.networks.protocols import transferable

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.training.trainer import Trainer


def with_classes_of_start(experiment: Experiment) -> Experiment:
    """The experiment with its classes numbered as the weights know them that `training.start_from` names, if any.

    Raises:
        UserError: if they cannot be read, or the classes of the data not told.
    """
    source = experiment.training.start_from
    if source is not None and (attributes := [*experiment.data.attribute_names()]):
        _refuse_other_order(source, attributes)
    if source is None or not (here := [*experiment.data.class_names()]):
        return experiment
    numbered = with_classes(experiment, manifest := manifest_of(chosen(source)))
    there = [*numbered.data.class_names()]
    known = manifest.get(CLASSES, there)
    if there == here or {*known} != {*here}:
        if CLASSES in manifest and len(known) == len(here) and known != here:
            warn(f"training.start_from: the classes were {listed(known)} in {source} and are {listed(here)} here")
        return experiment
    warn(f"training.start_from: classes are numbered as {source} knows them: {listed(there)}")
    return numbered


def _refuse_other_order(source: Path, here: Sequence[str]) -> None:
    """Refuse attributes that the weights know in another order, and say which others they know.

    Raises:
        UserError: then.
    """
    there = [*attribute_names(manifest_of(chosen(source)))]
    if there == here or not there:
        return
    known, given = names_in_short(there), names_in_short(here)
    if {*there} == {*here}:
        raise UserError(
            f"training.start_from: {source} knows the attributes in the order {known}, and the data gives {given}; "
            "give them in that order"
        )
    warn(f"training.start_from: the attributes were {known} in {source} and are {given} here")


def transfer(experiment: Experiment, trainer: Trainer) -> None:
    """Take over the weights that `training.start_from` names, if it names any, where name and shape are the same.

    Those that are not are told in a table on standard error; they begin as they would without.

    Raises:
        UserError: if the weights cannot be read, or none of generator and discriminator fits.
    """
    source = experiment.training.start_from
    if source is None:
        return
    path, weights = load_weights(source)
    here = _shapes({name: transferable(network) for name, network in trainer.networks.items()})
    there = _shapes({name: weights[name] for name in trainer.networks})
    for name in (
        _shapes({name: network.state_dict() for name, network in trainer.networks.items()}).keys() - here.keys()
    ):
        there.pop(name, None)  # belongs to that run
    fitting = {name for name, shape in here.items() if there.get(name) == shape}
    parameters = _shapes({name: dict(network.named_parameters()) for name, network in trainer.networks.items()}).keys()
    if not any(len(here[name]) > 1 for name in fitting & parameters):  # single biases are alike anywhere
        raise UserError(f"training.start_from: nothing of {path} fits this experiment:{_table(here, there)}")
    trainer.load_fitting(weights)
    if here != there:
        classes = _other_classes(experiment, path, weights, trainer)
        taken = f"{len(fitting)} of {len(here)} weights are taken from {path}{f', which {classes}' if classes else ''}"
        warn(f"training.start_from: {taken}; these are not, and begin as without it:{_table(here, there)}")


def _shapes(states: Mapping[str, Mapping[str, Tensor]]) -> dict[str, list[int]]:
    """The shape of each weight of some networks, by dotted name."""
    return {f"{network}.{key}": [*tensor.shape] for network, state in states.items() for key, tensor in state.items()}


def _table(here: Mapping[str, Sequence[int]], there: Mapping[str, Sequence[int]]) -> str:
    """What is not the same in two sets of shapes: other shapes one by one, what one of them lacks by part."""
    lines = [("", "here", "there")]
    lacking: dict[tuple[str, bool], int] = {}
    for name in {**here, **there}:
        if name in here and name in there:
            lines += [(name, str(here[name]), str(there[name]))] if here[name] != there[name] else []
        else:
            part = ".".join(name.split(".")[:3]), name in here
            lacking[part] = lacking.get(part, 0) + 1
    for (part, is_here), count in lacking.items():
        weights = f"{count} weight{'s' * (count > 1)}"
        lines.append((part, weights, "none") if is_here else (part, "none", weights))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    cells = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "".join(f"\n  {'  '.join(line)}".rstrip() for line in cells)


def _other_classes(
    experiment: Experiment, path: Path, weights: Mapping[str, Mapping[str, Tensor]], trainer: Trainer
) -> str | None:
    """What other number of classes the weights are for, if they are for another one."""
    manifest = manifest_of(path)
    there, here = class_count(experiment, manifest, weights["average"]), trainer.generator.context.classes
    if there == here:
        return None
    theirs = _in_words(there, class_names(experiment, manifest, there))
    ours = _in_words(here, experiment.data.class_names())
    return f"was trained with {theirs} where the data here has {ours}"


def _in_words(count: int, names: Sequence[str]) -> str:
    return f"{count} classes ({listed(names)})" if count else "no classes"
