"""An experiment: the typed form of its YAML file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import (
    AfterValidator,
    Field,
    WrapValidator,
)
from pydantic_core import PydanticCustomError
from yaml import YAMLError

from gankit.config.evaluation import CheckpointOptions, EvaluationOptions, GeneratorName, default
from gankit.config.optimizers import OPTIMIZER, OneForBoth, OptimizerPair, for_both
from gankit.core.component import named
from gankit.core.errors import UserError
from gankit.core.networks import NETWORKS
from gankit.core.options import AbsolutePath, Images, Many, Options
from gankit.core.progress import Stage
from gankit.core.registry import registries
from gankit.core.tables import PerResolution, PerResolutionAboveFirst, at
from gankit.kinds import (
    Augmentation,
    Block,
    Critic,
    Dataset,
    Growth,
    Head,
    Init,
    Join,
    LatentMapping,
    Loss,
    Norm,
    Observer,
    Regularizer,
    Scheduled,
    Stem,
    WeightAverage,
)

OWN_NAME = re.compile("[a-z][a-z0-9-]{0,39}")
"""What further averages and discriminators are called: one word, with which names of numbers and files may end."""
OTHER_MEANINGS = {
    "average": "that is training.average",
    "current": "that is the trained generator itself",
    **dict.fromkeys(("floor", "quick", "track", "error", "std"), "names of other numbers end so"),
}
"""Words that no further average is called, for they mean something else."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9._=,+-]{0,199}$"
"""What experiments, studies and variants are called: safe as the name of a folder."""


class NetworkOptions(Options):
    """What generator and discriminator have in common."""

    later_options: ClassVar[tuple[str, ...]] = ("join", "padding")

    block: PerResolutionAboveFirst[Many[Block]]
    """Blocks of every resolution above the lowest, one or several run one after the other. In a generator the first
    goes up into its resolution, in a discriminator the last goes down out of it."""
    base_blocks: Many[Block] = []
    """Blocks at the lowest resolution, after the stem or before the head."""
    rgb: Block | None
    """The block between feature maps and images; null lets the outermost block touch the image itself."""
    norm: PerResolution[Many[Norm]] = {0: []}
    """Normalizations of activations and weights; weight norms reach every weighted layer in the order listed."""
    init: Init | None = None
    """How weights start; null leaves it to the layers: normal, with each layer's gain over the root of its fan-in."""
    channels: PerResolution[Annotated[int, Field(ge=1, le=1_000_000)]]
    """Feature maps at each resolution."""
    join: Join = default("blend")
    """How what comes past the layers of a resolution, from the one below, is joined with what they give: as they fade
    in, or all the time."""
    padding: Literal["zeros", "circular"] = "zeros"
    """What layers read beyond the edges of a map. circular: what lies within the opposite edge, so that images of a
    generator are tiles that join with themselves; a discriminator that is to judge the joints needs it too."""
    base: int = Field(default=4, ge=1)
    """The lowest resolution, where stem and head stand, in pixels."""


class GeneratorOptions(NetworkOptions):
    """From latents to images."""

    latent: int = Field(default=512, ge=1, le=1_000_000)
    """Length of the latent vector z, drawn from a standard normal distribution."""
    mapping: LatentMapping = default("identity")
    """From z to styles."""
    stem: Stem
    """Makes the first feature map."""
    output: Literal["linear", "tanh"] = "linear"
    """What the image passes through last."""


class DiscriminatorOptions(NetworkOptions):
    """From images to scores."""

    head: Head
    """Turns the last feature map into scores."""


class FadingOptions(Options):
    """How the layers of a new resolution learn as they come in, for as long as `growth` says."""

    renamed_options: ClassVar[Mapping[str, str]] = {"by": "generator.join and discriminator.join"}

    rate: Scheduled[Annotated[float, Field(gt=0, le=1)]] = 1.0
    """Learning rate of layers while they fade in, as a share of that of the others."""


def _average_name(name: str) -> str:
    """A name that a further average may have."""
    if not OWN_NAME.fullmatch(name):
        wanted = "such a name begins with one of a-z and goes on with those, 0-9 and -, in 40 characters at most"
    elif name in OTHER_MEANINGS:
        wanted = OTHER_MEANINGS[name]
    else:
        return name
    raise PydanticCustomError("average_name", "no further average can be called so: {why}", {"why": wanted})


def _critic_name(name: str) -> str:
    """A name that a further discriminator may have."""
    if OWN_NAME.fullmatch(name) and name not in NETWORKS:
        return name
    wanted = f"a word of a-z, 0-9 and -, a letter first, in 40 characters at most, other than {' and '.join(NETWORKS)}"
    raise PydanticCustomError("critic_name", "no critic can be called so, only by {wanted}", {"wanted": wanted})


