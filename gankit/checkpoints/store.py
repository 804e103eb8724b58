"""Checkpoints: all that a run needs to go on, one folder each, complete or not there, never code.

generator.safetensors  discriminator.safetensors  average.safetensors
average-NAME.safetensors  for each of `training.averages`
training.pt      optimizers, counters and memories, for torch.load(weights_only=True)
metrics.jsonl    the rows that the run had written
manifest.json    where the run stood, and the sha256 of every other file and of itself
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from gankit.checkpoints.classes import attribute_names, class_count
from gankit.checkpoints.integrity import (
    FORMAT,
    MANIFEST,
    CorruptCheckpointError,
    found,
    manifest_if_whole,
    manifest_text,
    parsed,
    read_file,
    read_manifest,
    remove,
    write,
    written_folder,
)
from gankit.config.evaluation import GeneratorName
from gankit.config.experiment import OWN_NAME, Experiment
from gankit.config.schedules import Acting
from gankit.core.errors import UserError
from gankit.core.failures import warn
from gankit.core.options import did_you_mean
from gankit.core.progress import Progress, progress_in
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.training.averages import weights_name

WEIGHTS = ("generator", "discriminator", "average")
TRAINING = "training.pt"
METRICS = "metrics.jsonl"
FURTHER_AVERAGE = re.compile(rf"(average-{OWN_NAME.pattern})\.safetensors")


class Checkpoint(NamedTuple):
    """A checkpoint that was read and found whole."""

    path: Path
    manifest: dict[str, Any]
    """What `save` was told about it."""
    state: dict[str, Any]
    """What was saved, on the CPU."""
    metrics: bytes
    """The lines that metrics.jsonl held."""


def save(folder: Path, state: Mapping[str, Any], metrics: bytes, about: Mapping[str, Any]) -> Path:
    """Write a checkpoint to `folder`/<images>, in place of one that is there.

    Equal states give equal files, wherever and whenever they are written.

    Args:
        folder: Where the run's checkpoints are.
        state: Dictionaries, lists, tuples, plain values and tensors; under `weights` one state_dict for each network.
        metrics: The lines of metrics.jsonl.
        about: Plain values for the manifest; `images` names the checkpoint.

    Raises:
        OSError: if it cannot be written; the checkpoints before are as they were.
        TypeError: if `state` holds anything else.
    """
    rest = {name: value for name, value in state.items() if name != "weights"}
    target = folder / f"{about['images']:012d}"
    with written_folder(folder, target.name) as aside:
        sums = {METRICS: write(aside / METRICS, metrics)}
        for name, weights in state["weights"].items():
            sums[f"{name}.safetensors"] = write(aside / f"{name}.safetensors", save_safetensors(plain(weights)))
        buffer = io.BytesIO()
        torch.save(plain(rest), buffer)
        sums[TRAINING] = write(aside / TRAINING, buffer.getvalue())
        write(aside / MANIFEST, manifest_text({"format": FORMAT, **about, "files": sums}))
    return target


def prune(folder: Path, current: Path, keep: int, best: int | None) -> None:
    """Remove all but the newest `keep` up to `current`, and the one of `best` images.

    One that an interruption left is kept beside them, and only while it is the newest; what lies beyond `current`
    belongs to a future that the run went back from.
    """
    regular = [
        path for path in found(folder) if path <= current and not manifest_if_whole(path).get("interrupted", True)
    ]
    kept = {current, *regular[-keep:]}
    if best is not None:
        kept.add(folder / f"{best:012d}")
    for path in found(folder):
        if path not in kept:
            remove(path)


def read(path: Path) -> Checkpoint:
    """All of a checkpoint, every file checked against its sum.

    Raises:
        CorruptCheckpointError: if anything about it is not as it was written.
    """
    manifest = read_manifest(path)
    state: dict[str, Any] = parsed(
        TRAINING, lambda: torch.load(io.BytesIO(read_file(path, manifest, TRAINING)), "cpu", weights_only=True)
    )
    weights = _all_weights(path, manifest)
    return Checkpoint(path, manifest, {**state, "weights": weights}, read_file(path, manifest, METRICS))


def newest(folder: Path, warn: Callable[[str], None], regular: bool = False) -> Checkpoint | None:
    """The newest checkpoint in `folder` that is whole; None if there are none at all.

    Args:
        folder: Where the run's checkpoints are.
        warn: Told of each that is damaged and therefore passed over.
        regular: Leave out those that an interruption left, which a run that was not interrupted would not have.

    Raises:
        UserError: if all are damaged.
    """
    there = [path for path in found(folder) if not (regular and manifest_if_whole(path).get("interrupted"))]
    for path in reversed(there):
        try:
            return read(path)
        except CorruptCheckpointError as reason:
            warn(f"checkpoint {path} is damaged and not used: {reason}")
    if there:
        raise UserError(f"{folder}: no checkpoint can be read; to begin again, run the experiment in another folder")
    return None


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is a checkpoint, whole or damaged."""
    return any((path / name).is_file() for name in (TRAINING, f"{WEIGHTS[0]}.safetensors"))


