"""Components that do nothing, of every kind that an experiment needs; tests of the core use no others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

import gankit
from gankit import Images, Many, PerResolution, PerResolutionAboveFirst, Stage
from gankit.config.experiment import Experiment
from gankit.core.registry import register, registries
from gankit.discovery.manager import plugins


class Identity(gankit.LatentMapping):
    """Styles are latents."""

    def build(self, context: Any) -> Any: ...


class Blend(gankit.Join):
    """Blends nothing."""

    def build(self, context: Any) -> Any: ...


class Seed(gankit.Stem):
    """The first map."""

    def build(self, context: Any) -> Any: ...


class Plain(gankit.Block):
    """A block."""

    slope: float = Field(default=0.2, ge=0, le=1)
    """Of the leaky rectifier."""
    groups: PerResolution[Annotated[int, Field(ge=1)]] = {0: 1}
    """Groups of channels."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Says no to one slope."""
        return ["too steep"] if self.slope == 0.75 else ()

    def build(self, context: Any) -> Any: ...


class Still(Plain):
    """A block that keeps the resolution."""

    resamples: ClassVar[bool] = False


class Total(gankit.Head):
    """The sum of everything."""

    def build(self, context: Any) -> Any: ...


class Level(gankit.Norm):
    """Levels activations."""

    mode: Literal["soft", "hard"] = "soft"
    """How."""


class Tug(gankit.Loss):
    """Pulls both ways."""

    margin: float = 1.0
    """How far."""

    @field_validator("margin")
    @classmethod
    def _breaks_at_13(cls, margin: float) -> float:
        if margin == 13:
            raise KeyError("thirteen")
        if margin == 14:
            raise gankit.UserError("fourteen is closed today")
        if margin == 12:
            raise ValueError("a dozen is too much")
        return margin

    def discriminator(self, real: Any, fake: Any) -> Any: ...

    def generator(self, fake: Any, real: Any) -> Any: ...


class Push(Tug):
    """Pushes."""


class Leash(gankit.Regularizer):
    """Holds back."""

    weight: float = 10.0
    """How hard."""
    pulls: Many[gankit.Loss] = []
    """Losses to hold back."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Says no to two numbers."""
        if self.weight == 7:
            yield "seven is an unlucky weight"
        if self.weight == 5:
            raise gankit.UserError("five is closed today")
        if self.weight == 6:
            raise ZeroDivisionError("six")


class Adam(gankit.Optimizer):
    """Optimizes."""

    lr: PerResolution[Annotated[float, Field(gt=0)]] = {0: 1e-3}
    """Learning rate."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Decays."""

    def build(self, parameters: Any, correction: float = 1.0) -> Any: ...

    def learning_rate(self, progress: gankit.Progress) -> float:
        """At a resolution."""
        return gankit.at(self.lr, progress.resolution)


class Exponential(gankit.WeightAverage):
    """Stays where it is."""

    half_life: Images = 10_000
    """Not read."""

    def move(self, average: Any, current: Any, progress: Any, batch: int, memory: Any) -> None:
        """Not at all."""


class Steps(gankit.Growth):
    """Whatever it is told."""

    resolutions: list[int] = [4, 8, 16]
    """Of the stages."""
    images: Images = 1000
    """Of each stage."""
    fade: PerResolutionAboveFirst[Images] = {0: 0}
    """Of each stage but the first."""

    def stages(self) -> list[Stage]:
        """As told."""
        if self.resolutions == [13]:
            raise IndexError("thirteen")
        return [Stage(resolution, self.images) for resolution in self.resolutions]


class Noise(gankit.Dataset):
    """Noise."""

    path: Path | None = None
    """Not read."""

    def image_channels(self) -> int:
        """Grey."""
        return 1

    def load(self, resolution: int) -> Any: ...


class Inception(gankit.Extractor):
    """Sees nothing."""

    def identity(self) -> str:
        """None."""
        return "none"

    @property
    def resize(self) -> str:
        """None."""
        return "none"

    def load(self, device: Any) -> Any: ...


class Count(gankit.Metric):
    """Counts."""

    def evaluate(self, samples: Any) -> Any: ...


class Progress(gankit.Observer):
    """Says nothing."""

    every: Annotated[Images, Field(ge=1)] | None = None
    """Never."""

    def callback(self, run: Any) -> Any: ...


class Guard(gankit.Observer):
    """Guards nothing."""

    def callback(self, run: Any) -> Any: ...


class Sequential(gankit.Launcher):
    """Begins nothing."""

    def launch(self, jobs: Any) -> Any: ...


TOYS: dict[str, type[gankit.Component]] = {
    "identity": Identity,
    "blend": Blend,
    "seed": Seed,
    "plain": Plain,
    "still": Still,
    "total": Total,
    "level": Level,
    "tug": Tug,
    "push": Push,
    "leash": Leash,
    "adam": Adam,
    "exponential": Exponential,
    "steps": Steps,
    "noise": Noise,
    "inception": Inception,
    "count": Count,
    "progress": Progress,
    "guard": Guard,
    "sequential": Sequential,
}


@contextmanager
def only_toys() -> Iterator[None]:
    """Nothing is registered but the toys, by a plugin called `toys`; nothing is installed."""
    with plugins.restored():
        plugins.broken = {}
        for registry in registries.values():
            for plugin in {entry.plugin for entry in registry.entries()}:
                registry.unregister(plugin)
        for name, component in TOYS.items():
            register("toys", name, component)
        yield


EXPERIMENT = """\
name: toy
data: noise
growth: {use: steps, resolutions: [4, 8, 16], images: 1k}
generator:
  stem: seed
  block: {4: plain, 16: [plain, {use: plain, slope: 0.1}]}
  rgb: plain
  norm: [level, {use: level, mode: hard}]
  channels: {4: 64, 16: 32}
discriminator:
  block: {use: plain, slope: 0.3}
  rgb: plain
  head: total
  channels: 64
loss: {use: tug, margin: 2}
regularizers: [leash, {use: leash, weight: 3, pulls: push}]
training:
  batch: {4: 16, 16: 8}
  optimizer: {use: adam, lr: 1e-3, betas: [0, 0.99]}
  average: {use: exponential, half_life: 10k}
evaluation: {metrics: count, images: 100}
"""


def changed(old: str, new: str) -> str:
    """The experiment with one thing changed."""
    assert EXPERIMENT.count(old) == 1, old
    return EXPERIMENT.replace(old, new)
