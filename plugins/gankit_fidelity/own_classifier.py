"""Trains an extractor on a user's own labelled images."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch  # noqa: TID253
import yaml
from pydantic import Field

from gankit import Dataset, Options, UserError
from gankit.core.files import write_at_once
from gankit.data.images import RealImages
from gankit.runs.components import choose_device
from gankit_fidelity.classifier_file import Card, Shape
from gankit_fidelity.modules import Classifier
from gankit_fidelity.training import Pictures, Recipe, accuracy, as_file, train

SHOWN = 300_000
"""Images that training shows if the epochs are not given: five times all of Fashion-MNIST."""
MOST_EPOCHS = 50
FEWEST_IMAGES = 20
"""Of which a tenth is held out."""


class TrainingOptions(Options):
    """What the user may choose."""

    data: Dataset
    """The labelled images."""
    epochs: int | None = Field(default=None, ge=1)
    """How often training sees each image."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Decides the first weights, the order and the shifts."""
    size: int = Field(default=32, ge=8, le=256)
    """Height and width of the images that the network sees, in pixels."""


class Division(NamedTuple):
    """Labelled images, divided."""

    train: Pictures
    held_out: Pictures
    how: str
    """Which are held out, in words."""


def train_own(options: TrainingOptions, output: Path, say: Callable[[str], None]) -> None:
    """Train a classifier on most of the images, measure it on the others, and write it to `output`.

    Args:
        options: What to train on, and how.
        output: The file to write; only a finished one takes the place of what is there.
        say: Told how it goes, line by line.

    Raises:
        UserError: if the data have no labels, are too few or cannot be read, or nothing can be written.
    """
    if not output.absolute().parent.is_dir():
        raise UserError(f"-o: there is no folder {output.absolute().parent}")
    data = with_labels(options.data)
    reals = loaded(data, options.size)
    division = divided(reals)
    shape = Shape(
        options.size, widths_for(options.size), data.class_count(), channels=1 if data.image_channels() == 1 else 3
    )
    images = len(division.train.images)
    recipe = Recipe(shape, options.epochs or min(MOST_EPOCHS, math.ceil(SHOWN / images)), seed=options.seed)
    say(f"training on {images:,} images of {shape.classes} classes at {shape.size} pixels, {recipe.epochs} epochs")
    say(f"held out: {division.how}")
    device = choose_device("auto")
    network = train(recipe, division.train, device, Progress(recipe.epochs, say))
    right = accuracy(Classifier.of(as_file(network), shape).to(device), division.held_out, device)
    card = Card(
        **shape._asdict(),
        data=reals.fingerprint,
        held_out=division.how,
        accuracy=right,
        epochs=recipe.epochs,
        seed=recipe.seed,
    )
    try:
        write_at_once(output, as_file(network, card))
    except OSError as problem:
        raise UserError(f"-o: cannot write {output}: {problem.strerror}") from None
    say(f"held-out accuracy {right:.4f}")
    use = {"evaluation": {"extractor": {"use": "classifier", "weights": str(output.absolute())}}}
    say(f"wrote {output}; to measure with it, write into an experiment:\n\n{yaml.safe_dump(use, allow_unicode=True)}")


def with_labels(data: Dataset) -> Dataset:
    """The data set with its labels.

    Raises:
        UserError: if it has none.
    """
    if "labels" in type(data).model_fields:
        data = data.model_copy(update={"labels": True})
    if (classes := data.class_count()) < 2:
        raise UserError(f"--data: to learn from there must be two classes or more, but this data set has {classes}")
    return data


def loaded(data: Dataset, size: int) -> RealImages:
    """All images at the size that the network sees.

    Raises:
        UserError: if they cannot be had, at this size or at all.
    """
    try:
        return RealImages(data, [size])
    except ValueError as problem:
        raise UserError(f"--size: {problem}") from None


def divided(reals: RealImages) -> Division:
    """All images and those of the data set's own test part; without one, nine tenths and a tenth by their hash.

    Raises:
        UserError: if there are too few, or the test part cannot be read.
    """
    if reals.count < FEWEST_IMAGES:
        raise UserError(f"--data: {reals.count} images are too few to learn from; {FEWEST_IMAGES} are the least")
    test = reals.test_part
    if test is not None:
        how = f"{test.count:,} images, the data set's own test part"
        return Division(pictures(reals), pictures(test), how)
    order = reals.order_by_hash(seed=0)
    held_out = reals.count // 10
    how = f"{held_out:,} images, a tenth by their hash"
    return Division(pictures(reals, np.sort(order[held_out:])), pictures(reals, np.sort(order[:held_out])), how)


def pictures(reals: RealImages, chosen: np.ndarray | None = None) -> Pictures:
    """The images at the positions `chosen`, or all, as extractors see them."""
    images, classes = reals.at(reals.final), reals.labels
    assert classes is not None
    if chosen is not None:
        images, classes = images[chosen], classes[chosen]
    seen = torch.from_numpy(images)[:, :3]  # the fourth channel is opacity, by which the colours are multiplied already
    return Pictures(seen.expand(-1, 3, -1, -1), torch.from_numpy(classes))


def widths_for(size: int) -> tuple[int, ...]:
    """Channels of each convolution for images of `size` pixels; what the last sees is 8x8 pixels at most."""
    return 32, 64, *[128] * max(1, math.ceil(math.log2(size / 16)))


class Progress:
    """Tells how long training takes."""

    def __init__(self, epochs: int, say: Callable[[str], None]) -> None:
        self._epochs, self._say, self._start = epochs, say, time.monotonic()

    def __call__(self, epoch: int, loss: float) -> None:
        """Tell that an epoch is over."""
        passed = time.monotonic() - self._start
        left = passed / epoch * (self._epochs - epoch)
        self._say(f"epoch {epoch} of {self._epochs}: loss {loss:.3f}, {passed:.0f} s, {left:.0f} s left")
