"""Layers that know their gain, and chains that hand conditions to those members that ask for them.

What a part of a network builds is any torch module. One that consumes styles or looks at labels is a `Conditioned`,
whose forward is (x, condition). The norms that `context.norm()` gives may be such modules, so a module that holds
others runs them by `run` and says in `styles` what they consume together, as `Chain` does.

When a part is built, its own init or else that of its network, and then the norms of weights, in their order, are
applied to each layer of it that is one of `WEIGHTED` and whose weight is trained, those inside activation norms and
regularizers' layers included. So layers need no start of their own, only a *gain*: a layer of gain g gives outputs
whose standard deviation is g times the root mean square of its inputs, by weights of standard deviation
g / sqrt(fan-in). It is sqrt(2) before a (leaky) ReLU, which halves the mean square (He et al. 2015), 1 where nothing
follows, and 0 for a weight that starts at zero. A layer without a gain, such as a plain nn.Conv2d, starts as torch has
it or as the init sees fit; parameters of other modules start as these leave them. Layers may share weights, and
parameters that need no gradient stay as they are.

`conv`, `Conv2d` and `LeakyReLU` are torch's, but faster where a penalty differentiates gradients. Plain ones may stand
for them, and give the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, TypeGuard, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gankit.core.errors import UserError, blaming
from gankit.core.registry import registries
from gankit.kinds import Init
from gankit.networks import operations
from gankit.networks.contracts import check_module
from gankit.networks.protocols import BuiltBy, HasGain, HasLrMultiplier, HasReach, places_of_module

if TYPE_CHECKING:
    from gankit.core.component import Component
    from gankit.networks.context import BuildContext

WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.Embedding)
"""The layers whose weights inits and norms of weights act on, wherever in a part they stand."""

Layer = TypeVar("Layer", bound=nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding)
Built = TypeVar("Built", bound=nn.Module | None, covariant=True)


class Builds(Protocol[Built]):
    """A component that is part of a network."""

    def build(self, context: BuildContext) -> Built:
        """Its module for a place."""
        ...


def built(component: Builds[Built], context: BuildContext) -> Built:
    """The module of a component for a place, as `made_by` leaves it."""
    return made_by(cast("Component", component), component.build(context), context)


def made_by(component: Component, module: Built, context: BuildContext) -> Built:
    """A module that remembers the component that made it for a place, and the place, to trace its failures to them.

    Raises:
        ContractError: if it is no module.
        UserError: if the component has an init of its own, and the module no weights that it could draw.
    """
    with blaming(component):
        check_module(component, module)
    if own_init(component) is not None and (module is None or not any(map(is_drawn, module.modules()))):
        name = registries[component.kind].entry_of(type(component)).full_name
        raise UserError(
            f"{context.network}: {component.kind} {name} has no weights that its option 'init' could draw; leave it out"
        )
    if module is not None:
        marks = cast(BuiltBy, module)
        marks.built_by, marks.built_for = component, (*places_of_module(module), context)
    return module


def own_init(component: Component) -> Init | None:
    """The init of a part of a network alone, None if it has none; an option of a plugin's may be called so, too."""
    init = getattr(component, "init", None)
    return init if isinstance(init, Init) else None


def is_drawn(layer: nn.Module) -> TypeGuard[nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.Embedding]:
    """Whether inits and norms of weights act on a layer."""
    return isinstance(layer, WEIGHTED) and layer.weight.requires_grad


def drawn_layers(module: nn.Module, init: Init | None) -> Iterator[tuple[nn.Module, Init | None]]:
    """Each layer that inits act on, once and in the order of `modules()`, with the init that draws it.

    That is the one of the innermost component around it that has one of its own, else `init`.
    """
    seen = set[nn.Module]()

    def below(part: nn.Module, around: Init | None) -> Iterator[tuple[nn.Module, Init | None]]:
        if part not in seen:
            seen.add(part)
            own = own_init(part.built_by) if isinstance(part, BuiltBy) else None
            if is_drawn(part):
                yield part, own or around
            for child in part.children():
                yield from below(child, own or around)

    return below(module, init)


