"""Measuring from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from gankit.api.measurement import ProtocolOptions, Subject, measure_subjects, read_protocol, subject_of, subjects_at
from gankit.config.evaluation import EvaluationOptions
from gankit.config.experiment import Experiment
from gankit.config.yaml.writer import inline
from gankit.core.errors import UserError
from gankit.core.progress import Progress
from gankit.data.images import Batch, order_by_hash, to_network_range, to_uint8
from gankit.evaluation.names import USUAL_METRIC
from gankit.generators.trained import TrainedGenerator
from gankit.runs.components import choose_device

if TYPE_CHECKING:
    from gankit.kinds.callbacks import Row
    from gankit.results.run_results import RunResults

Measurable: TypeAlias = "str | PathLike[str] | TrainedGenerator | np.ndarray | torch.Tensor"
"""A run's folder, a checkpoint or a folder of images; a generator; or images [N, C, H, W], uint8 or in [-1, 1]."""


def evaluate(what: Measurable, data: Any = None, metrics: Any = None, **protocol: Any) -> dict[str, Row]:
    """Numbers by their names, measured as `gankit evaluate` measures, each with its protocol.

    They are called as a run calls them: the FID of the trained generator itself, of which="current", is `fid_current`.

        fid = gankit.evaluate(generator, "digits", "fid", extractor="digits", images=500)["fid"].value

    Args:
        what: A run, a checkpoint, an exported file or a folder of images; a generator; or images in memory, [N, C, H,
            W], uint8 from 0 to 255 or floating point from -1 to 1.
        data: The real images: a folder, or a data set as in an experiment, by name or as {"use": ...}; default: those
            that the run or the generator was trained on.
        metrics: One or several, by name or as {"use": ...}; default: the run's; FID for images.
        protocol: The other options of `gankit evaluate`: extractor, reals, images, resolution, seed, seeds, classes,
            bootstrap, which.

    Raises:
        UserError: if it cannot be measured so, or data or weights cannot be had.
    """
    given = {name: inline(value) for name, value in {"metrics": metrics, **protocol}.items() if value is not None}
    if data is not None:
        given["data"] = str(data) if isinstance(data, str | PathLike) else inline(data)
    options = read_protocol(given, in_python=True)
    if isinstance(what, str | PathLike):
        return {row.name: row for row in measure([Path(what)], options)[0].rows}
    is_generator = isinstance(what, TrainedGenerator)
    subject = subject_of(what, options, Path("generator")) if is_generator else _of_images(what, options)
    return {row.name: row for row in measure_subjects([subject], options.images)[0].rows}


def measure(
    paths: Sequence[Path], protocol: ProtocolOptions, best: bool = False, say: Callable[[str], None] = lambda _: None
) -> list[RunResults]:
    """The metrics of runs, checkpoints, exported generators and folders of images.

    Of each run the newest checkpoint is taken, or the best; `say` is told what is measured next or done to images.

    Raises:
        UserError: if one of them is nothing that can be measured, not by one of the metrics, or data or weights cannot
            be had.
    """
    return measure_subjects(subjects_at(paths, protocol, best, say), protocol.images, say)


def _of_images(given: np.ndarray | torch.Tensor, protocol: ProtocolOptions) -> Subject:
    """Images in memory."""
    if protocol.data is None:
        raise UserError("data: say which real images to compare these with")
    images, data = as_uint8(given), protocol.data
    count, channels, height, width = images.shape
    options = protocol.over(EvaluationOptions.model_validate({"metrics": [USUAL_METRIC], "images": count}))
    if options.images > count:
        raise UserError(f"images: there are {count:,}, not {options.images:,}")
    wanted = (data.image_channels(), height, round(height * data.aspect()))
    if (channels, height, width) != wanted or protocol.resolution not in (None, height):
        expected = f"[N, {', '.join(map(str, wanted))}], as the real ones are"
        raise UserError(f"images: expected {expected}, not {[*images.shape]}")
    validated = Experiment.model_construct(data=data)
    progress = Progress(0, 0, 1, 1, height, 1.0, 0)
    return Subject(Path("images"), _InMemory(images), data, height, options, progress, False, (validated,))


def as_uint8(images: np.ndarray | torch.Tensor) -> np.ndarray:
    """Images uint8 [N, C, H, W].

    Raises:
        UserError: if they are of another form, or not finite.
    """
    given = torch.as_tensor(images).detach().cpu()
    if given.dim() != 4 or not len(given) or not (given.dtype == torch.uint8 or given.is_floating_point()):
        expected = "expected [N, C, H, W], uint8 from 0 to 255 or floating point from -1 to 1"
        raise UserError(f"images: {expected}, not {given.dtype} {[*given.shape]}")
    return (given if given.dtype == torch.uint8 else to_uint8(given)).numpy()


class _InMemory:
    """Images of an array, in the order in which a folder's are: the seed decides which come first."""

    network = None

    def __init__(self, images: np.ndarray) -> None:
        self._images, self._device = images, choose_device("auto")

    def sample(self, first: int, count: int, seed: int) -> Batch:
        """Images number `first` to `first` + `count` - 1 in an order that depends on the seed and the pixels."""
        chosen = order_by_hash(self._images, seed)[first : first + count]
        return Batch(to_network_range(torch.from_numpy(self._images[chosen]).to(self._device)))
