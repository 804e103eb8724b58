"""Train the weights of a bundled classifier again: python -m gankit_fidelity.train_classifier digits|fashion-mnist.

The accuracy that is printed at the end is measured on images that training never saw: every fifth scan of
scikit-learn's digits, from the first on, and the test split of Fashion-MNIST. Equal versions of torch on equal
processors give equal bytes; others give other weights and with them another scale of FID, so the files that are
shipped are named by their hashes.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from safetensors.torch import save
from torch import Tensor  # noqa: TID253

from gankit import LabelledImages, UserError
from gankit_fidelity import extractors
from gankit_fidelity.modules import Classifier
from gankit_images import datasets

HELD_OUT_EVERY = 5
BATCH = 64
SHIFT = 1
"""Images are moved by up to so many pixels either way; nothing mirrors, blurs or adds noise, which features should
notice."""


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained."""

    shape: extractors.Shape
    load: Callable[[bool], LabelledImages]
    """The images that are held out, or all others, at the size that the network sees."""
    epochs: int
    learning_rate: float
    """At the start; it falls to 0 along a cosine."""

    def pictures(self, held_out: bool) -> tuple[Tensor, Tensor]:
        """The images that are held out, or all others, uint8 [N, 3, H, W], and their classes, int64 [N]."""
        images, classes = self.load(held_out)
        return torch.from_numpy(images).expand(-1, 3, -1, -1), torch.from_numpy(classes)


def digits(held_out: bool) -> LabelledImages:
    """Every fifth digit, or all others."""
    images, classes = datasets.Digits(labels=True).load(16)
    assert classes is not None
    chosen = (np.arange(len(images)) % HELD_OUT_EVERY == 0) == held_out
    return LabelledImages(images[chosen], classes[chosen])


def fashion_mnist(held_out: bool) -> LabelledImages:
    """The test split, or the train split."""
    return datasets.FashionMnist(split="test" if held_out else "train", labels=True).load(32)


RECIPES = {
    "digits": Recipe(extractors.Digits.shape, digits, epochs=15, learning_rate=2e-3),
    "fashion-mnist": Recipe(extractors.FashionMnist.shape, fashion_mnist, epochs=5, learning_rate=1e-2),
}


def train(recipe: Recipe, seed: int = 0) -> Classifier:
    """A classifier trained on the images that are not held out; takes seconds for digits, minutes for Fashion-MNIST.

    Args:
        recipe: Decides the network and what it learns from.
        seed: Decides the first weights, the order and the shifts; sets torch's global generator.
    """
    torch.manual_seed(seed)
    images, classes = recipe.pictures(held_out=False)
    network = Classifier(recipe.shape)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    updates = recipe.epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(images)).split(BATCH)[: len(images) // BATCH]:
            loss = F.cross_entropy(network(shifted(images[chosen])).logits, classes[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def shifted(images: Tensor) -> Tensor:
    """Each image [N, C, H, W] moved by up to SHIFT pixels, black where nothing was."""
    height, width = images.shape[2:]
    padded = F.pad(images, (SHIFT,) * 4)
    corners = torch.randint(0, 2 * SHIFT + 1, (len(images), 2)).tolist()
    return torch.stack([image[:, y : y + height, x : x + width] for image, (y, x) in zip(padded, corners, strict=True)])


@torch.no_grad()
def accuracy(network: Classifier, recipe: Recipe) -> float:
    """Share of the held-out images that are told right."""
    images, classes = recipe.pictures(held_out=True)
    guesses = torch.cat([network(batch).logits.argmax(1) for batch in images.split(BATCH)])
    return (guesses == classes).double().mean().item()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write the weights as float16, and print what they are worth."""
    parser = argparse.ArgumentParser(description="Train the weights of a bundled classifier again.")
    parser.add_argument("name", choices=RECIPES, help="the extractor they are for")
    parser.add_argument("-o", "--output", type=Path, help="where to write them; NAME.safetensors if not given")
    given = parser.parse_args(arguments)
    recipe, output = RECIPES[given.name], given.output or Path(f"{given.name}.safetensors")
    try:
        network = train(recipe)
    except UserError as problem:
        parser.error(str(problem))
    content = save({name: weight.half() for name, weight in network.state_dict().items()})
    output.write_bytes(content)
    print(f"held-out accuracy {accuracy(Classifier.of(content, recipe.shape), recipe):.4f}")
    print(f"sha256 {hashlib.sha256(content).hexdigest()}  {output}")


if __name__ == "__main__":
    torch.set_num_threads(1)  # the order of sums, and with it the last bits, depends on it
    torch.use_deterministic_algorithms(True)
    main()