def chosen(path: Path, best: bool = False) -> Path:
    """The checkpoint that `path` means: itself, or that of a run, the newest or the best.

    Raises:
        UserError: if it is neither, or the run has none.
    """
    if is_checkpoint(path):
        return path
    there = found(path / "checkpoints")
    if not there:
        raise UserError(
            f"{path}: no checkpoint yet; one is written at the end of each stage"
            if (path / "experiment.yaml").is_file()
            else f"{path}: neither a run's folder nor a checkpoint"
        )
    if not best:
        return there[-1]
    return _best(path, there)


def _best(run: Path, there: Sequence[Path]) -> Path:
    """The best of a run's checkpoints `there`, as the newest of them says that is not damaged.

    Raises:
        UserError: if none is kept, or it cannot be told.
    """
    whole = [path for path in there if manifest_if_whole(path)]
    is_damaged = there[-1] not in whole
    best = manifest_if_whole(whole[-1]).get("best") if whole else None
    if best is None and not is_damaged:
        raise UserError(f"{run}: keeps no best checkpoint; {_why_none(run)}")
    kept = None if best is None else run / "checkpoints" / f"{best['images']:012d}"
    if kept is None or kept not in there:
        why = f"{there[-1]} is damaged" if is_damaged else f"{kept} is gone"
        raise UserError(f"{run}: the best checkpoint cannot be told: {why}")
    if is_damaged:
        warn(f"checkpoint {there[-1]} is damaged; the best is the one that {whole[-1].name} names")
    return kept


def _why_none(run: Path) -> str:
    """Why a run has no best checkpoint, in words."""
    from gankit.config.yaml.nodes import plain_value
    from gankit.config.yaml.parser import mapping, read_text

    file = run / "experiment.yaml"
    options = plain_value(mapping(read_text(file, str(file)), str(file)))
    if (metric := options.get("checkpoints", {}).get("best")) is None:
        return "name a metric under checkpoints.best to have one kept"
    return f"its evaluations have given no {metric} so far that is a number"


def manifest_of(path: Path) -> dict[str, Any]:
    """What is known about a checkpoint: images, resolution, alpha and more.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        return read_manifest(path)
    except CorruptCheckpointError as problem:
        raise UserError(f"{path}: cannot be read as a checkpoint: {problem}") from None


def progress_of(manifest: Mapping[str, Any], experiment: Experiment) -> Progress:
    """Where the run stood, as far as a checkpoint's manifest tells: those of before 0.3 hold no stage."""
    stages = experiment.stages()
    resolutions = [stage.resolution for stage in stages]
    number = manifest.get("stage", resolutions.index(manifest["resolution"]) + 1)
    return progress_in(stages, number, manifest["images"], manifest["alpha"])


