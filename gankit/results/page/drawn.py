"""Images of a trained generator and of its data, for people to look at; torch is needed for the former alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gankit.core.errors import UserError
from gankit.results.page.pictures import COLUMNS

if TYPE_CHECKING:
    import numpy as np

    from gankit.results.run_results import RunResults

SEED = 0
"""Decides the latents, and which reals are shown."""
MOST_CLASSES = 10
"""Classes of which images are shown, the first."""
PATIENCE = 20.0
"""Seconds that reading the data set may take; there is no way to read but a part of it."""


class Drawn(NamedTuple):
    """Images, and what they were drawn from."""

    images: np.ndarray
    """uint8 [N, H, W, C]."""
    latents: tuple[int, int, str]
    """Numbers of a latent, latents drawn at a time, device: where these are equal, so are the latents."""
    shown: int
    """Real images shown when the checkpoint was written."""
    names: Sequence[str] = ()
    """Of classes, if each row of COLUMNS is of one."""


def draw(run: Path, count: int) -> Drawn:
    """Images of the averaged generator in a run's newest checkpoint, image by image of the same latents for all runs.

    They are `count`; of a generator with classes a row of COLUMNS for each of the first MOST_CLASSES.

    Raises:
        ModuleNotFoundError: without torch.
        UserError: if there is no checkpoint, it cannot be read, or training has diverged.
    """
    from gankit.checkpoints.classes import class_names
    from gankit.checkpoints.store import chosen, experiment_of, load_generator, manifest_of
    from gankit.data.images import as_pixels, images_at_a_time
    from gankit.data.pictures import class_rows
    from gankit.runs.components import choose_device
    from gankit.runs.recorded import load_recorded
    from gankit.training.sampler import SampleOptions, sample

    device, checkpoint = choose_device("auto"), chosen(run)
    experiment = load_recorded(experiment_of(checkpoint))  # sampling needs no data
    generator = load_generator(checkpoint, experiment, device)
    manifest = manifest_of(checkpoint)
    names = class_names(experiment, manifest, generator.context.classes)[:MOST_CLASSES]
    labels = class_rows(names, len(names) * COLUMNS).labels if names else []
    drawn = sample(generator, 0, len(labels) or count, SEED, device, SampleOptions(labels))
    images = as_pixels(drawn)
    latents = (generator.context.latent, images_at_a_time(generator.resolution), device.type)
    return Drawn(images, latents, manifest["images"], names)


def draw_reals(run: RunResults, resolution: int, count: int) -> np.ndarray:
    """Some of the images that a run was trained on, uint8 [n, resolution, W, C]; n is `count`, or all if fewer.

    They are read by a process of its own, which is ended after `PATIENCE` seconds.

    Raises:
        UserError: if they cannot be read, not in that time, or are not those that the run was trained on.
    """
    import numpy as np

    known = [row.protocol["data"] for row in run.rows if row.protocol is not None and "data" in row.protocol]
    wanted = [str(run.path / "experiment.yaml"), str(resolution), str(count), *map(str, known[:1])]
    command = [sys.executable, "-P", "-m", __name__, *wanted]  # -P: the current folder holds no modules of ours
    try:
        reader = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise UserError(f"reading them took longer than {PATIENCE:.0f} seconds") from None
    if reader.returncode:
        said = reader.stdout if reader.returncode == 2 else reader.stderr
        raise UserError(said.decode(errors="replace").strip() or "they cannot be read")
    return np.load(BytesIO(reader.stdout))


def _read(file: Path, resolution: int, count: int, fingerprint: str | None = None) -> np.ndarray:
    """What `draw_reals` gives, read here."""
    from gankit.checkpoints.classes import with_classes_of
    from gankit.config.loader import load_experiment
    from gankit.data.images import RealImages

    experiment = with_classes_of(load_experiment(file, check=False), file.parent)
    reals = RealImages(experiment.data, experiment.resolutions())
    if fingerprint is not None and reals.fingerprint != fingerprint:
        raise UserError("they are no longer those that the run was trained on")
    return reals.at(resolution)[reals.drawn(count, SEED)].transpose(0, 2, 3, 1)


def _main() -> int:
    import numpy as np

    file, resolution, count, *known = sys.argv[1:]
    try:
        with redirect_stdout(sys.stderr):
            images = _read(Path(file), int(resolution), int(count), *known)
    except UserError as reason:
        print(reason)
        return 2
    np.save(sys.stdout.buffer, images)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
