"""Pictures of a run that is not in training now: its folder has them, and their files say where the run stood."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gankit.core.files import parse_json
from gankit.core.progress import Progress, Stage, progress_at, progress_in
from gankit.kinds.callbacks import Picture

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment

MOMENT = "Moment"
"""Where the file of a picture keeps where its run stood."""
NAMED = re.compile(r"(\d{8,})(?:-([1-9]\d*)x[1-9]\d*)?(?:-(.*))?")
"""What files tell by their names, where they say nothing else: images shown, the resolution, the name of the stage."""


def moment_as_text(at: Progress) -> str:
    """Where a run stood, for the file of a picture; how far it is to go, which may change, is no part of it."""
    return json.dumps([at.images, at.stage, at.resolution, at.alpha])


def root_of(folder: Path, experiment: Experiment) -> Path:
    """The folder that holds a run's folder, or that of its study: STUDY/VARIANT/seed-N."""
    return folder.parents[0 if experiment.variant is None else 2]


def recorded_pictures(folder: Path, stages: Sequence[Stage]) -> list[Picture]:
    """The pictures in a run's folder in the order in which they were shown; those that do not tell when are left out.

    Args:
        folder: The run's folder.
        stages: That it goes through.
    """
    shown = [(path, _moment(path, stages)) for path in (folder / "samples").glob("*.png")]
    pictures = [Picture(path.stem, path, at) for path, at in shown if at is not None]
    return sorted(pictures, key=lambda picture: (picture.progress.images, picture.progress.stage, picture.name))


def _moment(path: Path, stages: Sequence[Stage]) -> Progress | None:
    """Where a run stood when it showed a picture, by what the file says, or else by its name."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            images, number, resolution, alpha = parse_json(str(picture.info[MOMENT]).encode())
        return progress_in(stages, number, images, alpha)._replace(resolution=resolution)
    except (OSError, LookupError, TypeError, ValueError):  # of an earlier gankit, or none of its own
        return _by_name(path.stem, stages)


def _by_name(name: str, stages: Sequence[Stage]) -> Progress | None:
    """The moment by a picture's name: its resolution tells at a stage's end, where by the images the next has begun."""
    if (named := NAMED.fullmatch(name)) is None:
        return None
    images, resolution = int(named[1]), int(named[2] or 0)
    at = progress_at(stages, images)
    for number, stage in enumerate(stages, start=1):
        ended = progress_in(stages, number, images)
        is_meant = (stage.resolution, stage.name) == (resolution, named[3] or "")
        if is_meant and 0 < ended.stage_images <= ended.stage_total:
            at = at if at.stage == number else ended
    return at
