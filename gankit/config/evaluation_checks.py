"""What of an evaluation can only be judged of an experiment as a whole, without torch."""

from __future__ import annotations

from collections.abc import Iterator

from gankit.config.evaluation import EvaluationOptions
from gankit.config.experiment import Experiment
from gankit.config.walk import Problem
from gankit.core.errors import UserError
from gankit.core.options import did_you_mean
from gankit.core.registry import registries
from gankit.kinds import Dataset


def problems_of_evaluation(experiment: Experiment) -> Iterator[Problem]:
    """What of an evaluation does not go together."""
    options, generators = experiment.evaluation, experiment.training.generators
    for position, name in enumerate(options.generators):
        if name not in generators:
            hint = did_you_mean(name, generators) or f" There are: {', '.join(generators)}."
            yield ("evaluation", "generators", position), f"there is no generator {name!r} in training.averages.{hint}"
    if options.background and experiment.checkpoints.best is not None:
        yield (
            ("evaluation", "background"),
            "training goes on before its numbers are there, which checkpoints.best needs",
        )
    if options.reals == "test" and _has_no_test_part(experiment):
        name = registries["dataset"].entry_of(type(experiment.data)).name
        yield ("evaluation", "reals"), f"{name} has no test part; data: {{use: few, of: ..., images: N}} makes one"
    if options.discriminator and experiment.growth.scales():
        yield ("evaluation", "discriminator"), "it cannot be asked of images of several scales at once; leave this out"
    if options.bootstrap == 1:
        yield ("evaluation", "bootstrap"), "a single resample shows no spread; ask for 2 or more, or for 0"
    yield from problems_of_extractor(experiment)
    if options.quick is not None:
        cheaper = experiment.model_copy(update={"evaluation": options.quick_protocol()})
        for metric in cheaper.evaluation.metrics:
            yield from ((("evaluation", "quick"), problem) for problem in metric.problems(cheaper))


def _has_no_test_part(experiment: Experiment) -> bool:
    """Whether it is known that the data has none."""
    try:
        return experiment.data.test_part() is None
    except UserError:  # said by the data itself
        return False


def problems_of_extractor(experiment: Experiment) -> Iterator[Problem]:
    """Problems of extractors that take no images of so many channels, or belong to metrics that use none."""
    options = experiment.evaluation
    for position, metric in enumerate(options.metrics):
        if metric.extractor is not None and not metric.extracts:
            yield ("evaluation", "metrics", position, "extractor"), "it looks through no extractor; leave this out"
    try:
        channels = experiment.data.image_channels()
        blind = [extractor for extractor in options.extractors if not extractor.takes(channels)]
    except UserError:  # said by the data itself
        return
    for extractor in blind:
        name = registries["extractor"].entry_of(type(extractor)).name
        metrics = [*options.metrics, *(options.quick.metrics if options.quick else [])]
        through = [metric for metric in metrics if metric.extracts and options.extractor_of(metric) == extractor]
        extracting = [registries["metric"].entry_of(type(metric)).name for metric in through]
        yield (
            ("evaluation", "extractor"),
            f"{name} does not see images of {channels} channels, so leave out {', '.join(dict.fromkeys(extracting))} "
            "(metrics: [] measures nothing), or name an extractor that was trained on such images",
        )


def descriptions_of_evaluation(experiment: Experiment) -> list[str]:
    """What is to be known of numbers before they are there: extractors that have learned other images, few reals."""
    return [*doubts_about_extractors(experiment.evaluation, experiment.data), *_floors_of_fewer(experiment)]


def doubts_about_extractors(options: EvaluationOptions, data: Dataset) -> list[str]:
    """What extractors say of data that they have not learned to see."""
    said = []
    for extractor in options.extractors:
        try:
            doubt = extractor.doubt_about(data)
        except UserError:  # said by the data itself
            continue
        if doubt is not None:
            said.append(f"extractor {registries['extractor'].entry_of(type(extractor)).name}: {doubt}")
    return said


def _floors_of_fewer(experiment: Experiment) -> list[str]:
    """Say that noise floors will be of fewer images than their numbers, if it is known how many reals there are."""
    options = experiment.evaluation
    if not any(metric.has_floor for metric in options.metrics):
        return []
    try:
        count = None if experiment.data.test_part() is not None else experiment.data.image_count()
    except UserError:  # said by the data itself
        return []
    if count is None or count < 2 or count >= 2 * options.images:
        return []
    return [
        f"evaluation.images: {options.images:,}, but of {count:,} real images noise floors can have {count // 2:,} at "
        f"most; with evaluation.images: {count // 2} both are of as many, and can be held one against the other"
    ]
