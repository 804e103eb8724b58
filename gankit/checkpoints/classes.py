"""The classes and attributes that a run began with, as its checkpoints keep them; before they did, weights tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gankit.checkpoints.integrity import newest_manifest
from gankit.core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.config.experiment import Experiment

CLASSES = "classes"
"""What a checkpoint's manifest calls the names of the classes, in the order of their numbers."""
ATTRIBUTES = "attributes"
"""What it calls the names of the numbers that labels are vectors of."""


def with_classes(experiment: Experiment, manifest: Mapping[str, Any]) -> Experiment:
    """The experiment with data whose classes are those that a checkpoint keeps, whatever the disk holds by now."""
    return experiment.model_copy(update={"data": experiment.data.with_classes(manifest.get(CLASSES))})


def with_classes_of(experiment: Experiment, run: Path) -> Experiment:
    """The experiment with the classes that a run's newest whole checkpoint keeps; unchanged if there is none."""
    manifest = newest_manifest(run)
    return with_classes(experiment, manifest) if manifest else experiment


def class_count(experiment: Experiment, manifest: Mapping[str, Any], weights: Mapping[str, Tensor]) -> int:
    """How many classes a checkpoint's networks were built for.

    Args:
        experiment: What was trained.
        manifest: The checkpoint's.
        weights: Those of its generator, averaged or not, which tell it where the manifest does not.
    """
    if CLASSES in manifest:
        return len(manifest[CLASSES])
    try:
        if not experiment.data.class_count():
            return 0
    except UserError:  # the images are gone
        pass
    return class_count_of_weights(experiment, weights)


def class_count_of_weights(experiment: Experiment, average: Mapping[str, Tensor]) -> int:
    """The number of classes at which the experiment's generator has weights of these shapes; 0 if none is for labels.

    Wherever it stands in a shape, it stands there as a multiple: two generators of few classes tell of which.
    """
    from gankit.networks.generator import Generator
    from gankit.networks.growing import ImageShape
    from gankit.training import randomness

    with randomness.untouched():
        one, two = (
            Generator(experiment.generator, ImageShape.of(experiment, classes, 0)).state_dict() for classes in (1, 2)
        )
    for name, tensor in two.items():
        for axis, (less, more) in enumerate(zip(one[name].shape, tensor.shape, strict=True)):
            if less != more:
                shape = average[name].shape if name in average else ()
                return (shape[axis] - less) // (more - less) + 1 if axis < len(shape) else 0
    return 0


def attribute_names(manifest: Mapping[str, Any]) -> Sequence[str]:
    """What the numbers are called that a checkpoint's networks take in place of a class; none without."""
    return manifest.get(ATTRIBUTES, ())


def class_names(experiment: Experiment, manifest: Mapping[str, Any], count: int) -> Sequence[str]:
    """What a checkpoint's `count` classes are called: as it keeps them, as the images tell, or by their numbers."""
    if CLASSES in manifest:
        return manifest[CLASSES]
    try:
        names = with_classes(experiment, manifest).data.class_names()
    except UserError:
        names = ()
    return names if len(names) == count else [str(number) for number in range(count)]
