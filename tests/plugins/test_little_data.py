"""What helps with little data, in training: by parts of a batch as by the whole."""

from __future__ import annotations

from typing import Any

import pytest
from support.parts import double_precision, largest_difference, with_steady_steps, with_training
from support.tiny import tiny, trainer

REMEDIES: dict[str, dict[str, Any]] = {
    "diffaugment": {"augment": "diffaugment"},
    "apa": {"augment": {"use": "apa", "start": 0.5, "over": 64, "target": -1}},
    "apa, with classes": {
        "data": {"use": "digits", "labels": True},
        "augment": {"use": "apa", "start": 0.5, "over": 64, "target": -1},
    },
    "instance-noise": {"augment": "instance-noise"},
    "diffusion-noise": {"augment": {"use": "diffusion-noise", "start": 0.5, "over": 64, "target": -1}},
    "lecam": {"regularizers": {"use": "lecam", "weight": 3, "decay": 0.5}},
    "lecam, lazy": {"regularizers": {"use": "lecam", "weight": 3, "every": 2}},
    "consistency": {"regularizers": "consistency"},
    "balanced-consistency": {"regularizers": {"use": "balanced-consistency", "transform": "diffaugment", "every": 2}},
    "latent-consistency": {"regularizers": "latent-consistency"},
}
"""Changes of an experiment by what they show."""


@pytest.mark.parametrize("remedy", REMEDIES)
def test_parts_of_a_batch_make_the_update_of_the_whole(remedy: str) -> None:
    experiment = with_steady_steps(tiny(**{"regularizers": [], "loss": "hinge"} | REMEDIES[remedy]))
    with double_precision():
        whole, parts = trainer(experiment), trainer(with_training(experiment, micro_batch={0: 2}))
        for _ in range(7):  # through the growth, which is after the fifth
            recorded, of_parts = whole.iteration(), parts.iteration()
            assert {name: float(of_parts[name]) for name in recorded} == pytest.approx(
                {name: float(scalar) for name, scalar in recorded.items()}, abs=1e-6
            )
    assert largest_difference(whole, parts) < 1e-9
