"""A trained generator in one .safetensors file: its weights, and in the header all that is needed to build it again.

Nothing in it is code: plugins that were single files are named with their hashes, and whoever loads it gives them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any

import torch
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_safetensors

from gankit.checkpoints.store import plain
from gankit.config.experiment import Experiment
from gankit.config.loader import experiment_in
from gankit.config.schedules import Acting
from gankit.config.yaml.nodes import Table
from gankit.config.yaml.parser import MOST_BYTES, mapping
from gankit.config.yaml.writer import dump
from gankit.core.errors import UserError
from gankit.core.files import parse_json, refuse_irregular, write_at_once
from gankit.core.progress import progress_in
from gankit.core.renamed import one_line
from gankit.core.text import LONGEST_MESSAGE, first_of, printable, shortened
from gankit.discovery.manager import plugins
from gankit.generators.trained import TrainedGenerator
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit.runs.attribution import attributing_errors
from gankit.training import randomness

HEADER = "gankit"
"""What the header calls our own part, a text of JSON."""
FORMAT = 1
"""Raised when what stands there changes its meaning."""
ENDING = ".safetensors"
FOLDER_WEIGHTS = "model.safetensors"
"""The file of an exported folder that holds the generator."""
MOST_KEYS = 3
"""Weights that are named."""


class Description(BaseModel):
    """What an exported generator says of itself; others may have written it."""

    format: int = FORMAT
    experiment: Annotated[str, Field(max_length=MOST_BYTES)]
    """As YAML, without plugin files, and of other files and folders their names alone."""
    which: str
    """Which of its run's generators it was."""
    classes: list[str]
    """What its classes are called; empty without."""
    attributes: list[str] = []
    """What the numbers are called that it takes in place of a class; empty without."""
    images: int = Field(ge=0)
    """Real images shown when it was saved."""
    stage: int = Field(ge=1)
    """Number of its stage, from 1."""
    alpha: float = Field(ge=0, le=1)
    """Weight of the newest layers."""
    origin: dict[str, Any]
    """Where it comes from: run, versions, plugins; plain values."""

    @classmethod
    def of(cls, generator: TrainedGenerator) -> Description:
        """What is to be said of a generator."""
        progress, options = generator.progress, generator.experiment.model_dump()
        return cls(
            experiment=dump(_without_places({**options, "plugins": []})),
            which=generator.which,
            classes=[*generator.classes],
            attributes=[*generator.attributes],
            images=progress.images,
            stage=progress.stage,
            alpha=progress.alpha,
            origin=generator.origin,
        )


def write_export(path: Path, generator: TrainedGenerator) -> None:
    """Write a generator to one .safetensors file, the same bytes for the same generator; complete or as it was.

    Raises:
        OSError: if it cannot be written.
    """
    header = json.dumps(Description.of(generator).model_dump(), sort_keys=True)
    write_at_once(
        path, save_safetensors(plain(generator.network.state_dict()), {HEADER: header})
    )  # several have no order


def is_export(path: Path) -> bool:
    """Whether a path looks like an exported generator: a file, or a folder with one and what is said of it."""
    return (path / FOLDER_WEIGHTS).is_file() if path.is_dir() else path.suffix.lower() == ENDING


def read_export(path: Path, device: torch.device, plugin_files: Sequence[Path] = ()) -> TrainedGenerator:
    """The generator that a file holds, on a device.

    Args:
        path: The .safetensors file, or the folder with it.
        device: Where to.
        plugin_files: Plugins of single files that it needs, whose code is executed.

    Raises:
        UserError: if it is no file that `write_export` wrote, or it needs a plugin that is not there.
    """
    path = path / FOLDER_WEIGHTS if path.is_dir() else path
    return build(path, *_read(path), device, plugin_files)


