"""A generator in a folder: weights, what they are, a card and a picture; for the Hugging Face Hub, or to be sent.

config.json and its key `_class_name`, and the head of README.md, are called as diffusers and the Hub have it,
model.safetensors as transformers does; diffusers itself has no class that would load it.
"""

from __future__ import annotations

import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path

from gankit.core.errors import UserError
from gankit.data.images import as_pixels, images_at_a_time
from gankit.data.pictures import class_rows, grid, save_png
from gankit.exports.card import CardOptions, model_card
from gankit.generators.exported import FOLDER_WEIGHTS, Description, write_export
from gankit.generators.trained import TrainedGenerator
from gankit.results.run_results import RunResults
from gankit.training.sampler import SampleOptions, sample

CONFIG, CARD, SAMPLES = "config.json", "README.md", "samples.png"


def write_folder(folder: Path, generator: TrainedGenerator, run: RunResults | str, options: CardOptions) -> None:
    """Write all of it, the same bytes for the same generator and card; complete or not there.

    Args:
        folder: Where to: there is none, or it is empty.
        generator: What is written.
        run: What its run has to show, or why that is not known, in words.
        options: What the card says beside.

    Raises:
        UserError: if the folder is not empty.
        OSError: if it cannot be written.
    """
    folder = folder.absolute()
    if folder.is_dir():
        folder = folder.resolve()
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft.mkdir()
    try:
        write_export(draft / FOLDER_WEIGHTS, generator)
        (draft / CONFIG).write_text(json.dumps(_config(generator), indent=2) + "\n", encoding="utf-8")
        _draw(draft / SAMPLES, generator)
        (draft / CARD).write_text(model_card(generator, run, options), encoding="utf-8")
        try:
            draft.replace(folder)
        except OSError:
            if folder.is_dir() and any(folder.iterdir()):
                raise UserError(f"-o: the folder {folder} is not empty; name a new one") from None
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _config(generator: TrainedGenerator) -> dict[str, object]:
    """What a generator is, for programs and people; it is loaded by what stands in its weights' file alone."""
    described = Description.of(generator).model_dump(exclude={"experiment", "origin"})
    return {
        "_class_name": type(generator).__name__,
        "_gankit_version": version("gankit"),
        "latent": generator.latent,
        "styles": generator.styles,
        "shape": [*generator.shape],
        "truncation": generator.can_truncate,
        **described,
    }


def _draw(path: Path, generator: TrainedGenerator) -> None:
    """Draw the first images of seed 0, a row a class if there are classes."""
    count = images_at_a_time(generator.resolution)
    rows = class_rows(generator.classes, count) if generator.classes else None
    wish = SampleOptions(rows.labels if rows else ())
    images = sample(generator.network, 0, len(rows.labels) if rows else count, 0, generator.device, wish)
    pixels = as_pixels(images)
    if rows is None:
        save_png(path, grid(pixels))
    else:
        save_png(path, grid(pixels, rows.columns, names=rows.names), rows.caption)
