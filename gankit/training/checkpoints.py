"""Weights on disk: one folder a checkpoint, safetensors only, never code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from gankit.config import Experiment
from gankit.errors import UserError
from gankit.training.networks import Generator, Shape

if TYPE_CHECKING:
    from gankit.training.trainer import Trainer


def save(folder: Path, trainer: Trainer, keep: int) -> Path:
    """Write the networks and the averaged generator to `folder`/<images>, then drop all but the newest `keep`.

    A checkpoint is complete or absent: it is written aside and renamed.
    """
    target = folder / f"{trainer.images:012d}"
    aside = folder / f".{target.name}.partial"
    aside.mkdir(parents=True)
    for name in ("generator", "discriminator", "average"):
        _save_weights(getattr(trainer, name), aside / f"{name}.safetensors")
    moment = {"images": trainer.images, "resolution": trainer.grown.resolution, "alpha": trainer.grown.alpha}
    (aside / "moment.json").write_text(json.dumps(moment) + "\n")
    aside.rename(target)
    for old in found(folder)[:-keep]:
        shutil.rmtree(old)
    return target


def found(folder: Path) -> list[Path]:
    """The complete checkpoints in `folder`, oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if (path / "moment.json").is_file())


def load_average(run: Path, experiment: Experiment, device: torch.device) -> Generator:
    """The averaged generator of the newest checkpoint of a run, in eval mode and grown as it was.

    Raises:
        UserError: if there is no checkpoint or it cannot be read.
    """
    checkpoints = found(run / "checkpoints")
    if not checkpoints:
        raise UserError(f"{run}: no checkpoint yet; one is written at the end of each stage")
    newest = checkpoints[-1]
    generator = Generator(experiment.generator, Shape.of(experiment)).placed(device)
    try:
        generator.load_state_dict(load_file(newest / "average.safetensors", device=str(device)))
        moment = json.loads((newest / "moment.json").read_text())
        generator.grow(moment["resolution"], moment["alpha"])
    except Exception as problem:  # safetensors and torch raise many kinds for a damaged or foreign file
        raise UserError(f"{newest}: cannot be read as a checkpoint of this experiment: {problem}") from None
    return generator.eval().requires_grad_(False)


def _save_weights(network: nn.Module, path: Path) -> None:
    """Write all parameters and buffers."""
    save_file({name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}, path)
