"""What commands answer that read experiments, or tell what there is to compose them of."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import RootModel

from gankit.cli.answers.base import Answer, Mistaken, Wrote


class StageAnswer(Answer):
    """A stage of an experiment."""

    resolution: int
    """Height of the images in pixels."""
    images: int
    """Real images shown in it, its fade included."""
    fade: int
    """Real images over which new layers are faded in."""
    name: str
    """Tells it from other stages at its resolution; mostly empty."""


class ValidateAnswer(Answer):
    """A valid experiment or study; what is wrong with another is an error."""

    name: str
    kind: Literal["experiment", "study"]
    stages: list[StageAnswer]
    """Of an experiment, in order; of a study none, as variants may have others."""
    runs: list[str]
    """Of a study, by name; of an experiment none."""
    images: int
    """Real images shown, by all runs together."""
    plugins: list[str]
    """Whose components it is made of."""
    notes: list[str]
    """What is to be known of its data, of batches in parts, of a precision that is slow, and of its numbers."""
    lacking: list[Mistaken]
    """What this machine lacks to run it."""


class PlannedRun(Answer):
    """A run of a study."""

    name: str
    """VARIANT/seed-N, also its folder in the study's."""
    variant: str
    seed: int
    images: int
    """Real images that it shows."""
    changes: dict[str, Any]
    """What the variant changes, by dotted path."""


class ExpandAnswer(Answer):
    """All that an experiment says, or the runs of a study."""

    name: str
    experiment: dict[str, Any] | None
    """With every default; null of a study."""
    folder: str
    """Of the run or the study, if no other is named."""
    runs: list[PlannedRun]
    """Of a study; of an experiment none."""


class PhaseAnswer(Answer):
    """A stage's fade or the rest of it, as estimated."""

    stage: int
    """Number of the stage, the first is 1."""
    resolution: int
    name: str
    """The stage's; mostly empty."""
    fades: bool
    """Whether new layers fade in."""
    batch: int
    """Real images a discriminator update."""
    images: int
    iterations: float
    parameters: dict[str, int] | None
    """In force, by network."""
    flops: dict[str, float] | None
    """Floating point operations of an iteration, by what they are for."""
    seconds_an_iteration: float
    seconds: float
    time_is: Literal["measured", "extrapolated"]
    memory: int | None
    """Bytes at most."""
    memory_is: Literal["measured", "extrapolated"]


class WouldFitAnswer(Answer):
    """What a stage that does not fit into memory would fit with, extrapolated."""

    stage: int
    """Number of the stage, the first is 1."""
    micro_batch: int | None
    """Real images that are computed at a time there; null: as many as now."""
    activation_checkpointing: bool
    """Whether it is switched on, which it was not."""
    memory: int
    """Bytes at most."""


class EvaluationCostAnswer(Answer):
    """What all evaluations of a run cost."""

    seconds: float | None
    images: int


class VariantEstimateAnswer(Answer):
    """What each run of a variant would cost."""

    name: str
    """The variant's."""
    seeds: list[int]
    """Of its runs."""
    memory: int | None
    """Bytes at most, of all phases."""
    seconds: float
    """Of all stages and evaluations of one run."""
    phases: list[PhaseAnswer]
    evaluation: EvaluationCostAnswer
    """Of one run."""
    too_large: list[str]
    """Phases that do not fit into memory."""
    would_fit: list[WouldFitAnswer]
    """What the stages of these would fit with, each by itself; of a stage that nothing helps none."""
    notes: list[str]


class EstimateAnswer(Answer):
    """What a run, or all runs of a study one after the other, would cost on this machine."""

    name: str
    machine: str
    memory: int | None
    """Bytes that the machine has."""
    seconds: float
    """Of all stages and evaluations, of a study those of all runs."""
    phases: list[PhaseAnswer]
    """Of an experiment; of a study none, nor what does not fit, as variants have them."""
    evaluation: EvaluationCostAnswer
    too_large: list[str]
    """Phases that do not fit into memory."""
    would_fit: list[WouldFitAnswer]
    """What the stages of these would fit with, each by itself; of a stage that nothing helps none."""
    notes: list[str]
    variants: list[VariantEstimateAnswer]
    """Of a study; of an experiment none."""


