"""Each growing system at 1024x1024: built as in its paper but for the channels, one update in the middle of a fade."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.tiny import trainer

from gankit import Dataset, LabelledImages
from gankit.config.loader import load_experiment
from gankit.core.registry import register, restored

PAPERS = Path(__file__).parents[2] / "experiments" / "papers"
FEW = "{4: 8, 64: 4, 128: 4, 256: 2, 512: 2, 1024: 2}"
SYSTEMS = [
    "pggan-celebahq-1024",
    "stylegan-ffhq-1024",
    "stylegan-celebahq-1024-wgan-gp",
    "residual-attention-celeba-128",
]


class Noise(Dataset):
    """Four pictures of noise."""

    def image_channels(self) -> int:
        return 3

    def load(self, resolution: int) -> LabelledImages:
        shape = (4, 3, resolution, resolution)
        return LabelledImages(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), None)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_an_update_at_1024_pixels(name: str) -> None:
    changes = {
        "data": "noise",
        "growth.final": "1024",
        "growth.fade": "0.5",
        "generator.channels": FEW,
        "discriminator.channels": FEW,
        "training.batch": "2",
        "training.average": "exponential",
        "training.device": "cpu",
        "evaluation.extractor": "digits",
    }
    with restored():
        register("images", "noise", Noise)
        made = trainer(load_experiment(PAPERS / f"{name}.yaml", [f"{key}={value}" for key, value in changes.items()]))
        last = made.stages[-1]
        made.images = made.ends[-1] - last.images + last.fade // 2
        losses = made.iteration()
    assert (made.now.resolution, made.now.alpha) == (1024, 0.5)
    assert all(bool(loss.isfinite()) for loss in losses.values())
    assert made.sample(0, 1, seed=0).shape == (1, 3, 1024, 1024)
