"""How small classifiers are trained: those that come with gankit, and those of users."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from safetensors.torch import save
from torch import Tensor  # noqa: TID253

from gankit_fidelity.classifier_file import KEY, Card, Shape
from gankit_fidelity.modules import Classifier

BATCH = 64
SHIFT = 1
"""Images are moved by up to so many pixels either way; nothing mirrors, blurs or adds noise, which features should
notice."""


class Pictures(NamedTuple):
    """Labelled images as extractors see them."""

    images: Tensor
    """uint8 [N, 3, H, W]."""
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
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
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
    """Share of the pictures that are told right."""
    guesses = torch.cat([network(batch.to(device)).logits.argmax(1).cpu() for batch in pictures.images.split(BATCH)])
    return (guesses == pictures.classes).double().mean().item()


def as_file(network: Classifier, card: Card | None = None) -> bytes:
    """The network's weights in float16 as a safetensors file, which `card` describes in its header."""
    weights = {name: weight.half().cpu() for name, weight in network.state_dict().items()}
    return save(weights, {KEY: card.model_dump_json()} if card else None)