class Condition(NamedTuple):
    """What a conditioned module gets beside its input."""

    styles: Tensor | None = None
    """The module's own styles [N, styles, width], as many as its attribute `styles` says; None in a discriminator."""
    labels: Tensor | None = None
    """Classes, int64 [N], or the values of attributes, float [N, attributes]; None without labels."""


class Conditioned(nn.Module):
    """A module whose forward is (x, condition) rather than (x); derive from it and set `styles` in `__init__`."""

    styles: int = 0
    """How many styles the module consumes; 0 if it only looks at labels, or hands the condition on to such."""


def styles_of(module: nn.Module) -> int:
    """How many styles `module` consumes; plain modules consume none."""
    return module.styles if isinstance(module, Conditioned) else 0


def run(module: nn.Module, x: Tensor, condition: Condition) -> Tensor:
    """Call a plain module on `x`, a conditioned one on `x` and `condition`, whose styles are to be its own."""
    return module(x, condition) if isinstance(module, Conditioned) else module(x)


class Chain(Conditioned):
    """A sequence of modules that hands each conditioned member its share of the styles, in their order.

    Chain(conv=conv(8, 8), norm=context.norm()) calls its members `conv` and `norm`, also in the names of their weights.
    """

    def __init__(self, **members: nn.Module) -> None:
        super().__init__()
        for name, member in members.items():
            self.add_module(name, member)
        self.styles = sum(styles_of(member) for member in self.members())

    @staticmethod
    def of(members: Sequence[nn.Module]) -> nn.Module:
        """A chain of numbered members; a single member stands for itself, none for the identity."""
        if len(members) == 1:
            return members[0]
        return Chain(**{str(i): member for i, member in enumerate(members)}) if members else nn.Identity()

    def members(self) -> list[nn.Module]:
        """All members in order; unlike children() it keeps one that stands in two places."""
        return [member for member in self._modules.values() if member is not None]

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        """Run all members in order."""
        first = 0
        for member in self.members():
            count = styles_of(member)
            own = condition
            if count and condition.styles is not None:
                own = condition._replace(styles=condition.styles[:, first : first + count])
            x = run(member, x, own)
            first += count
        return x


class JoinModule(nn.Module):
    """What a join builds: from two images of a generator, or two feature maps of a discriminator, it makes one."""

    def __init__(self, context: BuildContext) -> None:
        super().__init__()
        self.by = double if context.network == "generator" else halve

    def resample(self, images: Tensor) -> Tensor:
        """Images twice as high in a generator, half as high in a discriminator, before they are joined."""
        return self.by(images)

    def forward(self, older: Tensor, newer: Tensor, alpha: Tensor | None) -> Tensor:
        """The join of what comes past the layers and of what they give, both [N, C, H, W]; by default only the latter.

        Args:
            older: A generator's image of the resolution below, resampled, or what a discriminator makes of such a one.
            newer: Of the layers of the resolution in question.
            alpha: The weight of the newest layers if it is these and they fade in, a scalar; else None.
        """
        return newer


class Function(nn.Module):
    """A function of one tensor as a module, such as Function(torch.tanh)."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Call the function."""
        return self.function(x)


class Bias(nn.Module):
    """One learned number a channel, added; starts at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Add the bias to [N, C, H, W]."""
        return x + self.bias.to(x.dtype).view(1, -1, 1, 1)


