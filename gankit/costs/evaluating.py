"""What the evaluations of a run take: the images that are generated for them, and what their extractor sees."""

from __future__ import annotations

from typing import NamedTuple

import torch

from gankit.config.experiment import EvaluationOptions, Experiment
from gankit.core.progress import ends
from gankit.costs.counting import Counting
from gankit.costs.machine import Machine
from gankit.costs.model import TimeModel

SEEN = 4
"""Images by which it is measured how long an extractor looks at one."""


class EvaluationCost(NamedTuple):
    """What all evaluations take together."""

    seconds: float | None
    """To generate images and to look at them; None if that cannot be told."""
    images: int
    """Images that are generated."""
    without: str
    """What is not in it, in words; empty if nothing is to be said."""


def evaluation_cost(
    experiment: Experiment, counting: Counting | None, model: TimeModel, machine: Machine
) -> EvaluationCost:
    """Estimate it by the operations of the generator and a look at few images.

    Args:
        experiment: What would be run.
        counting: Its networks, to count what an image takes; None if that cannot be done.
        model: Tells how long that takes.
        machine: Where.
    """
    options = experiment.evaluation
    if not options.metrics:
        return EvaluationCost(0.0, 0, "")
    generated = [
        _images(options) + evaluations * _images(options.quick_protocol())
        for evaluations in _evaluations_within_stages(experiment)
    ]
    if counting is None:
        return EvaluationCost(None, sum(generated), "evaluation: what a generated image takes cannot be told")
    scales = experiment.growth.scales() or [None]
    seconds = sum(
        count * model.seconds(counting.sample(number, scale))
        for number, count in enumerate(generated, 1)
        for scale in scales
    )
    without = "evaluation: what metrics make of images and features comes on top"
    if options.extracts:
        try:
            look = _seconds_to_see_one(experiment, machine)
        except Exception:
            without = "evaluation: what the extractor and the metrics take comes on top, since its weights are not here"
        else:
            seen = options.images * len(experiment.resolutions())
            seconds += look * (sum(generated) * len(scales) + seen)
    return EvaluationCost(seconds, sum(generated) * len(scales), without)


def _evaluations_within_stages(experiment: Experiment) -> list[int]:
    """How often each stage is evaluated before it ends."""
    stages, every = experiment.stages(), experiment.evaluation.every
    found = []
    for stage, end in zip(stages, ends(stages), strict=True):
        begin = end - stage.images
        at_multiples = (end - 1) // every - begin // every if every else 0
        found.append(at_multiples + (len(experiment.evaluation.alphas) if stage.fade and begin else 0))
    return found


def _images(options: EvaluationOptions) -> int:
    """Generated for one evaluation."""
    return options.images * options.seeds * len(options.generators)


def _seconds_to_see_one(experiment: Experiment, machine: Machine) -> float:
    """How long the extractors look at an image, if their weights are here, which are not fetched for that.

    Raises:
        Exception: if they are not.
    """
    channels = experiment.data.image_channels()
    shape = (SEEN, 3 if channels in (1, 3, 4) else channels, *_size(experiment))
    images = torch.randint(256, shape, dtype=torch.uint8, device=machine.device)
    seconds = 0.0
    for extractor in experiment.evaluation.extractors:
        extractor.identity()  # which reads them
        extract = extractor.load(machine.device)
        with torch.no_grad():
            extract(images)
            seconds += machine.took(lambda extract=extract: extract(images)).wall / SEEN
    return seconds


def _size(experiment: Experiment) -> tuple[int, int]:
    final = max(stage.resolution for stage in experiment.stages())
    return final, round(final * experiment.data.aspect())
