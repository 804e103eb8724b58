"""Parts of training: what an update is made of, and how training goes on from update to update."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from gankit.core.component import Component
from gankit.kinds.networks import NetworkPart
from gankit.kinds.schedules import Scheduled

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer as TorchOptimizer
    from torch.optim.optimizer import ParamsT

    from gankit.core.progress import Progress, Stage
    from gankit.networks.context import BuildContext
    from gankit.training.step import AugmentedBatch, Step


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


class Regularizer(NetworkPart):
    """Anything beside the loss that shapes training; override what is needed, only that is called."""

    kind: ClassVar[str] = "regularizer"

    mixes_samples: ClassVar[bool] = False
    """True if what it makes of one sample depends on the others in its batch, as statistics of a batch do: then it is
    not the same where a batch is computed in parts, of which users are told."""
    trains_classes: ClassVar[bool] = False
    """True if it trains the discriminator by labels, as by the class logits of its head."""

    later_options: ClassVar[tuple[str, ...]] = ("critics",)

    derives_twice: ClassVar[bool] = True
    """False if it needs no double backward through the networks; steps that it acts in may then be compiled."""

    every: int = Field(default=1, ge=1)
    """Apply in every n-th iteration only, by updates of its own, n times as strong (lazy regularization). An
    iteration is one update of the generator with those of the discriminator before it."""
    critics: list[str] | None = None
    """Of several discriminators those that it acts on, each by itself: names of `critics`, and discriminator. null: on
    all of them in their update, and in the generator's on what they say together."""

    def layer(self, context: BuildContext) -> nn.Module | None:
        """A module placed before the head of `discriminator`, such as minibatch statistics; None for none."""
        return None

    def discriminator(self, step: Step) -> Tensor | None:
        """A scalar added to what the discriminator minimizes; None for nothing this time."""
        return None

    def generator(self, step: Step) -> Tensor | None:
        """A scalar added to what the generator minimizes; None for nothing this time."""
        return None

    def constrain(self, discriminator: nn.Module) -> None:
        """Change the discriminator's weights in place, after each of its updates and without gradients."""
        return


class Augmentation(Component):
    """Changes reals and fakes alike before the discriminator sees them; differentiable, as often as asked."""

    kind: ClassVar[str] = "augmentation"

    exchanges_images: ClassVar[bool] = False
    """True if it changes no image, but only puts others in their place: where samples are images of several scales,
    it is given all of them in one [N, C, 1, P]. Others are given each scale by itself, as high as the highest and with
    the same draws."""

    @abstractmethod
    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Augmented images of the same shape [N, C, H, W]; `batch` says what images they are."""

    def adapt(self, step: Step) -> None:
        """Called after each discriminator update; adjusts what `step.memory(self)` holds, and may `step.log` it.

        Where a batch is computed in parts `step` is of the whole batch all the same, without feature maps.
        """
        return


class Optimizer(Component):
    """Updates the weights of one network."""

    kind: ClassVar[str] = "optimizer"
    later_options: ClassVar[tuple[str, ...]] = ("clip_norm",)

    clip_norm: Scheduled[Annotated[float, Field(gt=0)]] | None = None
    """The longest that the gradient of all weights together may be; it is shortened before an update. null: any."""

    @abstractmethod
    def build(self, parameters: ParamsT, correction: float = 1.0) -> TorchOptimizer:
        """A torch optimizer; `correction` rescales its step and decay for lazy regularizers (Karras et al. 2020).

        `parameters` are groups as torch's optimizers take them. A group may be split, as weights from biases, if each
        part keeps its key `new_at` and none of the parameters is left out. The trainer sets the learning rate `lr` of
        each group in the optimizer's `param_groups`, times `lr_multiplier` in those that have that key. If options
        move, it is called again, on other parameters of the same shapes, for what is to stand in each group in place of
        what did; it has to split them alike.
        """

    @abstractmethod
    def learning_rate(self, progress: Progress) -> float:
        """The learning rate in force where the run stands; before the correction."""


class WeightAverage(Component):
    """How the averaged generator follows the generator that is trained."""

    kind: ClassVar[str] = "average"

    statistics: Literal["average", "estimate", "copy"] = "estimate"
    """Which running statistics the batch norms of the averaged generator have. average: those of the generator that is
    trained, averaged as its weights are. estimate: those of its own activations, estimated on 4,096 latents whenever it
    is measured, sampled or saved (Brock et al. 2019, "standing statistics"). copy: the trained generator's."""

    def moves_once_an_iteration(self) -> bool:
        """True to be moved as often as the generator is updated: after the last of several discriminator updates."""
        return False

    def relative_length(self) -> float | None:
        """The length of an average that weighs images by a power of their number, see `gankit.training.profiles`.

        That number counts from the beginning of the resolution (`Progress.resolution_images`). Of two such averages a
        run keeps snapshots if asked to, out of which averages of other lengths are made once it is over. None: it
        weighs them otherwise.
        """
        return None

    @abstractmethod
    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        """Change the parameters of `average`, without gradients.

        Called after each discriminator update, or, if `moves_once_an_iteration`, after the last one of an iteration.
        `progress` is where the run stood before that update, and `batch` the number of reals that it showed. Layers
        that have not taken part yet are equal in both. With `statistics: average` it is called a second time, with the
        statistics of batch norms for parameters and a memory of their own; other buffers are copied by the trainer.
        `memory` is kept between calls and in checkpoints: tensors on the run's device; counters may stay on the CPU, as
        `Step.memory` says.
        """


class Growth(Component):
    """Which resolutions are trained, in order, and for how many images."""

    kind: ClassVar[str] = "growth"

    @abstractmethod
    def stages(self) -> list[Stage]:
        """The stages in order: each at the resolution of the one before or twice that; at one resolution with names."""

    def scales(self) -> list[int]:
        """The resolutions, lowest first, at which a generator gives and a discriminator takes an image all the time.

        They double up to the resolution of the stages, which are then all at that one. Empty, as by default: an image
        is at the resolution of its stage alone.
        """
        return []
