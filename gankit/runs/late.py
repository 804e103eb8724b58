"""Evaluations that come late: what another protocol asks of a run is measured on the checkpoints that it kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from gankit.checkpoints.integrity import found, manifest_if_whole
from gankit.core.component import as_options
from gankit.core.failures import warn
from gankit.core.progress import Progress, ends, progress_in
from gankit.core.text import first_of
from gankit.runs.rows import METRICS, read_rows

if TYPE_CHECKING:
    from gankit.config.evaluation import EvaluationOptions, GeneratorName
    from gankit.config.experiment import Experiment
    from gankit.kinds.callbacks import Row
    from gankit.runs.components import RunComponents

WHEN = ("every", "alphas", "background", "quick", "discriminator")
"""Options of evaluations that say when and how a run is measured while it trains, and mean nothing afterwards."""
MOST = 5
"""Numbers of images that are named."""


class LateEvaluation(NamedTuple):
    """What is to be measured of a run after it was trained."""

    options: EvaluationOptions
    """The protocol; where nothing else has changed, of its metrics those that are new."""
    kept: list[tuple[Path, Progress]]
    """The checkpoints, oldest first, and where the run stood."""
    lacking: str | None
    """What cannot be measured, for its checkpoint is gone, in words; None if all can be."""

    def measured(self, parts: RunComponents) -> list[Row]:
        """The numbers at each checkpoint; what is measured is told on standard error.

        Raises:
            UserError: if a checkpoint, the extractor's weights or the test part of the data cannot be read.
        """
        from gankit.checkpoints.store import load_generator
        from gankit.evaluation.evaluator import Evaluator, ImageSampler
        from gankit.evaluation.pair import evaluate_generators
        from gankit.training.sampler import GeneratorSampler

        experiment, rows = parts.experiment, list["Row"]()
        evaluator = Evaluator(self.options, parts.reals, parts.device, mirrors=experiment.training.mirror)
        for path, progress in self.kept:
            warn(f"measuring {_names_of(self.options)} at {progress.label} of checkpoint {path}")
            sources: dict[GeneratorName, ImageSampler] = {
                which: GeneratorSampler(load_generator(path, experiment, parts.device, which), parts.device)
                for which in self.options.generators
            }
            rows += evaluate_generators(evaluator, sources, progress)
        evaluator.sum_up()
        return rows


def late_evaluation(
    run: Path, before: Experiment, wanted: Experiment, reached: int | None = None
) -> LateEvaluation | None:
    """What `wanted` asks to be measured otherwise, or in addition, of the run in `run`; None if it asks for nothing.

    Args:
        run: The run's folder.
        before: By what the run was trained and measured so far.
        wanted: By what it is to be measured.
        reached: Images up to which all evaluations have been done; default: the run is finished.
    """
    if (options := _changed(before.evaluation, wanted.evaluation)) is None:
        return None
    stages, rows = before.stages(), read_rows(run / METRICS)
    at_ends = {  # at the first row beyond a stage's end, as the last batch may go past it
        min(beyond): number
        for number, end in enumerate(ends(stages), start=1)
        if (beyond := [row.images for row in rows if row.stage == number and row.images >= end])
    }
    within = {row.images: row.stage for row in rows if row.protocol is not None}
    measured = at_ends if before.evaluation.quick else {**within, **at_ends}  # within stages by the cheaper protocol
    places = sorted((images, stage) for images, stage in measured.items() if reached is None or images <= reached)
    manifests = {path: manifest_if_whole(path) for path in found(run / "checkpoints")}
    known = {manifest["images"]: (path, manifest["alpha"]) for path, manifest in manifests.items() if manifest}
    kept = [
        (known[images][0], progress_in(stages, stage, images, known[images][1]))
        for images, stage in places
        if images in known
    ]
    gone = [f"{images:,} images" for images, _ in places if images not in known]
    lacking = f"{_names_of(options)} cannot be measured at {first_of(gone, MOST)}: no checkpoint is left there"
    if gone and _flat(before.evaluation) != _flat(options):
        unlike = "what was measured there keeps the protocol of before, unlike what comes"
        lacking = f"{lacking}; {unlike}; checkpoints.keep says how many stay"
    return LateEvaluation(options, kept, lacking if gone else None)


def _names_of(options: EvaluationOptions) -> str:
    """The metrics of a protocol, in words."""
    return ", ".join(as_options(metric)["use"] for metric in options.metrics)


def _changed(before: EvaluationOptions, wanted: EvaluationOptions) -> EvaluationOptions | None:
    """The protocol by which there is something to measure that was not; None if there is nothing."""
    if _flat(before) != _flat(wanted):
        return wanted if wanted.metrics else None
    known = [as_options(metric) for metric in before.metrics]
    added = [metric for metric in wanted.metrics if as_options(metric) not in known]
    return wanted.model_copy(update={"metrics": added}) if added else None


def _flat(options: EvaluationOptions) -> Mapping[str, Any]:
    """What decides how each metric is measured."""
    return options.model_dump(mode="json", exclude={"metrics", *WHEN})


def measured_as(before: Experiment, wanted: Experiment) -> Experiment:
    """A finished run's experiment once it has been measured as `wanted` says, with what was measured before."""
    changed = _changed(before.evaluation, wanted.evaluation)
    if changed is None:
        evaluation = before.evaluation
    elif _flat(changed) != _flat(before.evaluation):
        evaluation = changed
    else:
        metrics = [*before.evaluation.metrics, *changed.metrics]
        evaluation = before.evaluation.model_copy(update={"metrics": metrics})
    averages = {"average": before.training.average, "averages": before.training.averages}
    training = wanted.training.model_copy(update=averages)
    kept = {"checkpoints": before.checkpoints, "training": training}  # what means nothing to it is as it was
    return wanted.model_copy(update={"evaluation": evaluation, **kept})


def unheeded(changes: Iterable[str], late: LateEvaluation | None) -> list[str]:
    """Those of some options that were changed which mean nothing to a run that is finished."""
    if late is None:
        return [*changes]
    never = ("checkpoints.", "training.average", *(f"evaluation.{option}" for option in WHEN))
    heeded = "" if late.kept else "evaluation."  # who observes and where, too, if there is something to measure
    return [option for option in changes if option.startswith(never) or not option.startswith(heeded)]