def build(
    path: Path,
    described: Description,
    weights: dict[str, torch.Tensor],
    device: torch.device,
    plugin_files: Sequence[Path] = (),
) -> TrainedGenerator:
    """The generator that is described, with these weights.

    Args:
        path: The file that both come from, for messages.
        described: What it is.
        weights: Its state_dict.
        device: Where to.
        plugin_files: Plugins of single files that it needs.

    Raises:
        UserError: if it cannot be built, or the weights are not its.
    """
    experiment = _experiment(path, described, plugin_files)
    stages = experiment.stages()
    if described.stage > len(stages) or described.which not in experiment.training.generators:
        raise wrong(
            path, f"it is of stage {described.stage}, generator {described.which}; its experiment has none such"
        )
    progress = progress_in(stages, described.stage, described.images, described.alpha)
    with attributing_errors(experiment), randomness.untouched():
        shape = ImageShape.of(experiment, len(described.classes), len(described.attributes))
        network = Generator(Acting(experiment, progress).experiment.generator, shape)
    if differs := first_of(_differences(network.state_dict(), weights), MOST_KEYS):
        raise wrong(path, f"its weights are not those of its experiment: {differs}")
    network.load_state_dict(weights)
    network.grow(progress.resolution, progress.alpha)
    return TrainedGenerator(
        network.placed(device),
        experiment,
        progress,
        described.which,
        described.classes,
        described.origin,
        described.attributes,
    )


def wrong(path: Path, why: str) -> UserError:
    """An error that says why a file cannot be read as an exported generator."""
    return UserError(printable(shortened(f"{path}: cannot be read as an exported generator: {why}", LONGEST_MESSAGE)))


def _read(path: Path) -> tuple[Description, dict[str, torch.Tensor]]:
    """What a file says of itself, and its weights.

    Raises:
        UserError: if it is of another kind or damaged.
    """
    try:
        refuse_irregular(path)
        with safe_open(path, "pt") as file:
            header = (file.metadata() or {}).get(HEADER)
            if header is None:
                raise wrong(path, "it holds weights alone; gankit import takes those of others")
            return read_description(path, header), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as failure:
        raise UserError(f"{path}: {failure.strerror or failure}") from None
    except (SafetensorError, ValueError) as failure:  # ValueError: a NUL in the path
        raise wrong(path, one_line(failure)) from None


def read_description(path: Path, text: str) -> Description:
    """What the text of a file says of its generator.

    Raises:
        UserError: if it says nothing that can be understood.
    """
    try:
        content = parse_json(text)
        if isinstance(content, dict) and content.get("format") != FORMAT:
            raise wrong(path, f"it is of format {content.get('format')}, and this gankit reads format {FORMAT}")
        return Description.model_validate(content)
    except ValidationError as failure:
        first = failure.errors()[0]
        raise wrong(path, ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))) from None
    except ValueError as failure:
        raise wrong(path, f"its description: {failure}") from None


def _experiment(path: Path, described: Description, plugin_files: Sequence[Path]) -> Experiment:
    """The experiment that a file holds; plugin files that it names are not executed."""
    plugins.load_installed()
    for file in plugin_files:
        plugins.load_file(file)
    root = mapping(described.experiment, f"{path}, experiment")
    root = Table(root.mark, {key: item for key, item in root.entries.items() if key != "plugins"})
    try:
        return experiment_in(root, str(path), check=False, begun=True)
    except UserError as mistake:
        needed = [*plugin_file_names(described)]
        if not needed or plugin_files:
            raise
        raise UserError(
            f"{mistake}\n{path} was trained with plugins of single files, which are not in it; "
            f"name them: {first_of(needed, MOST_KEYS)}"
        ) from None


def plugin_file_names(described: Description) -> Iterator[str]:
    """The plugins of single files among those that a generator was trained with."""
    named = described.origin.get("plugins", {})
    for about in named.values() if isinstance(named, dict) else ():
        if isinstance(about, dict) and not about.get("distribution"):
            yield str(about.get("file"))


def without_places(plugins: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What is known about plugins, but for where they lay on this machine: of a single file its name is left."""
    return {name: dict(_without_place(about)) for name, about in plugins.items()}


def _without_place(plugin: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from ((fact, value) for fact, value in plugin.items() if fact != "path")
    if not plugin.get("distribution"):
        yield "file", Path(plugin.get("path", "")).name


def _without_places(value: Any) -> Any:
    """Options in which paths, which are of the machine of whoever trained, are reduced to their last part."""
    if isinstance(value, Mapping):
        return {key: _without_places(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_places(item) for item in value]
    return value.name if isinstance(value, PurePath) else value


def _differences(wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """In what weights are not those that a network has."""
    for name in {**wanted, **given}:
        if name not in given:
            yield f"{name} is missing"
        elif name not in wanted:
            yield f"{name} is unknown"
        elif wanted[name].shape != given[name].shape:
            yield f"{name} is {[*given[name].shape]}, not {[*wanted[name].shape]}"
