"""Parts of a network: each builds a torch module for the place where it will stand.

A part that looks at labels says so in `reads_labels`: data with classes is refused if no part of the generator does, or
if neither a part of the discriminator does nor a regularizer trains class logits. Images would not depend on the class
that is asked for. Data with attributes, whose labels are vectors, is refused likewise by `reads_attributes`, and so is
a part that would take these for classes.

What a module says of itself by attributes, such as `HasWidth`, stands in gankit/networks/protocols.py.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from gankit.core.component import Component

if TYPE_CHECKING:
    from torch import nn

    from gankit.networks.context import BuildContext


class Init(Component):
    """How weights start; layers say their gain in an attribute `gain`, which `gain_of` reads."""

    kind: ClassVar[str] = "init"

    @abstractmethod
    def apply(self, layer: nn.Module) -> None:
        """Draw the starting weight of `layer` (Linear, Conv2d, ConvTranspose2d, Embedding)."""


class NetworkPart(Component):
    """What builds modules that stand in a network."""

    later_options: ClassVar[tuple[str, ...]] = ("init",)

    init: Init | None = None
    """How the weights of this part start; null: as the network's `init` says."""


class LatentMapping(NetworkPart):
    """Maps latents and labels to styles, one for each part of the generator that asks.

    A module that keeps a mean of its styles `CanTruncate`: it has a method `truncated(styles, psi, cutoff)`. One whose
    samples are truncated by their latents `TruncatesLatents`, by a method `truncated_latents(z, threshold)`.
    """

    kind: ClassVar[str] = "mapping"

    @abstractmethod
    def build(self, context: BuildContext) -> nn.Module:
        """A module that `HasWidth`, with forward(z [N, latent], labels or None, styles) -> [N, styles, width].

        Labels are int64 [N] where `context.classes` counts classes, float [N, context.attributes] where these count.
        """

    def reads_labels(self) -> bool:
        """Whether its styles depend on classes, if there are any; say so, or data with classes is refused."""
        return False

    def reads_attributes(self) -> bool:
        """Whether its styles depend on vectors of attributes, if there are any."""
        return False


class Stem(NetworkPart):
    """Makes the generator's first feature map."""

    kind: ClassVar[str] = "stem"

    @abstractmethod
    def build(self, context: BuildContext) -> nn.Module:
        """A module from the first style [N, in_channels] to [N, out_channels, *context.size]."""

    def reads_labels(self) -> bool:
        """Whether its own layers, norms apart, look at classes, if there are any."""
        return False

    def reads_attributes(self) -> bool:
        """Whether its own layers, norms apart, look at vectors of attributes, if there are any."""
        return False


class Block(NetworkPart):
    """Works on feature maps: convolutions, residual blocks, attention, conversion from and to images.

    As in every part of a network, layers may share weights, and parameters that need no gradient stay as they are. A
    module that gives other than the channels it is asked for, where it keeps the resolution, `HasOutChannels`.
    """

    kind: ClassVar[str] = "block"

    resamples: ClassVar[bool] = True
    """False if it always keeps the resolution; `context.resample` is then None."""

    @abstractmethod
    def build(self, context: BuildContext) -> nn.Module:
        """A module from [N, in_channels, H, W] to [N, out_channels, H', W'], resampled as `context.resample` says.

        Channels may be any numbers, also 1 or odd ones, and where `context.outermost` is true those of images are among
        them. What it cannot build at a place it refuses by a `UserError`, or before anything is built by `problems`.
        """

    def reads_labels(self) -> bool:
        """Whether its own layers, norms apart, look at classes, if there are any."""
        return False

    def reads_attributes(self) -> bool:
        """Whether its own layers, norms apart, look at vectors of attributes, if there are any."""
        return False


class Head(NetworkPart):
    """Turns the discriminator's last feature map into scores."""

    kind: ClassVar[str] = "head"

    @abstractmethod
    def build(self, context: BuildContext) -> nn.Module:
        """A module to scores [N, 1] or [N, patches]; one that `HasClasses` to score and logits [N, 1 + classes]."""

    def classifies(self) -> bool:
        """Whether its module gives class logits too, if the data has classes; a regularizer then has to train them."""
        return False

    def reads_labels(self) -> bool:
        """Whether its scores depend on classes, if there are any."""
        return False

    def reads_attributes(self) -> bool:
        """Whether its scores depend on vectors of attributes, if there are any."""
        return False


class Critic(Component):
    """Judges images by itself, as a further discriminator beside `discriminator` or in its place."""

    kind: ClassVar[str] = "critic"

    weight: float = Field(default=1.0, gt=0)
    """What the loss of its scores counts in what both networks minimize; that of `discriminator` counts 1."""

    @abstractmethod
    def build(self, context: BuildContext) -> nn.Module:
        """A module from images [N, C, H, W], and labels [N] if there are some, to scores.

        Scores are [N], [N, patches], a list of such, each of which the loss looks at by itself, or a
        `gankit.networks.discriminator.DiscriminatorOutput`. Labels are as for a `LatentMapping`. Images are as high as
        the stage that is trained, of which `context.resolutions` says what there are, and as wide as `context.aspect`
        says. What of its parameters needs no gradient stays as it is.
        """

    @property
    def mixes_samples(self) -> bool:
        """Whether the scores of one sample depend on the others in its batch."""
        return False

    def reads_labels(self) -> bool:
        """Whether its scores depend on labels, if there are any."""
        return False

    def reads_attributes(self) -> bool:
        """Whether its scores depend on the values of attributes, if there are any."""
        return False


class Join(NetworkPart):
    """Joins what comes past the layers of a resolution, from the resolution below, with what they give."""

    kind: ClassVar[str] = "join"

    where: ClassVar[Literal["never", "fade", "stages", "resolutions", "scales"]] = "fade"
    """At which resolutions above a network's lowest: at that of the newest layers while they fade in, at those of all
    stages but the first, or at all. So a network has blocks between feature maps and images for each of them. "scales":
    in a discriminator at those into which an image of its own comes, as by a growth that has `scales`; then its module
    may give more feature maps than come from the layers, if it `HasOutChannels`."""
    fades_reals: ClassVar[bool] = True
    """Whether reals, while layers fade in, are blended with themselves at half the resolution, as the generator's
    images then are; the generator's join says."""

    def joins_images(self) -> bool:
        """Whether in a discriminator `older` is an image itself, and not what the `rgb` block makes of it."""
        return False

    @abstractmethod
    def build(self, context: BuildContext) -> nn.Module:
        """A `gankit.networks.layers.JoinModule`: forward(older, newer, alpha) -> joined [N, out_channels, H, W].

        In a generator both are images as high as `context.resolution`, in a discriminator feature maps half as high.
        """


class Norm(NetworkPart):
    """Normalizes activations (`build`), weights (`apply`), or both."""

    kind: ClassVar[str] = "norm"

    mixes_samples: ClassVar[bool] = False
    """True if one sample's output depends on the others in its batch."""
    redraws: ClassVar[bool] = False
    """True if `apply` draws weights anew: then other norms of weights come after it, and parts have no inits."""

    def build(self, context: BuildContext) -> nn.Module | None:
        """A module that normalizes `context.out_channels` feature maps; None if only weights are normalized."""
        return None

    def apply(self, layer: nn.Module) -> None:
        """Change how the weight of `layer` (Linear, Conv2d, ConvTranspose2d, Embedding) starts or is used."""
        return

    def reads_labels(self) -> bool:
        """Whether what it builds looks at classes, if there are any."""
        return False

    def reads_attributes(self) -> bool:
        """Whether what it builds looks at vectors of attributes, if there are any."""
        return False
