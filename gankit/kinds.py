"""The kinds: everything that a plugin can contribute. Read this first.

Each abstract class below is one kind of component with a registry of its own. Modules that define components do not
import torch: they import it inside methods, so that reading an experiment stays fast.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import Field

from gankit.component import Component

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor, nn
    from torch.optim import Optimizer as TorchOptimizer
    from torch.optim.optimizer import ParamsT

    from gankit.evaluation.samples import Features, Need, Samples
    from gankit.growing import Stage
    from gankit.observing import Run, Watcher
    from gankit.place import Place
    from gankit.training.step import Step


# --- parts of a network: each builds a torch module for the place where it will stand --------------------------------


class Mapping(Component):
    """Maps latents and labels to styles, one for each part of the generator that asks.

    A module that can truncate has a method `truncated(styles, psi, cutoff)`, which gives styles of the same shape, the
    first `cutoff` (None: all) of them pulled towards their mean by psi, where 1 leaves them as they are.
    """

    kind: ClassVar[str] = "mapping"

    @abstractmethod
    def build(self, place: Place) -> nn.Module:
        """A module with attribute `width`; forward(z [N, latent], labels [N] or None, styles) -> [N, styles, width]."""


class Stem(Component):
    """Makes the generator's first feature map."""

    kind: ClassVar[str] = "stem"

    @abstractmethod
    def build(self, place: Place) -> nn.Module:
        """A module from the first style [N, in_channels] to [N, out_channels, *place.size]."""


class Block(Component):
    """Works on feature maps: convolutions, residual blocks, attention, conversion from and to images."""

    kind: ClassVar[str] = "block"

    resamples: ClassVar[bool] = True
    """False if it always keeps the resolution; `place.resample` is then None."""

    @abstractmethod
    def build(self, place: Place) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W'], resampled as `place.resample` says."""


class Head(Component):
    """Turns the discriminator's last feature map into scores."""

    kind: ClassVar[str] = "head"

    @abstractmethod
    def build(self, place: Place) -> nn.Module:
        """A module to scores [N, 1] or [N, patches]; with attribute `classes` = K to score and logits [N, 1 + K]."""

    def classifies(self) -> bool:
        """Whether its module gives class logits too, if the data has classes."""
        return False


class Norm(Component):
    """Normalizes activations (`build`), weights (`apply`), or both."""

    kind: ClassVar[str] = "norm"

    mixes_samples: ClassVar[bool] = False
    """True if one sample's output depends on the others in its batch."""

    def build(self, place: Place) -> nn.Module | None:
        """A module that normalizes `place.out_channels` feature maps; None if only weights are normalized."""
        return None

    def apply(self, layer: nn.Module) -> None:
        """Change how the weight of `layer` (Linear, Conv2d, ConvTranspose2d, Embedding) starts or is used."""
        return


class Init(Component):
    """How weights start; layers say their gain in an attribute `gain`."""

    kind: ClassVar[str] = "init"

    @abstractmethod
    def apply(self, layer: nn.Module) -> None:
        """Draw the starting weight of `layer` (Linear, Conv2d, ConvTranspose2d, Embedding)."""


# --- parts of a step --------------------------------------------------------------------------------------------------


class Loss(Component):
    """The adversarial objective, on scores [N] or [N, patches]; both methods return a scalar to minimize."""

    kind: ClassVar[str] = "loss"

    relativistic: ClassVar[bool] = False
    """True if `generator` needs the scores of reals too; otherwise its `real` is None."""

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator minimizes, given the scores of reals and fakes."""

    @abstractmethod
    def generator(self, fake: Tensor, real: Tensor | None) -> Tensor:
        """What the generator minimizes, given the scores of fakes (and of reals, if relativistic)."""


class Regularizer(Component):
    """Anything beside the loss that shapes training; override what is needed, only that is called."""

    kind: ClassVar[str] = "regularizer"

    every: int = Field(default=1, ge=1)
    """Apply on every n-th update only, as an update of its own, n times as strong (lazy regularization)."""

    def layer(self, place: Place) -> nn.Module | None:
        """A module placed before the discriminator's head, such as minibatch statistics; None for none."""
        return None

    def discriminator(self, step: Step) -> Tensor | None:
        """A scalar added to what the discriminator minimizes."""
        return None

    def generator(self, step: Step) -> Tensor | None:
        """A scalar added to what the generator minimizes."""
        return None

    def constrain(self, discriminator: nn.Module) -> None:
        """Change the discriminator's weights in place, after each of its updates and without gradients."""
        return


class Augmentation(Component):
    """Changes reals and fakes alike before the discriminator sees them; differentiable."""

    kind: ClassVar[str] = "augmentation"

    @abstractmethod
    def apply(self, images: Tensor, memory: dict[str, Tensor]) -> Tensor:
        """Augmented images of the same shape; `memory` is kept between calls and in checkpoints."""

    def adapt(self, step: Step) -> None:
        """Called after each discriminator update; adjusts what `step.memory(self)` holds."""
        return


