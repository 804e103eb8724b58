"""How small classifiers are trained: those that come with gankit, and those of users on their own labelled images."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
import yaml
from pydantic import Field
from safetensors.torch import save
from torch import Tensor  # noqa: TID253

from gankit import Dataset, Options, UserError
from gankit.core.failures import warn
from gankit.core.files import write_at_once
from gankit.data.images import RealImages
from gankit.runs.components import choose_device
from gankit.training.eager import eager
from gankit_fidelity.answers import ExtractorTrainAnswer
from gankit_fidelity.classifier_file import KEY, Card, Shape
from gankit_fidelity.modules import Classifier

BATCH = 64
SHIFT = 1
"""Images are moved by up to so many pixels either way; nothing mirrors, blurs or adds noise, which features should
notice."""
SHOWN = 300_000
"""Images that training shows if the epochs are not given: five times all of Fashion-MNIST."""
MOST_EPOCHS = 50
FEWEST_IMAGES = 20
"""Of which a tenth is held out."""
FLOOR = 0.5
"""The share of what guessing gets wrong that a classifier has to get right for its features to be trusted."""


class Pictures(NamedTuple):
    """Labelled images as extractors see them."""

    images: Tensor
    """uint8 [N, 3, H, W], or of as many bands."""
    classes: Tensor
    """int64 [N]."""


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained."""

    shape: Shape
    epochs: int
    learning_rate: float = 1e-2
    """At the start; it falls to 0 along a cosine."""
    seed: int = 0
    """Decides the first weights, the order and the shifts; sets torch's global generator."""