class TrainingOptions(Options):
    """How the networks are trained."""

    later_options: ClassVar[tuple[str, ...]] = (
        "averages",
        "freeze",
        "classes",
        "precision",
        "half_resolutions",
        "activation_checkpointing",
        "compile",
        "micro_batch",
        "processes",
        "allocator",
    )

    batch: PerResolution[Annotated[int, Field(ge=1, le=1_000_000)]] = {0: 32}
    """Real images a discriminator update."""
    micro_batch: PerResolution[Annotated[int, Field(ge=1, le=1_000_000)]] | None = None
    """Real images that are computed at a time: an update then takes the memory of so many and makes their mean
    gradient, one part of the batch after the other. It divides the batch, or is not less. Statistics of a batch, as of
    batch norms, are those of each part. null: all at once."""
    processes: int = Field(default=1, ge=1, le=10_000)
    """Processes that compute each update together, on this machine or where torchrun starts them: each a part of the
    batch, which it divides, and of evaluations. On GPUs each has one of its own."""
    classes: Literal["data", "even"] = "data"
    """How often images of each class are shown, and asked for. data: every image as often; even: every class as often,
    however few images it has. Evaluation compares with the data as they are all the same."""
    discriminator_steps: int = Field(default=1, ge=1, le=10_000)
    """Discriminator updates a generator update."""
    generator_batches: int = Field(default=1, ge=1, le=1_000)
    """Fakes in a generator update, as a multiple of the batch."""
    optimizer: Annotated[OptimizerPair, WrapValidator(for_both), OneForBoth()] = default(OPTIMIZER)
    """One optimizer for both networks, or {generator: ..., discriminator: ...}; what one network has of its own may
    also stand beside what both share: {use: adam, lr: 1e-3, discriminator: {lr: 4e-3}}. Adam need not be named."""
    reset_optimizer: bool | Literal["stage"] = False
    """Forget the optimizers' moments. true: when a stage begins and when its fade ends; stage: when it begins alone."""
    mirror: bool = False
    """Show each real mirrored left to right with a probability of one half."""
    average: WeightAverage = default("exponential")
    """The averaged generator, which is what is evaluated and sampled."""
    averages: dict[Annotated[str, AfterValidator(_average_name)], WeightAverage] = {}
    """Further averaged generators by names of your own, as in {slow: {use: exponential, half_life: 100k}}. They change
    nothing of training; evaluation.generators, gankit sample --which and gankit evaluate --which take their names."""
    precision: Literal["fp32", "tf32", "bf16", "fp16"] = "fp32"
    """What networks compute in as they train. fp32: float32 in full. tf32: products of an NVIDIA GPU with 10 bits after
    the point. bf16: convolutions and products in bfloat16, all else in float32. fp16: in float16, by losses that are
    scaled for it; updates that overflow are skipped and counted. Weights, losses and what is measured are float32."""
    half_resolutions: int | None = Field(default=None, ge=1, le=32)
    """Of bf16 and fp16: how many resolutions, the highest of the networks, compute in 16 bits, the others in float32;
    null: all of them."""
    compile: bool = False
    """Have torch compile the networks, for passes that no penalty differentiates twice; others stay as they are. It
    takes minutes at each stage and after each fade, and pays on GPUs."""
    activation_checkpointing: bool = False
    """Keep of each resolution what goes into it alone, and compute the rest again in the backward pass: the same
    gradients, for less memory and about a third more time."""
    threads: int | None = Field(default=None, ge=1, le=1_024)
    """CPU threads of each process; null leaves it to torch, or shares the cores out among several processes. Small
    networks are fastest on one, and the number decides the last bits."""
    allocator: Literal["auto", "system"] = "auto"
    """auto: on a CPU, with 64x64 pixels or more, keep the memory that is freed for what comes next, unless MALLOC_
    variables set it otherwise: faster, and some percent more memory. system: leave it to the system."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train; auto takes cuda, then mps, then cpu."""
    start_from: AbsolutePath | None = None
    """A run, or one of its checkpoints, whose networks and averaged generator training starts from: of their weights
    those whose names and shapes are the same, and nothing else: stages, optimizers and random draws begin afresh.
    What does not fit is told; if nothing does, the run is refused."""
    freeze: list[str] = []
    """Parts of the networks whose weights stay as they begin, as in [generator.mapping, discriminator.blocks.32]; those
    of all resolutions without a number, one of `critics` as critics.NAME. They get no state of an optimizer; statistics
    of norms in them go on."""
    extend: Images = 0
    """Images shown in the last stage beyond those of the growth schedule; gankit resume --extend adds to it."""

    def batch_in(self, stage: Stage) -> int:
        """Real images a discriminator update in a stage."""
        return at(self.batch, stage.resolution) if stage.batch is None else stage.batch

    def at_once(self, resolution: int) -> int | None:
        """Real images that are computed at a time at a resolution, if there are more in a batch; None: all."""
        return None if self.micro_batch is None else at(self.micro_batch, resolution)

    def part_in(self, stage: Stage) -> int:
        """Real images that a process computes at a time in a stage."""
        share = self.batch_in(stage) // self.processes
        return min(share, self.at_once(stage.resolution) or share)

    @property
    def generators(self) -> list[GeneratorName]:
        """The generators that can be measured and sampled."""
        return ["average", "current", *self.averages]