class Optimizer(Component):
    """Updates the weights of one network."""

    kind: ClassVar[str] = "optimizer"

    @abstractmethod
    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """A torch optimizer; `correction` rescales its step and decay for lazy regularizers (Karras et al. 2020).

        `parameters` are groups as torch's optimizers take them; the trainer sets the learning rate of each.
        """

    @abstractmethod
    def learning_rate(self, resolution: int, share: float) -> float:
        """The learning rate at `resolution` after a share of the run's images, from 0 to 1; before the correction."""


class Shown(NamedTuple):
    """The reals that one update of the discriminator shows, among all that are shown."""

    before: int
    """Images shown before."""
    images: int
    """Images of this update."""
    stage_start: int
    """Images shown before the stage began."""
    resolution: int
    """Height of the images in pixels."""


class Average(Component):
    """How the averaged generator follows the generator that is trained."""

    kind: ClassVar[str] = "average"

    @abstractmethod
    def move(self, average: nn.Module, current: nn.Module, shown: Shown, memory: dict[str, Tensor]) -> None:
        """Change the parameters of `average` after each update of the discriminator, without gradients.

        Layers that have not taken part yet are equal in both. Buffers are copied by the trainer; `memory` is kept
        between calls and in checkpoints.
        """


class Growth(Component):
    """Which resolutions are trained, in order, and for how many images."""

    kind: ClassVar[str] = "growth"

    @abstractmethod
    def stages(self) -> list[Stage]:
        """The stages in order, each resolution twice the one before."""


# --- data and evaluation ----------------------------------------------------------------------------------------------


class LabelledImages(NamedTuple):
    """A data set in memory (or memory-mapped)."""

    images: np.ndarray
    """uint8 [N, channels, height, width]; of four channels the last is opacity, which the colours are multiplied by."""
    labels: np.ndarray | None
    """int64 [N], or None without labels."""


class Dataset(Component):
    """Real images, with labels if asked for."""

    kind: ClassVar[str] = "dataset"

    @abstractmethod
    def image_channels(self) -> int:
        """Channels of the images: 1 grey, 3 RGB, 4 RGB with opacity."""

    def aspect(self) -> float:
        """Width of the images over their height."""
        return 1.0

    def class_count(self) -> int:
        """Number of classes; 0 trains without labels."""
        return 0

    @abstractmethod
    def load(self, resolution: int) -> LabelledImages:
        """All images, `resolution` high and `aspect` times as wide, always in the same order.

        Args:
            resolution: The highest that the experiment grows to.

        Raises:
            gankit.errors.UserError: if they cannot be read.
        """


class Extractor(Component):
    """A fixed network that turns images into features and class logits for metrics."""

    kind: ClassVar[str] = "extractor"

    @abstractmethod
    def identity(self) -> str:
        """Name and weights hash; numbers of unlike identities are never compared."""

    @property
    @abstractmethod
    def resize(self) -> str:
        """How images come to the network's input size, as it stands in the protocol."""

    @abstractmethod
    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """The network, ready on `device`: from uint8 [N, 3, H, W] to features.

        Raises:
            gankit.errors.UserError: if the weights cannot be had.
        """


class Metric(Component):
    """Numbers that say how good generated images are."""

    kind: ClassVar[str] = "metric"

    needs: ClassVar[frozenset[Need]] = frozenset()
    """What is kept of the images in the one pass that extracts them."""

    version: ClassVar[int] = 1
    """Raised when the same images would give another number; numbers of unlike versions are never compared."""

    higher_is_better: ClassVar[bool] = False
    """Which way runs are ranked."""

    has_floor: ClassVar[bool] = False
    """True if the same number between two sets of reals is worth showing beside it, as <name>_floor."""

    yardstick: ClassVar[bool] = False
    """True if it measures nothing but reals, in place of generated images, as something to read the others by."""

    @abstractmethod
    def evaluate(self, samples: Samples) -> dict[str, float]:
        """One or several numbers by name."""


# --- around a run -----------------------------------------------------------------------------------------------------


class Observer(Component):
    """Watches a run: tracking, pictures, progress. What it raises never stops the run."""

    kind: ClassVar[str] = "observer"

    @abstractmethod
    def watch(self, run: Run) -> Watcher:
        """Begin to watch `run`; the watcher's methods are called at the moments they are named after."""


class Launcher(Component):
    """Where the runs of a study are carried out: in turn, side by side, on a cluster."""

    kind: ClassVar[str] = "launcher"

    @abstractmethod
    def launch(self, commands: Sequence[Sequence[str]], folder: Path) -> Iterable[int]:
        """Carry out each command, one a run, in `folder`; yields each exit status in the order of `commands`."""


KINDS: tuple[type[Component], ...] = tuple(kind for kind in Component.__subclasses__() if kind.__module__ == __name__)
"""Every class above, in order."""