class Conv2d(nn.Conv2d):
    """torch's, with derivatives that penalties on gradients differentiate faster; a plain one may stand for it."""

    def forward(self, input: Tensor) -> Tensor:
        """From [N, inputs, H, W] to [N, outputs, H', W']."""
        if isinstance(self.padding, str) or self.padding_mode != "zeros":
            return super().forward(input)
        return operations.conv2d(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class UpConv2d(Conv2d):
    """A convolution of what `double` makes of its input, in one operation; its weight is that of a plain one."""

    def forward(self, input: Tensor) -> Tensor:
        """From [N, inputs, H, W] to [N, outputs, 2 H, 2 W]."""
        return operations.conv2d_after_doubling(input, self.weight, self.bias, self.kernel_size[0] // 2)


class DownConv2d(Conv2d):
    """A convolution of whose output `halve` makes less, in one operation; its weight is that of a plain one."""

    def forward(self, input: Tensor) -> Tensor:
        """From [N, inputs, H, W] to [N, outputs, H / 2, W / 2]."""
        return operations.conv2d_before_halving(input, self.weight, self.bias, self.kernel_size[0] // 2)


class LeakyReLU(nn.LeakyReLU):
    """torch's, in less memory, and with derivatives that penalties on gradients differentiate faster."""

    def __init__(self, slope: float) -> None:
        super().__init__(slope)

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return operations.leaky_relu(input, self.negative_slope)


def fan_in(layer: nn.Module) -> int:
    """Inputs that each output of a weighted layer sums over; an embedding counts its width.

    Raises:
        TypeError: if the layer is none of `WEIGHTED`.
    """
    if isinstance(layer, nn.Linear):
        return layer.in_features
    if isinstance(layer, nn.Embedding):
        return layer.embedding_dim
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return layer.in_channels // layer.groups * math.prod(layer.kernel_size)
    raise TypeError(f"{type(layer).__name__} is not a weighted layer")


def gained(layer: Layer, gain: float = math.sqrt(2), lr_multiplier: float = 1.0) -> Layer:
    """Give `layer`, one of `WEIGHTED`, a gain and a learning-rate multiplier, and its plain start from them.

    The weight starts normal with standard deviation gain / sqrt(fan-in) (He et al. 2015), the bias at zero; a gain
    of 0 starts at zero. Inits and norms read `gain` and `lr_multiplier` to set another start.

    Args:
        layer: Changed in place, and returned.
        gain: Standard deviation of its outputs over the root mean square of its inputs.
        lr_multiplier: How fast it learns beside the other layers. It is for norms that scale weights as they are used,
            such as the equalized learning rate; by itself it changes nothing.
    """
    cast(HasGain, layer).gain = gain
    cast(HasLrMultiplier, layer).lr_multiplier = lr_multiplier
    bias = getattr(layer, "bias", None)
    if bias is not None:
        nn.init.zeros_(bias)
    nn.init.normal_(layer.weight, 0, gain / math.sqrt(fan_in(layer)))
    return layer


def conv(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    *,
    gain: float = math.sqrt(2),
    bias: bool = True,
    resample: Literal["up", "down"] | None = None,
) -> Conv2d:
    """A convolution that keeps height and width, unless it resamples, too; `kernel` is its side in pixels and odd.

    `resample` has it be one with `double` before it ("up") or `halve` after it ("down"), for less than half the work.
    """
    layer = {"up": UpConv2d, "down": DownConv2d, None: Conv2d}[resample]
    return gained(layer(inputs, outputs, kernel, padding=kernel // 2, bias=bias), gain)


def dense(
    inputs: int, outputs: int, *, gain: float = math.sqrt(2), bias: bool = True, lr_multiplier: float = 1.0
) -> nn.Linear:
    """A fully connected layer, from [..., inputs] to [..., outputs]."""
    return gained(nn.Linear(inputs, outputs, bias=bias), gain, lr_multiplier)


def double(x: Tensor, mode: Literal["nearest", "bilinear"] = "nearest") -> Tensor:
    """Twice the height and width by repeating pixels, or by bilinear interpolation between their centres."""
    return F.interpolate(x, scale_factor=2, mode=mode, align_corners=None if mode == "nearest" else False)


def halve(x: Tensor) -> Tensor:
    """Half the height and width by averaging 2x2 pixels."""
    return F.avg_pool2d(x, 2)


def resampling(resample: str | None, direction: str, mode: Literal["nearest", "bilinear"] = "nearest") -> nn.Module:
    """A module that resamples by 2 if `resample` is `direction` ("up" or "down"), else the identity.

    A block puts resampling(context.resample, "up") and resampling(context.resample, "down") where it would have each;
    by `mode` it goes up, as `double` does. Right before or after a convolution `conv` does it faster by its `resample`.
    """
    if resample != direction:
        return nn.Identity()
    module = Function(partial(double, mode=mode) if direction == "up" else halve)
    if direction == "up" and mode == "bilinear":
        cast(HasReach, module).reach = 1
    return module
