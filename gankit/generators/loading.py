"""From a run, a checkpoint or an exported file to its generator."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from gankit.checkpoints.classes import attribute_names, class_names
from gankit.checkpoints.integrity import found, manifest_if_whole
from gankit.checkpoints.store import chosen, experiment_of, load_generator, manifest_of, progress_of
from gankit.config.evaluation import GeneratorName
from gankit.config.experiment import Experiment
from gankit.core.errors import UserError
from gankit.generators.exported import FOLDER_WEIGHTS, is_export, read_export, without_places
from gankit.generators.hub import download, repository_of
from gankit.generators.trained import TrainedGenerator, stage_number
from gankit.results.finder import run_meant
from gankit.runs.attribution import attributing_errors
from gankit.runs.components import choose_device
from gankit.runs.provenance import recorded_provenance
from gankit.runs.recorded import load_recorded

FROM_PROVENANCE = ("started", "versions", "git")
"""What of a run's provenance goes with its generator."""


def load(
    path: str | PathLike[str],
    which: GeneratorName = "average",
    *,
    best: bool = False,
    stage: int | str | None = None,
    device: str = "auto",
    plugins: Sequence[str | PathLike[str]] = (),
) -> TrainedGenerator:
    """A trained generator; from a run to images in three lines.

        import gankit

        generator = gankit.load("runs/quickstart")
        images = generator.sample(16, seed=1)  # float32 [16, C, H, W], those of reals lie in [-1, 1]

    The copies of plugins of single files that a run's folder holds are executed, each named before, unless the
    environment variable GANKIT_NO_RUN_PLUGINS forbids it. Of an exported file nothing is.

    Args:
        path: A run's folder or one with a single run in it, a checkpoint, an exported .safetensors file or folder, or
            hub:USER/NAME, an exported folder on the Hugging Face Hub.
        which: The averaged generator, the trained one itself ("current"), or the name of one of training.averages.
        best: Take the run's best checkpoint, not the newest.
        stage: Take the newest checkpoint of this stage: its number from 1, its name, or its label, as 16x16.
        device: Where to: auto, which takes cuda, then mps, then cpu; or one of these.
        plugins: Plugin files that an exported generator needs, whose code is executed.

    Raises:
        UserError: if there is no such generator or it cannot be read.
    """
    repository, where = repository_of(str(path)), choose_device(device)
    place = Path(path) if repository is None else download(repository, FOLDER_WEIGHTS)
    if is_export(place):
        if best or stage is not None:
            raise UserError(f"{place}: an exported generator stands for itself; it has no other checkpoints")
        generator = read_export(place, where, [Path(file) for file in plugins])
        if which not in ("average", generator.which):
            raise UserError(f"{place}: holds the generator {generator.which!r} alone, not {which!r}")
        return generator
    run = run_meant(place)
    checkpoint = chosen(run, best)
    experiment = load_recorded(experiment_of(checkpoint))  # neither sampling nor exporting needs data
    if stage is not None:
        checkpoint = _of_stage(checkpoint, experiment, stage)
    with attributing_errors(experiment):
        network = load_generator(checkpoint, experiment, where, which)
    about = manifest_of(checkpoint)
    names = class_names(experiment, about, network.context.classes)
    return TrainedGenerator(
        network,
        experiment,
        progress_of(about, experiment),
        which,
        names,
        origin_of(checkpoint, experiment),
        attribute_names(about),
    )


def _of_stage(checkpoint: Path, experiment: Experiment, stage: int | str) -> Path:
    """The newest checkpoint of a stage among those that lie beside one.

    Raises:
        UserError: if the run has no such stage, or has kept no checkpoint of it.
    """
    number = stage_number(experiment, stage)
    stages = {path: manifest_if_whole(path).get("stage") for path in found(checkpoint.parent)}
    of_it = [path for path, its in stages.items() if its == number]
    if not of_it:
        kept = ", ".join(dict.fromkeys(str(its) for its in stages.values() if its is not None)) or "none"
        raise UserError(
            f"stage: {checkpoint.parents[1]} has kept no checkpoint of stage {number}, but of {kept}; checkpoints.keep "
            "says how many are kept, and a later one can be grown as in an earlier stage"
        )
    return of_it[-1]


def origin_of(checkpoint: Path, experiment: Experiment) -> dict[str, Any]:
    """What is known about where a checkpoint comes from, without places of this machine."""
    about, run = manifest_of(checkpoint), checkpoint.absolute().parents[1]
    origin: dict[str, Any] = {"experiment": experiment.name, "run": run.name, "checkpoint": checkpoint.name}
    origin["data"] = about.get("data")
    try:
        recorded = recorded_provenance(run)[0]
    except UserError:  # whoever sends a checkpoint may not send it
        return origin
    told = {name: recorded[name] for name in FROM_PROVENANCE if name in recorded}
    return origin | told | {"plugins": without_places(recorded.get("plugins", {}))}
