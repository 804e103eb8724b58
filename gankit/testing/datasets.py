"""Rules for data sets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from gankit.core.errors import UserError
from gankit.core.registry import RegistryEntry
from gankit.data.images import RealImages
from gankit.kinds import Dataset
from gankit.testing.experiments import complaints, experiment_with
from gankit.testing.keeping import stir_randomness
from gankit.testing.rules import Broken, Trial, rule

RESOLUTIONS = (8, 4, 16)
"""Where a data set is tried, as far as it can be had there."""
PATIENCE = 0.5
"""Seconds; a data set that takes longer to load is tried at one resolution only."""
MOST_IN_COMMON = 0.1
"""Share of the images for testing that may be among the others, as small ones may look the same by chance."""


@rule(Dataset, examples=2, implied=("loads-the-same-again", "tests-on-other-images"))
def loads_what_it_says(trial: Trial[Dataset]) -> None:
    """At each resolution it loads uint8 images of the channels and size that it says, and int64 labels."""
    for resolution in _resolutions(trial):
        try:
            loaded = _loaded(trial.entry, trial.component.model_dump_json(), resolution)
        except UserError as wrong:
            raise Broken(f"at resolution {resolution}: {wrong}") from None
        if loaded.at(resolution).shape[1] not in (1, 3, 4):
            raise Broken(f"its images have {loaded.at(resolution).shape[1]} channels; there are 1, 3 or 4")


@rule(Dataset, examples=2)
def loads_the_same_again(trial: Trial[Dataset]) -> None:
    """Loaded again it gives the same images and labels in the same order, to the last bit."""
    options = trial.component.model_dump_json()
    for resolution in _resolutions(trial):
        first = _loaded(trial.entry, options, resolution)
        stir_randomness(2)
        images, labels = trial.entry.component.model_validate_json(options).load(resolution)  # pyright: ignore
        if images.shape != first.at(resolution).shape or not np.array_equal(images, first.at(resolution)):
            raise Broken(
                f"at resolution {resolution} other images, or others first, came the second time; sort files by their "
                "paths, and draw by a seed that is an option"
            )
        if labels is not None and first.labels is not None and not np.array_equal(labels, first.labels):
            raise Broken(f"at resolution {resolution} other labels came the second time")


@rule(Dataset, examples=2)
def tests_on_other_images(trial: Trial[Dataset]) -> None:
    """Its test part, if it has one, has the same form and hardly an image in common with it."""
    test = trial.component.test_part()
    if test is None:
        return
    own, other = ((part.image_channels(), part.aspect(), part.class_count()) for part in (trial.component, test))
    if own != other:
        raise Broken(f"channels, aspect and classes are {own}, those of its test part {other}")
    for resolution in list(_resolutions(trial))[:1]:
        loaded = _loaded(trial.entry, trial.component.model_dump_json(), resolution)
        images = {image.tobytes() for image in loaded.at(resolution)}
        tested = RealImages(test, [resolution]).at(resolution)
        common = sum(image.tobytes() in images for image in tested)
        if common > MOST_IN_COMMON * len(tested):
            raise Broken(f"{common} of the {len(tested)} images of test_part() are among those that are trained on")


def _resolutions(trial: Trial[Dataset]) -> Iterator[int]:
    """The resolutions at which a data set can be had, the first alone if that takes long; skips what is not here."""
    since = time.monotonic()
    for resolution in RESOLUTIONS:
        experiment = experiment_with(trial.component, growth__final=resolution)
        if lacking := trial.component.missing(experiment):
            trial.skip(lacking)
        if not complaints(trial.component, experiment):
            yield resolution
        if time.monotonic() - since > PATIENCE:
            return


@lru_cache(maxsize=8)
def _loaded(entry: RegistryEntry, options: str, resolution: int) -> RealImages:
    """A data set at one resolution, which is checked as it is for training."""
    stir_randomness(1)
    return RealImages(entry.component.model_validate_json(options), [resolution])  # pyright: ignore[reportArgumentType]