def _as_settings(settings: Mapping[str, Any]) -> list[str]:
    """Changes by the names of options, as --set takes them; errors name the keyword."""
    from gankit.config.yaml.merge import Keyword
    from gankit.config.yaml.writer import inline

    return [Keyword(f"{option}={_plain(inline, value)}") for option, value in settings.items()]


def _plain(written: Callable[[Any], str], value: Any) -> str:
    """A value as YAML.

    Raises:
        UserError: if it is of a type that has no place there.
    """
    try:
        return written(value)
    except (YAMLError, RecursionError) as failure:
        raise UserError(f"options are plain values, as YAML has them: {failure}") from None


WATCHING = ("progress", "guard")
"""The observers of every run that does not switch them off by name."""


def _with_watching(observers: list[Observer]) -> list[Observer]:
    """Add those of `WATCHING` that are not named, last, so that positions stay those of the file."""
    given = {registries["observer"].entry_of(type(observer)).name for observer in observers}
    return [*observers, *(named(Observer, name) for name in WATCHING if name not in given)]


class Experiment(Options):
    """Everything that a run depends on."""

    later_options: ClassVar[tuple[str, ...]] = ("critics",)

    name: str = Field(pattern=NAME)
    """Name of the experiment and of its run folder."""
    variant: str | None = Field(default=None, pattern=NAME)
    """The variant of a study that this is; `gankit run` says so in the runs of a study, whose name `name` then is."""
    seed: int = Field(default=0, ge=0)
    """Decides every random draw."""
    plugins: list[Path] = []
    """Plugin files to load, relative to this file."""
    data: Dataset
    """The real images."""
    growth: Growth
    """Which resolutions are trained and for how long."""
    fading: FadingOptions = FadingOptions()
    """How the layers of a new resolution come in."""
    generator: GeneratorOptions
    """The generator."""
    discriminator: DiscriminatorOptions | None
    """The discriminator; null leaves it to `critics`."""
    critics: dict[Annotated[str, AfterValidator(_critic_name)], Critic] = {}
    """Further discriminators by names of your own, as in {levels: projected}: each judges the same images, and the loss
    of each counts by its weight. Penalties act on each by itself, see their option critics."""
    loss: Loss
    """The adversarial objective."""
    regularizers: Many[Regularizer] = []
    """Penalties, diversity layers and constraints."""
    augment: Many[Augmentation] = []
    """Differentiable augmentations of reals and fakes, one after the other."""
    training: TrainingOptions = default({})
    """Batch, optimizers, averaging, device."""
    evaluation: EvaluationOptions = default({})
    """Metrics and their protocol."""
    checkpoints: CheckpointOptions = CheckpointOptions()
    """When weights are saved."""
    observers: Annotated[Many[Observer], AfterValidator(_with_watching)] = default(list(WATCHING))
    """Who watches the run. progress and guard do, named or not; {use: guard, enabled: false} switches one off."""

    @classmethod
    def read(cls, path: str | PathLike[str], **settings: Any) -> Self:
        """The experiment of a YAML file, as `gankit run` reads it.

            experiment = gankit.Experiment.read("quickstart.yaml", seed=3, training={"batch": 16})

        Args:
            path: The file.
            settings: Options that are to be other ones: what they name is changed, and what beside it stays.

        Raises:
            UserError: with every mistake found, each where it stands; and if it cannot be run here.
        """
        from gankit.config.loader import load_experiment

        return cast(Self, load_experiment(Path(path), _as_settings(settings)))

    @classmethod
    def from_dict(cls, options: Mapping[str, Any], **settings: Any) -> Self:
        """Read an experiment from options as a file would name them; errors give lines of the YAML made of them."""
        from gankit.config.loader import experiment_of_text
        from gankit.config.yaml.writer import dump

        return cast(Self, experiment_of_text(_plain(dump, options), "options", _as_settings(settings)))

    def to_yaml(self) -> str:
        """All that it says, defaults too, as YAML that is read as the same experiment."""
        from gankit.config.yaml.writer import dump_experiment

        return dump_experiment(self)

    def networks(self) -> list[NetworkOptions]:
        """All networks of parts by resolution: generator, discriminator, and those in the options of critics."""
        return [self.generator, *self.discriminators()]

    def discriminators(self) -> list[DiscriminatorOptions]:
        """Those among them that judge images."""
        of_critics = (getattr(critic, name) for critic in self.critics.values() for name in type(critic).model_fields)
        return [each for each in (self.discriminator, *of_critics) if isinstance(each, DiscriminatorOptions)]

    def stages(self) -> list[Stage]:
        """The stages of the growth schedule, the last one extended by `training.extend`."""
        *before, last = (Stage(*stage) for stage in self.growth.stages())
        return [*before, last._replace(images=last.images + self.training.extend)]

    def resolutions(self) -> list[int]:
        """Heights of the images that it trains on, lowest first: those of its stages, or of all scales at once."""
        return sorted({*self.growth.scales(), *(stage.resolution for stage in self.growth.stages())})
