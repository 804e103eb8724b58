"""A run that starts from the weights of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gankit.checkpoints.classes import CLASSES, class_count, class_names, with_classes
from gankit.checkpoints.store import chosen, load_weights, manifest_of
from gankit.config.yaml.marks import shortened
from gankit.core.errors import UserError
from gankit.core.failures import warn

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.training.trainer import Trainer

LONGEST_LIST = 200
"""Characters of a list of classes in a message."""


def listed(names: Sequence[str]) -> str:
    """Classes with their numbers, on a line: 0=ant, 1=bee."""
    return shortened(", ".join(f"{number}={name}" for number, name in enumerate(names)), LONGEST_LIST)


def with_classes_of_start(experiment: Experiment) -> Experiment:
    """The experiment with its classes numbered as the weights know them that `training.start_from` names, if any.

    Raises:
        UserError: if they cannot be read, or the classes of the data not told.
    """
    source = experiment.training.start_from
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


def transfer(experiment: Experiment, trainer: Trainer) -> None:
    """Take over the weights that `training.start_from` names, if it names any.

    Raises:
        UserError: if they cannot be read, or are those of other networks.
    """
    source = experiment.training.start_from
    if source is None:
        return
    path, weights = load_weights(source)
    try:
        trainer.load_weights(weights)
    except RuntimeError:
        reason = _other_classes(experiment, path, weights, trainer) or _other_shapes(weights, trainer)
        raise UserError(f"training.start_from: {path} does not fit this experiment: {reason}") from None


def _other_classes(
    experiment: Experiment, path: Path, weights: Mapping[str, Mapping[str, Tensor]], trainer: Trainer
) -> str | None:
    """That the weights are for other classes, if they are for another number of them."""
    manifest = manifest_of(path)
    there, here = class_count(experiment, manifest, weights["average"]), trainer.generator.context.classes
    if there == here:
        return None
    theirs = _in_words(there, class_names(experiment, manifest, there))
    ours = _in_words(here, experiment.data.class_names())
    return f"it was trained with {theirs}, and the data here has {ours}; start from weights for the same classes"


def _in_words(count: int, names: Sequence[str]) -> str:
    return f"{count} classes ({listed(names)})" if count else "no classes"


def _other_shapes(weights: Mapping[str, Mapping[str, Tensor]], trainer: Trainer) -> str:
    """The first weights that are not of the shape wanted, and how many more there are."""
    other: list[str] = []
    for network, wanted in trainer.networks.items():
        here, there = _shapes(wanted.state_dict()), _shapes(weights[network])
        other += [
            f"{network}.{name} is {there.get(name, 'not there')} and should be {here.get(name, 'left out')}"
            for name in here | there
            if here.get(name) != there.get(name)
        ]
    more = f", and {len(other) - 1} more differ" if len(other) > 1 else ""
    return f"its networks are other ones: {other[0]}{more}"


def _shapes(state: Mapping[str, Any]) -> dict[str, list[int]]:
    return {name: [*tensor.shape] for name, tensor in state.items()}