class PreparedAnswer(Answer):
    """Images of one data set, decoded."""

    data: str
    """Its class."""
    images: int
    test_images: int | None
    """Of its test part; null without one."""
    fingerprint: str


class PrepareAnswer(Answer):
    """What was decoded, or was before."""

    data_sets: list[PreparedAnswer]


class AttributeAnswer(Answer):
    """What values an attribute has."""

    name: str
    least: float
    most: float
    mean: float
    std: float


class LevelsAnswer(Answer):
    """The pixels of one channel, from 0 to 255."""

    mean: float
    std: float


class DataSetAnswer(PreparedAnswer):
    """What there is to train on."""

    name: str
    """The experiment or variant."""
    about: str | None
    """What the data set says of itself."""
    skipped: list[str]
    """Files that are no images, each with the reason."""
    channels: int
    height: int
    width: int
    classes: dict[str, int]
    """How many images each has; empty without classes."""
    attributes: list[AttributeAnswer]
    levels: list[LevelsAnswer]
    """Of each channel."""
    distinct: int
    """Images of which none is a copy of another."""
    sheet: str | None
    """The picture that was written, if one was asked for."""


class DataAnswer(Answer):
    """The data sets of an experiment, or of the variants of a study."""

    data_sets: list[DataSetAnswer]


class KeptAnswer(Answer):
    """Something in the cache."""

    path: str
    what: str
    bytes: int
    used: str
    """When it was last used, in local time."""


class CacheAnswer(Answer):
    """What is kept, or was removed by --clear."""

    folder: str
    kept: list[KeptAnswer]
    """What is there, after clearing if that was asked for."""
    removed: int | None
    """How many things; null without --clear."""
    refused: dict[str, str]
    """What could not be removed, and why."""


class ComponentAnswer(Answer):
    """A component and where it comes from."""

    kind: str
    name: str
    """With its plugin's."""
    plugin: str
    distribution: str | None
    version: str | None
    editable: bool
    path: str
    sha256: str


class CallAnswer(Answer):
    """One thing that a plugin was asked to do."""

    plugin: str
    what: str
    seconds: float


class PluginsAnswer(Answer):
    """Every component that an experiment can name."""

    components: list[ComponentAnswer]
    broken: dict[str, str]
    """Plugins that failed to load, and why."""
    left_out: list[str]
    calls: list[CallAnswer]
    """With --trace."""


class CurveAnswer(Answer):
    """A number that moves."""

    name: str
    values: list[float]


class ScheduleAnswer(Answer):
    """The numbers of an experiment that move as it runs."""

    images: list[int]
    """At which the values hold."""
    curves: list[CurveAnswer]


class ExplainAnswer(Answer):
    """What a component, a kind or an option is, or what moves in an experiment."""

    subject: str | None
    text: str | None
    """In words."""
    options: dict[str, Any] | None
    """JSON Schema of the options of a component, or of a part of an experiment; what it refers to stands in that of
    `gankit schema`."""
    components: list[str]
    """Of a kind."""
    schedule: ScheduleAnswer | None
    """With --schedule."""
    wrote: str | None
    """With --plot."""


class SchemaAnswer(RootModel[dict[str, Any]]):
    """The JSON Schema of experiments itself."""

    in_a_line: ClassVar[bool] = False


class ScaffoldedAnswer(Answer):
    """A component to begin with."""

    kind: str
    name: str
    module: str
    """Its file in the plugin's folder."""


class NewPluginAnswer(Wrote):
    """A package that was written."""

    components: list[ScaffoldedAnswer]


class CompletionAnswer(Answer):
    """What a shell needs to complete commands."""

    shell: str
    script: str
