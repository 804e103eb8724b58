"""What made a picture, as its file says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gankit.core import __version__
from gankit.core.files import written_at_once
from gankit.core.progress import stage_label

if TYPE_CHECKING:
    from gankit.generators.trained import TrainedGenerator


SOFTWARE = {"Software": f"gankit {__version__}"}
"""What every picture says."""


def about(generator: TrainedGenerator, **more: object) -> dict[str, str]:
    """What is known of a generator that a picture was made by, each with a name, and `more` that is not None.

    It names the run as its folder is called, and no other path.
    """
    progress, run = generator.progress, generator.origin.get("run")
    known = {
        "Experiment": generator.experiment.name,
        "Run": run,
        "Images": progress.images,
        "Stage": stage_label(generator.resolution),
        "Generator": generator.which,
    }
    return {name: str(value) for name, value in (SOFTWARE | known | more).items() if value is not None}


def as_comment(texts: Mapping[str, str]) -> str:
    """The same as one text, for files that have room for one: JSON in ASCII letters."""
    return json.dumps(dict(texts))


def write_arrays(file: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> None:
    """Write arrays as a .npz that is complete or not there, and `about` as a JSON text of that name.

    Raises:
        OSError: if it cannot be written.
    """
    with written_at_once(file) as out:
        np.savez(out, allow_pickle=False, **arrays, about=np.array(as_comment(about)))
