"""What a module says of itself by an attribute or a method, beside its forward; whoever asks for it goes by these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, nn

    from gankit.core.component import Component
    from gankit.networks.context import BuildContext


@runtime_checkable
class HasWidth(Protocol):
    """A latent mapping's module, which every one has to be."""

    width: int
    """Length of each of its styles."""


@runtime_checkable
class CanTruncate(Protocol):
    """A latent mapping's module that keeps a mean of its styles."""

    def truncated(self, styles: Tensor, psi: float, cutoff: int | None) -> Tensor:
        """Styles of the same shape [N, styles, width], the first `cutoff` (None: all) pulled towards their mean by psi.

        A psi of 1 leaves them as they are, one of 0 makes them all the mean.
        """
        ...


@runtime_checkable
class TruncatesLatents(Protocol):
    """A latent mapping's module that truncates before it maps: the numbers of which latents are made, not styles."""

    def truncated_latents(self, z: Tensor, threshold: float) -> Tensor:
        """Latents of the same shape [N, latent], none of whose numbers is further from 0 than the threshold.

        The same for the same latents; a threshold of 0 makes them all zeros.
        """
        ...


@runtime_checkable
class HasClasses(Protocol):
    """A head's module that gives class logits after the score."""

    classes: int
    """How many."""


@runtime_checkable
class HasOutChannels(Protocol):
    """The module of a block that keeps the resolution, a regularizer's layer or a join of scales: its channels."""

    out_channels: int
    """How many it gives; without this attribute, as many as it is asked for."""


@runtime_checkable
class HasGain(Protocol):
    """A weighted layer that knows its gain, as `gankit.networks.layers.gained` makes it."""

    gain: float
    """Standard deviation of its outputs over the root mean square of its inputs; 0: it starts at zero."""


@runtime_checkable
class HasLrMultiplier(Protocol):
    """A weighted layer that is to learn faster or slower than others, as `gankit.networks.layers.gained` makes it."""

    lr_multiplier: float
    """How fast beside the other layers."""


@runtime_checkable
class HasReach(Protocol):
    """A module that reads beyond the edges of a map, where there are zeros, and is no convolution of torch's."""

    reach: int
    """How many pixels beyond, at the resolution of what comes in. Where edges meet, it is given these."""


@runtime_checkable
class HoldsWeight(Protocol):
    """A parametrization, as a norm of weights registers it, that says where the weight is to be after each update."""

    def held(self, weight: Tensor) -> Tensor:
        """A weight of the same shape, by what an update has made of it; asked without gradients."""
        ...


@runtime_checkable
class BelongsToRun(Protocol):
    """A module some of whose buffers say what its own run is about: resumed with it, and never given to another."""

    of_run: tuple[str, ...]
    """The names of those buffers."""


@runtime_checkable
class BuiltBy(Protocol):
    """A module that a component has built, as `gankit.networks.layers.built` leaves it."""

    built_by: Component
    """The component, to which its failures are traced."""
    built_for: tuple[BuildContext, ...]
    """The places that it was built for; several, if the component gives one module for all of them."""


def gain_of(layer: nn.Module, default: float = 1.0) -> float:
    """The gain of a layer, which starts at zero if it is 0 whatever the init; `default` for one that has none."""
    return float(layer.gain) if isinstance(layer, HasGain) else default


def lr_multiplier_of(layer: nn.Module) -> float:
    """How fast a layer learns beside the others."""
    return float(layer.lr_multiplier) if isinstance(layer, HasLrMultiplier) else 1.0


def classes_of(module: nn.Module) -> int:
    """How many class logits a head's module gives; 0 if none."""
    return int(module.classes) if isinstance(module, HasClasses) else 0


def transferable(network: nn.Module) -> dict[str, Tensor]:
    """The parameters and buffers of a network that another run may begin with, by name."""
    state = network.state_dict()
    for name, module in network.named_modules():
        for buffer in module.of_run if isinstance(module, BelongsToRun) else ():
            state.pop(f"{name}.{buffer}" if name else buffer, None)
    return state


def reach_of(module: nn.Module) -> int:
    """How many pixels beyond the edges of a map a module reads; 0 if none."""
    from torch import nn

    if isinstance(module, HasReach):
        return int(module.reach)
    if isinstance(module, nn.ConvTranspose2d):  # one that cuts nothing off, as in a stem, continues nothing
        steps = zip(module.kernel_size, module.stride, strict=True)
        return max(size // step for size, step in steps) if any(module.padding) else 0
    if not isinstance(module, nn.Conv2d) or module.padding_mode != "zeros":
        return 0
    sides = zip(module.kernel_size, module.dilation, strict=True)
    same = max(dilation * (size - 1) // 2 for size, dilation in sides)
    return {"same": same, "valid": 0}[module.padding] if isinstance(module.padding, str) else max(module.padding)


def out_channels_of(module: nn.Module, asked: int) -> int:
    """How many feature maps a module gives that was asked for some."""
    return int(module.out_channels) if isinstance(module, HasOutChannels) else asked


def places_of_module(module: nn.Module) -> tuple[BuildContext, ...]:
    """The places that a module was built for; none if no component has built it, or it is not marked yet."""
    return module.built_for if isinstance(module, BuiltBy) else ()