def experiment_of(checkpoint: Path) -> Path:
    """The file that says what was trained, in the run that a checkpoint lies in."""
    return checkpoint.absolute().parents[1] / "experiment.yaml"


def load_generator(
    path: Path, experiment: Experiment, device: torch.device, which: GeneratorName = "average"
) -> Generator:
    """A generator of a checkpoint, or of a run's newest, in eval mode and grown as it was; by default the averaged one.

    Raises:
        UserError: if there is no checkpoint, it cannot be read or has no such generator.
    """
    checkpoint = chosen(path)
    if which not in (generators := experiment.training.generators):
        hint = did_you_mean(which, generators) or f" There are: {', '.join(generators)}."
        raise UserError(f"{checkpoint} has no generator {which!r}.{hint}", hint)
    try:
        manifest = read_manifest(checkpoint)
        return built_generator(experiment, manifest, _weights(checkpoint, manifest, weights_name(which)), device)
    except (CorruptCheckpointError, RuntimeError) as problem:
        raise UserError(f"{checkpoint}: cannot be read as a checkpoint of this experiment: {problem}") from None


def built_generator(
    experiment: Experiment, manifest: Mapping[str, Any], weights: Mapping[str, torch.Tensor], device: torch.device
) -> Generator:
    """A generator with these weights in eval mode, grown as a checkpoint's manifest says.

    Raises:
        RuntimeError: if they are not those of the experiment's.
    """
    shape = ImageShape.of(experiment, class_count(experiment, manifest, weights), len(attribute_names(manifest)))
    acting = Acting(experiment, progress_of(manifest, experiment))
    generator = Generator(acting.experiment.generator, shape).placed(device)
    generator.load_state_dict(weights)
    generator.grow(manifest["resolution"], manifest["alpha"])
    return generator.eval().requires_grad_(False)


def load_weights(path: Path) -> tuple[Path, dict[str, dict[str, torch.Tensor]]]:
    """The checkpoint that `path` means, and the weights of its networks by their names.

    Raises:
        UserError: if there is no checkpoint or it cannot be read.
    """
    checkpoint = chosen(path)
    try:
        manifest = read_manifest(checkpoint)
        return checkpoint, _all_weights(checkpoint, manifest)
    except CorruptCheckpointError as problem:
        raise UserError(f"{checkpoint}: cannot be read: {problem}") from None


def plain(value: Any) -> Any:
    """`value` built anew of the few types that checkpoints hold, with tensors contiguous on the CPU.

    Equal values come out such that pickle makes the same bytes of them: it writes a text that it meets as the same
    object again as a reference.

    Raises:
        TypeError: if there is a value of another type in it.
    """
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return (list if isinstance(value, list) else tuple)(plain(item) for item in value)
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
    if isinstance(value, np.generic):
        return plain(value.item())
    if type(value) is str:
        return sys.intern(value)
    if value is None or type(value) in (bool, int, float):
        return value
    raise TypeError(f"a checkpoint holds plain values and tensors, not {type(value).__name__}: {value!r:.80}")


def _all_weights(path: Path, manifest: Mapping[str, Any]) -> dict[str, dict[str, torch.Tensor]]:
    """The weights of all networks, and of the further averages that there are."""
    files = parsed(MANIFEST, lambda: [*map(FURTHER_AVERAGE.fullmatch, manifest["files"])])
    return {name: _weights(path, manifest, name) for name in (*WEIGHTS, *(file[1] for file in files if file))}


def _weights(path: Path, manifest: Mapping[str, Any], name: str) -> dict[str, torch.Tensor]:
    file = f"{name}.safetensors"
    weights = parsed(file, lambda: load_safetensors(read_file(path, manifest, file)))
    # as the gates of joins were called before 0.3
    return {re.sub(r"^gates\.", "join_modules.", key): tensor for key, tensor in weights.items()}
