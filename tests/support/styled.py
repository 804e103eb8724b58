"""A run of a small generator whose layers have styles of their own, and noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.tiny import tiny

from gankit.config.experiment import Experiment
from gankit.runs.start import begin

STAGES = {4: 16, 8: 32, 16: 32}
"""Images of each stage."""


def styled(**changes: Any) -> Experiment:
    """An experiment of such a generator, grown from 4x4 to 16x16 in seconds."""
    network = {"block": "stylegan/stylegan", "rgb": "rgb", "channels": {4: 8, 16: 4}}
    mapping = {"use": "style", "layers": 2, "width": 8}
    observers = ["guard", {"use": "sample-grid", "every": 16, "count": 4}]
    options = {
        "growth": {"use": "progressive", "start": 4, "final": 16, "images": STAGES, "fade": 0.5},
        "generator": network
        | {"mapping": mapping, "stem": "stylegan/stylegan", "norm": ["equalized", "adaptive-instance"], "latent": 8},
        "discriminator": network | {"head": "pggan", "norm": "equalized"},
        "observers": observers,
    }
    return tiny(**options | changes)


def styled_run(folder: Path, **changes: Any) -> Path:
    """The folder of a run of `styled` that is finished."""
    begin(styled(**changes), folder).train()
    return folder
