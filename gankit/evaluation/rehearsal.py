"""Metrics and their extractor, asked once about a handful of images before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from gankit.core.component import Component
from gankit.core.errors import ContractError, RunError, UserError
from gankit.data.images import Batch, RealImages, images_at_a_time
from gankit.discovery.manager import plugins
from gankit.evaluation.contracts import check_numbers
from gankit.evaluation.images import Extraction, ImageSet, ImageSource, Samples
from gankit.evaluation.names import clash, with_ending

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment
    from gankit.kinds import Metric
    from gankit.networks.generator import Generator

FEW = 8
"""Images that a metric is given first; more if it says that it needs more."""
PASSES = 2
"""How often a metric may have the generator make images of its own: when they are over it counts as rehearsed."""
SURE = (AttributeError, NameError, TypeError, ImportError, ContractError)
"""What a metric raises by a mistake in its code, and not for a lack of images."""


class _Enough(BaseException):
    """A metric has made images of its own, so it need not make all of them."""


def rehearse_metrics(
    experiment: Experiment,
    option: str,
    extraction_of: Callable[[Metric], Extraction],
    reals: RealImages,
    generator: Generator,
) -> None:
    """Ask every metric of a protocol, and each extractor, about few images; nothing is kept of it.

    Generated images are noise, and a metric is given as many as its `problems` ask for. One that fails, but not by a
    sure mistake, is asked again with as many as an evaluation has, as it may need more than it says.

    Args:
        experiment: Whose `evaluation` is the protocol.
        option: The option under which its metrics stand.
        extraction_of: How a metric sees images.
        reals: The real images.
        generator: A generator at the final resolution, in eval mode.

    Raises:
        UserError: naming the first metric that would give no number, or that an extractor fails.
    """
    options, known = experiment.evaluation, set[str]()
    tried: list[Extraction] = []
    for position, metric in enumerate(options.metrics):
        extraction, named = extraction_of(metric), metric.extractor is not None
        if extraction.extract is not None and not any(extraction is one for one in tried):
            tried.append(extraction)
            where = f"{option}.{position}.extractor" if named else "evaluation.extractor"
            with _told(options.extractor_of(metric), where):
                _ = _noise(FEW, reals, generator, extraction._replace(keep=frozenset({"features"}))).features
    with _making_few(generator):
        for position, metric in enumerate(options.metrics):
            with _told(metric, f"{option}.{position}"), redirect_stderr(StringIO()):  # of few images much is said
                numbers = _rehearsed(experiment, metric, extraction_of(metric), reals, generator)
                if mistake := clash(numbers, known):
                    raise UserError(mistake)
            known |= numbers.keys()


def _rehearsed(
    experiment: Experiment, metric: Metric, extraction: Extraction, reals: RealImages, generator: Generator
) -> dict[str, float]:
    """What a metric gives of few images, or of as many as are evaluated; nothing if it has made images of its own."""
    count, most = _images_needed(experiment, metric), experiment.evaluation.images
    averages = experiment.training.averages
    try:
        try:
            numbers = check_numbers(metric.evaluate(_samples(count, reals, generator, extraction, metric)), averages)
        except Exception as failure:
            if count == most or isinstance(failure, SURE) or type(failure) is LookupError:
                raise
            numbers = check_numbers(metric.evaluate(_samples(most, reals, generator, extraction, metric)), averages)
        return check_numbers(with_ending(metric.ending, numbers), averages)
    except _Enough:
        return {}


def _images_needed(experiment: Experiment, metric: Metric) -> int:
    """The fewest images, doubled from `FEW` on, of which the metric does not say that they are too few."""
    most, count = experiment.evaluation.images, FEW
    while count < most:
        fewer = experiment.evaluation.model_copy(update={"images": count})
        if not any(metric.problems(experiment.model_copy(update={"evaluation": fewer}))):
            return count
        count *= 2
    return most


def _samples(count: int, reals: RealImages, generator: Generator, extraction: Extraction, metric: Metric) -> Samples:
    """Noise for generated images, and reals, of which half are held out; both are reals if it measures nothing else."""
    some = reals.spread(2 * count)
    first, others = np.arange(some.count)[::2], np.arange(some.count)[1::2]
    device = generator.alpha.device

    def seen(chosen: np.ndarray) -> ImageSet:
        def batches() -> Iterator[Batch]:
            for start in range(0, len(chosen), images_at_a_time(some.final)):
                yield some.take(some.final, chosen[start : start + images_at_a_time(some.final)], device)

        return ImageSet(ImageSource(len(chosen), some.final, batches), extraction)

    real, held_out = seen(first), seen(others) if len(others) else None
    if metric.reference_only:
        return Samples(held_out or real, real, real)
    samples = Samples(_noise(count, reals, generator, extraction), real, real, held_out, real, generator)
    samples.class_names = reals.class_names
    return samples


def _noise(count: int, reals: RealImages, generator: Generator, extraction: Extraction) -> ImageSet:
    """Noise for images, each class as often."""
    import torch

    device, size = generator.alpha.device, reals.at(reals.final).shape[1:]

    def batches() -> Iterator[Batch]:
        draws = torch.Generator().manual_seed(0)
        for numbers in torch.arange(count).split(images_at_a_time(reals.final)):
            labels = (numbers % reals.classes).to(device) if reals.classes else None
            yield Batch((2 * torch.rand(len(numbers), *size, generator=draws) - 1).to(device), labels)

    return ImageSet(ImageSource(count, reals.final, batches), extraction)


@contextmanager
def _making_few(generator: Generator) -> Iterator[None]:
    """Have the generator raise `_Enough` when it is about to make images more often than a rehearsal needs."""
    made = 0

    def counted(*given: Any) -> None:
        nonlocal made
        made += 1
        if made > PASSES:
            made = 0
            raise _Enough

    handle = generator.stem.register_forward_pre_hook(counted)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _told(component: Component, option: str) -> Iterator[None]:
    """Tell what a component raises with its name, its option and the line of its code; what it says to users as it is.

    Raises:
        UserError: instead.
    """
    try:
        yield
    except RunError:
        raise
    except Exception as failure:
        raise UserError(plugins.in_words(component, option, failure)) from failure
