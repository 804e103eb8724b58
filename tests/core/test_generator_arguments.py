"""What a trained generator is given from Python: numbers of numpy and torch, and mistakes answered in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from support.tiny import tiny
from support.untrained import untrained

from gankit import UserError
from gankit.generators.trained import TrainedGenerator


@pytest.fixture(scope="module")
def styled() -> TrainedGenerator:
    """A small StyleGAN with a class for every digit."""
    options = {"mapping": {"use": "style", "layers": 2, "width": 8}, "stem": "stylegan", "block": "stylegan"}
    network = {"rgb": "rgb", "channels": {4: 8, 8: 4}, "latent": 8, "norm": ["equalized", "adaptive-instance"]}
    return untrained(tiny(generator=network | options, data={"use": "digits", "labels": True}))


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda g: g.sample(3.0), "n: expected a whole number, not 3.0"),
        (lambda g: g.sample("3"), "n: expected a whole number, not '3'"),
        (lambda g: g.sample(0), "n: expected at least one image, not 0"),
        (lambda g: g.sample(10**13), "n: "),
        (lambda g: g.sample(1, seed=1.5), "seed: expected a whole number, not 1.5"),
        (lambda g: g.sample(1, truncation="0.5"), "truncation: expected a number, not '0.5'"),
        (lambda g: g.sample(1, truncation=float("nan")), "truncation: expected a number, not nan"),
        (lambda g: g.sample(1, truncation=0.5, cutoff=-1), "cutoff: expected 1 or more, not -1"),
        (lambda g: g.latents(3), "seeds: expected a list of whole numbers, not 3"),
        (lambda g: g.latents("12"), "seeds: expected a list of whole numbers, not '12'"),
        (lambda g: g.latents([1.5]), "seeds: expected a whole number, not 1.5"),
        (lambda g: g.of_seeds(3, 0), "seeds: expected a list of whole numbers, not 3"),
        (lambda g: g.of_seeds([1, 2], 0, noise=[1]), "noise: expected a seed for each of 2 images, not 1"),
        (lambda g: g(np.zeros((2, 8)), 0), "z: expected a tensor, latents [N, 8], not ndarray"),
        (lambda g: g(None, 0), "z: expected a tensor, latents [N, 8], not NoneType"),
        (lambda g: g(g.latents([1]), 0, noise=None), "noise: expected a list of whole numbers, not None"),
        (lambda g: g(g.latents([1]), 0, noise=[0.5]), "noise: expected a whole number, not 0.5"),
        (lambda g: g(g.latents([1]), ["3"]), "labels: expected the numbers of classes, or the name of one, not ['3']"),
        (lambda g: g(g.latents([1]), object()), "labels: expected the numbers of classes, or the name of one"),
        (lambda g: g.synthesize(torch.zeros(1, 8), 0), "styles: expected styles [N, "),
        (lambda g: g.synthesize(torch.zeros(1, 1, 8), 0), "styles: expected styles [N, "),
        (lambda g: g.at(1, alpha="half"), "alpha: expected a number, not 'half'"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    styled: TrainedGenerator, ask: Callable[[TrainedGenerator], object], said: str
) -> None:
    with pytest.raises(UserError) as mistake:
        ask(styled)
    assert str(mistake.value).startswith(said)


def test_numbers_of_numpy_and_torch_are_as_good_as_pythons(styled: TrainedGenerator) -> None:
    assert torch.equal(styled.sample(np.int64(2), seed=np.int64(1)), styled.sample(2, seed=1))  # pyright: ignore
    z = styled.latents([3, 4])
    assert torch.equal(styled.latents(np.array([3, 4])), z)  # pyright: ignore
    assert torch.equal(styled.latents(seed for seed in (3, 4)), z)  # pyright: ignore[reportArgumentType]
    images = styled(z, 1, noise=[3, 4])
    assert torch.equal(styled(z.double(), np.int64(1), noise=np.array([3, 4])), images)  # pyright: ignore
    assert torch.equal(styled.of_seeds(torch.tensor([3, 4]), 1, noise=np.array([3, 4])), styled.of_seeds([3, 4], 1))  # pyright: ignore
