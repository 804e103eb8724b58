"""Make the weights of a bundled classifier again: python -m gankit_fidelity.train_classifier digits|fashion-mnist.

The accuracy that is printed at the end is measured on images that training never saw: every fifth scan of
scikit-learn's digits, from the first on, and the test split of Fashion-MNIST. Equal versions of torch on equal
processors give equal bytes; others give other weights and with them another scale of FID, so the files that are
shipped are named by their hashes. For data of your own there is `gankit extractor train`.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch  # noqa: TID253

from gankit import LabelledImages, UserError
from gankit_fidelity import extractors
from gankit_fidelity.classifier_trainer import Pictures, Recipe, accuracy, as_file, train
from gankit_fidelity.modules import Classifier
from gankit_images import datasets

HELD_OUT_EVERY = 5


def digits(held_out: bool) -> LabelledImages:
    """Every fifth digit, or all others."""
    images, classes = datasets.Digits(labels=True).load(16)
    assert classes is not None
    chosen = (np.arange(len(images)) % HELD_OUT_EVERY == 0) == held_out
    return LabelledImages(images[chosen], classes[chosen])


def fashion_mnist(held_out: bool) -> LabelledImages:
    """The test split, or the train split."""
    return datasets.FashionMnist(split="test" if held_out else "train", labels=True).load(32)


SOURCES: dict[str, Callable[[bool], LabelledImages]] = {"digits": digits, "fashion-mnist": fashion_mnist}
RECIPES = {
    "digits": Recipe(extractors.Digits.shape, epochs=15, learning_rate=2e-3),
    "fashion-mnist": Recipe(extractors.FashionMnist.shape, epochs=5),
}


def pictures(name: str, held_out: bool) -> Pictures:
    """The images that are held out from training the classifier called `name`, or all others."""
    images, classes = SOURCES[name](held_out)
    return Pictures(torch.from_numpy(images).expand(-1, 3, -1, -1), torch.from_numpy(classes))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write the weights, and print what they are worth."""
    parser = argparse.ArgumentParser(description="Make the weights of a bundled classifier again.")
    parser.add_argument("name", choices=RECIPES, help="the extractor they are for")
    parser.add_argument("-o", "--output", type=Path, help="where to write them; NAME.safetensors if not given")
    given = parser.parse_args(arguments)
    recipe, output = RECIPES[given.name], given.output or Path(f"{given.name}.safetensors")
    try:
        content = as_file(train(recipe, pictures(given.name, held_out=False)))
    except UserError as problem:
        parser.error(str(problem))
    output.write_bytes(content)
    right = accuracy(Classifier.of(content, recipe.shape), pictures(given.name, held_out=True))
    print(f"held-out accuracy {right:.4f}")
    print(f"sha256 {hashlib.sha256(content).hexdigest()}  {output}")


if __name__ == "__main__":
    torch.set_num_threads(1)  # the order of sums, and with it the last bits, depends on it
    torch.use_deterministic_algorithms(True)
    main()
