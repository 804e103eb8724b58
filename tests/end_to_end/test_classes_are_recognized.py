"""A classifier of real digits recognizes in generated ones the classes that were asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC
from support.command import gankit
from torch import Tensor

from gankit import load

BIGGAN = Path(__file__).parents[2] / "experiments" / "small" / "biggan-digits.yaml"
EACH = 100
"""Images of each class."""


def at_8x8(images: Tensor) -> np.ndarray:
    """Images [N, 1, 16, 16] in [-1, 1] as the classifier has them, [N, 64] in [0, 16]."""
    smaller = torch.nn.functional.avg_pool2d(images.clamp(-1, 1), 2)
    return (8 * (smaller + 1)).flatten(1).numpy()


def classifier() -> tuple[SVC, float]:
    """A support vector machine of scikit-learn's digits at their own 8x8, and its accuracy on those held out."""
    images, labels = load_digits(return_X_y=True)
    seen, unseen, their_labels, labels_unseen = train_test_split(
        images, labels, test_size=0.25, random_state=0, stratify=labels
    )
    machine = SVC().fit(seen, their_labels)
    return machine, float(machine.score(unseen, labels_unseen))


@pytest.mark.slow
def test_generated_digits_are_of_the_classes_that_were_asked_for(tmp_path: Path) -> None:
    run = gankit(["run", BIGGAN, "--out", "run"], tmp_path)
    assert run.returncode == 0, run.stderr
    machine, held_out = classifier()
    assert held_out > 0.97
    generator = load(tmp_path / "run")
    shares = []
    for label in range(10):
        found = machine.predict(at_8x8(generator.sample(EACH, seed=1, label=label)))
        shares.append(float((found == label).mean()))
    print(f"{held_out:.1%} of unseen reals, {np.mean(shares):.1%} of generated: {[f'{share:.0%}' for share in shares]}")
    assert np.mean(shares) >= 0.9