def train(
    recipe: Recipe,
    pictures: Pictures,
    device: torch.device | str = "cpu",
    note: Callable[[int, float], None] = lambda epoch, loss: None,
) -> Classifier:
    """A classifier trained on `pictures`; takes seconds for digits, minutes for Fashion-MNIST.

    Args:
        recipe: Decides all that the pictures do not.
        pictures: At least two; what does not fill a last batch of an epoch is left out of it.
        device: Where to train.
        note: Told after each epoch its number, from 1, and the mean of its losses.
    """
    torch.manual_seed(recipe.seed)
    network = Classifier(recipe.shape).to(device)
    optimizer = eager(torch.optim.Adam)(network.parameters(), lr=recipe.learning_rate)
    batch = min(BATCH, len(pictures.images))
    updates = len(pictures.images) // batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.epochs * updates)
    for epoch in range(recipe.epochs):
        losses = torch.zeros((), device=device)
        for chosen in torch.randperm(len(pictures.images)).split(batch)[:updates]:
            images, classes = shifted(pictures.images[chosen]).to(device), pictures.classes[chosen].to(device)
            loss = F.cross_entropy(network(images).logits, classes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.detach()
        note(epoch + 1, losses.item() / updates)
    return network.eval()


def shifted(images: Tensor) -> Tensor:
    """Each image [N, C, H, W] moved by up to SHIFT pixels, black where nothing was."""
    height, width = images.shape[2:]
    padded = F.pad(images, (SHIFT,) * 4)
    corners = torch.randint(0, 2 * SHIFT + 1, (len(images), 2)).tolist()
    return torch.stack([image[:, y : y + height, x : x + width] for image, (y, x) in zip(padded, corners, strict=True)])


@torch.no_grad()
def accuracy(network: Classifier, pictures: Pictures, device: torch.device | str = "cpu") -> float:
    """Share of the pictures whose class it names rightly."""
    guesses = torch.cat([network(batch.to(device)).logits.argmax(1).cpu() for batch in pictures.images.split(BATCH)])
    return (guesses == pictures.classes).double().mean().item()


def chance_accuracy(pictures: Pictures) -> float:
    """The accuracy of always naming the class that most of the pictures have."""
    return pictures.classes.bincount().max().item() / len(pictures.classes)


def doubt_of(accuracy: float, chance: float, images: int) -> str | None:
    """Why features of a classifier of this held-out accuracy are not to be trusted; None if they are.

    It must be two standard errors above chance on so many images, and above the floor: half way from chance to 1.
    """
    error, floor = math.sqrt(chance * (1 - chance) / images), chance + FLOOR * (1 - chance)
    if accuracy <= chance + 2 * error:
        return (
            f"a held-out accuracy of {accuracy:.2f} is not told from chance, {chance:.2f} give or take {2 * error:.2f} "
            f"on {images:,} images"
        )
    if accuracy < floor:
        return f"a held-out accuracy of {accuracy:.2f} is nearer to chance, {chance:.2f}, than to 1: below {floor:.2f}"
    return None


def as_file(network: Classifier, card: Card | None = None) -> bytes:
    """The network's weights in float16 as a safetensors file, which `card` describes in its header."""
    weights = {name: weight.half().cpu() for name, weight in network.state_dict().items()}
    return save(weights, {KEY: card.model_dump_json()} if card else None)


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


def train_own(options: TrainingOptions, output: Path, say: Callable[[str], None]) -> ExtractorTrainAnswer:
    """Train a classifier on most of the images, measure it on the others, and write it to `output`.

    Only a finished file takes the place of what is there; `say` is told how it goes, line by line.

    Returns:
        What the classifier is worth.

    Raises:
        UserError: if the data have no labels, are too few or cannot be read, or nothing can be written.
    """
    if not output.absolute().parent.is_dir():
        raise UserError(f"-o: there is no folder {output.absolute().parent}")
    data = with_labels(options.data)
    try:
        reals = RealImages(data, [options.size])
    except ValueError as problem:
        raise UserError(f"--size: {problem}") from None
    division = divided(reals)
    channels = 3 if data.image_channels() == 4 else data.image_channels()
    shape = Shape(size=options.size, widths=widths_for(options.size), classes=data.class_count(), channels=channels)
    images = len(division.train.images)
    epochs = options.epochs or min(MOST_EPOCHS, math.ceil(SHOWN / images))
    say(f"training on {images:,} images of {shape.classes} classes at {shape.size} pixels, {epochs} epochs")
    say(f"held out: {division.how}")
    start = time.monotonic()

    def progress(epoch: int, loss: float) -> None:
        passed = time.monotonic() - start
        left = passed / epoch * (epochs - epoch)
        say(f"epoch {epoch} of {epochs}: loss {loss:.3f}, {passed:.0f} s, {left:.0f} s left")

    device = choose_device("auto")
    network = train(Recipe(shape, epochs, seed=options.seed), division.train, device, progress)
    right = accuracy(Classifier.of(as_file(network), shape).to(device), division.held_out, device)
    how = {"data": reals.fingerprint, "held_out": division.how, "epochs": epochs, "seed": options.seed}
    try:
        write_at_once(output, as_file(network, Card(**shape.model_dump(), accuracy=right, **how)))
    except OSError as problem:
        raise UserError(f"-o: cannot write {output}: {problem.strerror}") from None
    chance = chance_accuracy(division.held_out)
    say(f"held-out accuracy {right:.4f} ({chance:.4f} by chance)")
    doubt = doubt_of(right, chance, len(division.held_out.classes))
    if doubt:
        warn(f"{doubt}; numbers measured with it say little: give it more images, --epochs or a larger --size")
    use = {"evaluation": {"extractor": {"use": "classifier", "weights": str(output.absolute())}}}
    say(f"wrote {output}; to measure with it, write into an experiment:\n\n{yaml.safe_dump(use, allow_unicode=True)}")
    return ExtractorTrainAnswer(wrote=str(output), accuracy=right, chance=chance, doubt=doubt)


def with_labels(data: Dataset) -> Dataset:
    """The data set with its labels.

    Raises:
        UserError: if it has none.
    """
    if getattr(data, "labels", None) is False:  # a folder may have told how they are read
        data = data.model_copy(update={"labels": True})
    if (classes := data.class_count()) < 2:
        raise UserError(f"--data: to learn from there must be two classes or more, but this data set has {classes}")
    return data


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
    seen = torch.from_numpy(images)
    if seen.shape[1] in (1, 4):  # the fourth channel is opacity, by which the colours are multiplied already
        seen = seen[:, :3].expand(-1, 3, -1, -1)
    return Pictures(seen, torch.from_numpy(classes))


def widths_for(size: int) -> tuple[int, ...]:
    """Channels of each convolution for images of `size` pixels; what the last sees is 8x8 pixels at most."""
    return 32, 64, *[128] * max(1, math.ceil(math.log2(size / 16)))
