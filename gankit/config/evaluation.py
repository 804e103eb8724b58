"""How a run is measured and kept: the options of evaluations and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field

from gankit.core.options import Images, Many, Options
from gankit.kinds import Extractor, Metric
from gankit.kinds.evaluation import MetricPreset

GeneratorName: TypeAlias = str
"""average: the averaged generator. current: the trained generator itself, as the last update left it. Any other: the
one of `training.averages` that is called so."""

MOST_MEASURED = 1_000_000_000
"""Images that any evaluation may ask for."""


def default(value: Any) -> Any:
    """A field whose default is read as if it stood in the file, so that components are looked up when one is read."""
    return Field(default=value, validate_default=True)


class Expanded(list[Metric]):
    """Metrics, those that presets stand for in their place."""

    written: Sequence[int] = ()
    """Of each the position of what stands for it where the experiment is written."""


def _expanded(metrics: list[Metric]) -> Expanded:
    """Metrics, those that presets stand for in their place, each of these once."""
    found, written = Expanded(), list[int]()
    for position, metric in enumerate(metrics):
        means = [metric]
        if isinstance(metric, MetricPreset):
            means = [one for one in metric.expanded() if one not in found and one not in metrics]
        found += means
        written += [position] * len(means)
    found.written = written
    return found


Metrics = Annotated[Many[Metric], AfterValidator(_expanded)]
"""Metrics by their names, or presets of them, which are not kept."""


class QuickOptions(Options):
    """A cheaper protocol; its numbers are never compared with those of the full one."""

    images: Annotated[Images, Field(ge=1, le=MOST_MEASURED)] = 1000
    """Generated images, and as many reals."""
    metrics: Metrics = []
    """What is computed; nothing: the same as at the end of a stage."""


def _each_once(names: list[GeneratorName]) -> list[GeneratorName]:
    """Names of which none comes twice."""
    return list(dict.fromkeys(names))


class EvaluationOptions(Options):
    """How samples of the averaged generator are measured, at the end of every stage."""

    renamed_options: ClassVar[Mapping[str, str]] = {"beside": "background", "track": "quick"}
    later_options: ClassVar[tuple[str, ...]] = ("reals", "discriminator")

    metrics: Metrics = []
    """What is computed: metrics, or presets of several such as modern."""
    generators: Annotated[Many[GeneratorName], Field(min_length=1), AfterValidator(_each_once)] = ["average"]
    """Which generators are measured: the averaged one (average), the trained one itself (current), those of
    training.averages by their names, or several. Numbers of the trained one have names that end in _current, those of
    an average called slow names that end in _slow."""
    images: Annotated[Images, Field(ge=1, le=MOST_MEASURED)] = 10_000
    """Generated images, and as many reals to compare with if the data set has them."""
    every: Annotated[Images, Field(ge=1)] | None = None
    """Also evaluate each time so many images were shown."""
    extractor: Extractor = default("inception")
    """The network whose features and logits the metrics use."""
    reals: Literal["training", "test"] = "training"
    """Which reals generated images are compared with. training: those that are trained on. test: the data set's own
    test part, none of which is."""
    seed: int = Field(default=0, ge=0)
    """Decides the latents and which reals are compared with."""
    seeds: int = Field(default=1, ge=1, le=10_000)
    """Evaluations are done with so many seeds, from `seed` on, and their means and spread reported."""
    classes: Literal["data", "even"] = "data"
    """How often a generator with classes is asked for each. data: as often as the class is among the reals that are
    trained on, as what is compared with reals must be; metrics that go class by class, such as fid_intra, are given
    each as often all the same. even: each as often for all metrics."""
    bootstrap: int = Field(default=0, ge=0, le=1_000_000)
    """Resamples of the generated images by which the standard error of each number is estimated; 0: none."""
    discriminator: bool = False
    """Also record mean scores of the discriminator, of reals that are trained on, of the data set's test part and of
    generated images, and the lengths of both networks' gradients: whether it learns its reals by heart."""
    alphas: list[Annotated[float, Field(gt=0, lt=1)]] = []
    """Also evaluate when a fade comes past these weights of the new layers."""
    background: bool = False
    """Evaluate in a process of its own while training goes on; the numbers are the same, and are recorded before the
    next evaluation or checkpoint."""
    quick: QuickOptions | None = None
    """What evaluations before the end of a stage use instead, to be cheaper, with names that end in _quick; null: the
    same as at the end."""

    @property
    def extracts(self) -> bool:
        """Whether any metric looks at what an extractor sees."""
        return bool(self.extractors)

    @property
    def extractors(self) -> list[Extractor]:
        """Those that metrics look through, each once."""
        found: list[Extractor] = []
        for metric in [*self.metrics, *(self.quick.metrics if self.quick else [])]:
            if metric.extracts and (extractor := self.extractor_of(metric)) not in found:
                found.append(extractor)
        return found

    def extractor_of(self, metric: Metric) -> Extractor:
        """What a metric looks through, if it looks through any."""
        return metric.extractor or self.extractor

    def quick_protocol(self) -> EvaluationOptions:
        """The protocol of evaluations before the end of a stage."""
        if self.quick is None:
            return self
        cheaper = {"images": self.quick.images, "metrics": self.quick.metrics or self.metrics}
        return self.model_copy(update={**cheaper, "bootstrap": 0, "seeds": 1})


class CheckpointOptions(Options):
    """When the state of the run is saved; always at the end of a stage."""

    later_options: ClassVar[tuple[str, ...]] = ("snapshots",)

    every: Annotated[Images, Field(ge=1)] | None = 100_000
    """Also save each time so many images were shown; null: only at the end of a stage."""
    keep: int = Field(default=2, ge=1)
    """How many to keep, the newest."""
    best: str | None = None
    """Also keep the one with the best value of this metric, such as fid, at the highest resolution reached; saved
    whenever an evaluation gives a better one."""
    snapshots: Annotated[Images, Field(ge=1)] | None = None
    """Keep the weights of averages whose length can be chosen after training (two of average power) each time so many
    images were shown, and at the end of each stage: for gankit average. All stay, each as large as the generator."""
