"""Averages of any length, made of the snapshots that a run has kept of two or more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gankit.checkpoints.classes import attribute_names, class_names
from gankit.checkpoints.integrity import CorruptCheckpointError
from gankit.checkpoints.snapshots import Snapshot, snapshots_of
from gankit.checkpoints.store import built_generator, is_checkpoint, progress_of
from gankit.config.experiment import Experiment
from gankit.core.errors import UserError
from gankit.core.text import first_of
from gankit.data.images import RealImages
from gankit.generators.loading import origin_of
from gankit.generators.trained import TrainedGenerator
from gankit.networks.generator import Generator
from gankit.results.finder import run_meant
from gankit.runs.attribution import attributing_errors
from gankit.runs.components import choose_device
from gankit.runs.folder import EXPERIMENT, is_run
from gankit.runs.recorded import load_recorded
from gankit.training.batch_norm import batch_norms, estimate_statistics
from gankit.training.profiles import LONGEST, SHORTEST, Mixture, Profile, mixture

MOST_ERROR = 0.1
"""How far what is made may be from what is asked for: the deviation of its profile, as a share of it."""
TRIED = 40
"""Lengths that are tried to tell which can be made."""


class Averaging(NamedTuple):
    """A generator whose average was made of snapshots."""

    generator: TrainedGenerator
    snapshots: int
    """How many it was made of."""
    error: float
    """How far its profile is from that of its length, as a share of that."""


def averages_of(path: Path, lengths: Sequence[float], device: str = "auto") -> list[Averaging]:
    """The generator of a run with averages of these lengths, as they were at its newest snapshot.

    Of a run that grows they are made of the snapshots since layers came to take part the last time. Batch norms have
    statistics as `statistics` of training.average says, or of the first that was kept if that was not.

    Args:
        path: The run's folder, or one with a single run in it.
        lengths: Each as a share of the images shown since the resolution began.
        device: Where to: auto, which takes cuda, then mps, then cpu; or one of these.

    Raises:
        UserError: if there are too few snapshots for one of the lengths, or they cannot be read.
    """
    run = run_meant(path)
    if not is_run(run):
        what = "a checkpoint; snapshots lie in its run's folder" if is_checkpoint(run) else "not a run's folder"
        raise UserError(f"{run} is {what}")
    kept = _of_last_resolution(run, snapshots_of(run))
    sources = [(snapshot, name) for snapshot in kept for name in snapshot.profiles]
    profiles = [snapshot.profiles[name] for snapshot, name in sources]
    mixtures = [_mixture(run, kept, profiles, length) for length in lengths]
    experiment, where = load_recorded(run / EXPERIMENT), choose_device(device)
    return [
        Averaging(_made(experiment, sources, its, length, where), len(kept), its.error)
        for length, its in zip(lengths, mixtures, strict=True)
    ]


def _of_last_resolution(run: Path, snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """Those at the resolution of the newest: in those before, layers that take part now had not been trained."""
    if not snapshots:
        asked = "checkpoints: {snapshots: 10k} and two averages of power in an experiment have it keep some"
        raise UserError(f"{run} has kept no snapshots; {asked}")
    resolution = snapshots[-1].manifest["resolution"]
    kept = [snapshot for snapshot in snapshots if snapshot.manifest["resolution"] == resolution]
    lengths = {profile.length for snapshot in kept for profile in snapshot.profiles.values()}
    if len(lengths) < 2:
        raise UserError(f"{run} has kept snapshots of one length alone, {first_of(map(str, lengths), 1)}; it takes two")
    return kept


def _mixture(run: Path, kept: Sequence[Snapshot], profiles: Sequence[Profile], length: float) -> Mixture:
    """Of what an average is made.

    Raises:
        UserError: if what is kept gives none of this length.
    """
    shown = profiles[-1].images
    found = mixture(profiles, Profile(length, shown))
    if found.error <= MOST_ERROR:
        return found
    ratio = LONGEST / SHORTEST
    tried = (SHORTEST * ratio ** (number / TRIED) for number in range(TRIED + 1))
    can = [each for each in tried if mixture(profiles, Profile(each, shown)).error <= MOST_ERROR]
    pixels, many = kept[-1].manifest["resolution"], "1 snapshot" if len(kept) == 1 else f"{len(kept)} snapshots"
    raise UserError(
        f"{run}: no average of length {length:g} can be made of {many} over {shown:,} images at {pixels} pixels: its "
        f"profile would be {found.error:.0%} off; lengths from {min(can):.2g} to {max(can):.2g} can, others of "
        "more snapshots"
    )


def _made(
    experiment: Experiment,
    sources: Sequence[tuple[Snapshot, str]],
    its: Mixture,
    length: float,
    device: torch.device,
) -> TrainedGenerator:
    """The generator with an average."""
    newest, name = next(((snapshot, name) for snapshot, name in reversed(sources) if name == "average"), sources[-1])
    training, manifest = experiment.training, newest.manifest
    statistics = {"average": training.average, **training.averages}[name].statistics
    try:
        with attributing_errors(experiment):
            state = newest.weights(name)
            network = built_generator(experiment, manifest, state, device)
        averaged = {*_averaged(network, statistics == "average")}
        state |= _sum(sources, its.shares, {key: state[key] for key in averaged})
    except (CorruptCheckpointError, RuntimeError) as problem:
        raise UserError(f"{newest.path}: cannot be read as a snapshot of this experiment: {problem}") from None
    network.load_state_dict(state)
    if statistics == "estimate":
        estimate_statistics(network, experiment.seed, device, _labels(experiment, network))
    about = {"length": length, "error": its.error, "images": manifest["images"]}
    return TrainedGenerator(
        network,
        experiment,
        progress_of(manifest, experiment),
        classes=class_names(experiment, manifest, network.context.classes),
        origin={**origin_of(newest.path, experiment), "average": about},
        attributes=attribute_names(manifest),
    )


def _averaged(network: Generator, with_statistics: bool) -> Iterator[str]:
    """The names of what is averaged; everything else is as it was at the newest snapshot."""
    yield from (name for name, _ in network.named_parameters())
    norms = {*batch_norms(network)} if with_statistics else set()
    for name, module in network.named_modules():
        yield from (f"{name}.{which}" for which in ("running_mean", "running_var") if module in norms)


def _sum(
    sources: Sequence[tuple[Snapshot, str]], shares: Sequence[float], like: dict[str, Tensor]
) -> dict[str, Tensor]:
    """The sum of snapshots, each times its share, in float64; variances stay above 0.

    Raises:
        UserError: if one of them is damaged, or of other networks.
    """
    total = {key: torch.zeros_like(tensor, dtype=torch.float64) for key, tensor in like.items()}
    for (snapshot, name), share in zip(sources, shares, strict=True):
        try:
            weights = snapshot.weights(name)
            for key, each in total.items():
                each.add_(weights[key].expand_as(each).double(), alpha=share)
        except (CorruptCheckpointError, LookupError, RuntimeError) as problem:
            raise UserError(f"{snapshot.path} is damaged: {problem}; remove it to do without") from None
    of_variances = [each for key, each in total.items() if key.endswith(".running_var")]
    for each in of_variances:
        each.clamp_(min=0)
    return {key: each.to(like[key].dtype) for key, each in total.items()}


def _labels(experiment: Experiment, network: Generator) -> Tensor | None:
    """The labels of the reals, if statistics are estimated on classes or vectors as often as the data have them."""
    has_labels = network.context.classes or network.context.attributes
    if not batch_norms(network) or not has_labels or experiment.training.classes != "data":
        return None
    labels = RealImages(experiment.data, experiment.resolutions()).labels
    return None if labels is None else torch.from_numpy(labels)
