"""Modules of components at places in a network where an experiment would have them, and what they are run on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import reject
from hypothesis import strategies as st
from torch import Tensor, nn

from gankit.core.component import Component
from gankit.core.networks import NETWORKS, NetworkName
from gankit.kinds import Block, Dataset, Join, LabelledImages, LatentMapping, Norm, Regularizer
from gankit.networks.context import BuildContext
from gankit.networks.contracts import size_asked
from gankit.networks.layers import Condition, gained, run, styles_of
from gankit.testing.experiments import experiment_with
from gankit.testing.rules import Trial
from gankit.testing.state import stir_randomness
from gankit.training import randomness

CLASSES, ATTRIBUTES = 3, 2
CHANNELS = st.sampled_from([8, 1, 3, 6, 12])
"""Small numbers; the first is the one that most parts take, some of which want several."""
GAINS = (math.sqrt(2), 1.0, 0.0, None)
"""The gains of layers; None: a plain layer of torch, which says none."""

ONLY_IN: Mapping[str, NetworkName] = {
    "mapping": "generator",
    "stem": "generator",
    "head": "discriminator",
    "regularizer": "discriminator",
}
"""The only network in which a part of that kind may stand."""


class Pictures(Dataset):
    """Noise of any shape, as many pictures as a rule asks for."""

    channels: int = 3
    """Channels of the images."""
    shape: float = 1.0
    """Width over height."""
    classes: int = 0
    """Number of classes."""
    attributes: int = 0
    """Numbers that each image has in place of a class."""

    def image_channels(self) -> int:
        """As asked for."""
        return self.channels

    def aspect(self) -> float:
        """As asked for."""
        return self.shape

    def class_count(self) -> int:
        """As asked for."""
        return self.classes

    def attribute_names(self) -> list[str]:
        """As many as asked for."""
        return [f"attribute {number}" for number in range(self.attributes)]

    def load(self, resolution: int) -> LabelledImages:
        """Sixteen images, the same at each call."""
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (16, self.channels, resolution, round(resolution * self.shape)), np.uint8)
        if self.attributes:
            return LabelledImages(images, rng.standard_normal((16, self.attributes), np.float32))
        return LabelledImages(images, np.arange(16) % self.classes if self.classes else None)

    def some_labels(self, count: int) -> Tensor | None:
        """Labels of so many images; None without."""
        if self.attributes:
            return torch.randn(count, self.attributes)
        return torch.arange(count) % self.classes if self.classes else None


def pictures(attributes: bool) -> st.SearchStrategy[Pictures]:
    """Data of all shapes, with classes and without, and with attributes if a part can take these."""
    labels = st.sampled_from([(0, 0), (CLASSES, 0), *([(0, ATTRIBUTES)] if attributes else [])])
    return st.builds(
        lambda channels, shape, counts: Pictures(
            channels=channels, shape=shape, classes=counts[0], attributes=counts[1]
        ),
        st.sampled_from([1, 3, 4, 2, 5]),
        st.sampled_from([1.0, 2.0, 0.5]),
        labels,
    )


class Inputs(NamedTuple):
    """What a module is run on."""

    x: Tensor
    """Latents, the first style, feature maps, or what a single layer takes."""
    condition: Condition

    def tensors(self) -> list[Tensor]:
        """All of them that are there."""
        return [each for each in (self.x, *self.condition) if each is not None]

    def changed(self, change: Callable[[Tensor], Tensor]) -> Inputs:
        """What `change` makes of each of the tensors."""
        condition = (None if each is None else change(each) for each in self.condition)
        return Inputs(change(self.x), Condition(*condition))

    def differentiable(self) -> list[Tensor]:
        """Those that gradients can reach, which from here on they do; labels are no such."""
        tensors = [self.x, self.condition.styles]
        return [each.requires_grad_() for each in tensors if each is not None and each.is_floating_point()]


@dataclass(frozen=True)
class Part:
    """A module that a component makes at some place, and how it is run there."""

    make: Callable[[], nn.Module]
    batch: int
    enters: tuple[int, ...]
    """Size of one sample of what comes in."""
    leaves: Callable[[nn.Module], tuple[int, ...]]
    """Size of one sample of what the module should give."""
    context: BuildContext | None = None
    """None for a single layer."""
    styles: int | None = None
    """How many styles a mapping is asked for; None for any other part."""
    indices: int = 0
    """An embedding takes numbers below this; 0 for any other part."""

    def __str__(self) -> str:
        return "a single layer" if self.context is None else place_in_words(self.context)

    def built(self, seed: int = 0, train: bool = False) -> nn.Module:
        """A fresh module, its weights drawn with `seed`."""
        randomness.seed(seed)
        return self.make().train(train)

    def inputs(self, module: nn.Module, seed: int = 1, zeros: bool = False) -> Inputs:
        """What `module` could be run on, drawn with `seed`; zeros: nothing but zeros where numbers may be any."""
        randomness.seed(seed)
        if self.indices:
            return Inputs(torch.randint(0, self.indices, (self.batch,)), Condition())
        drawn = torch.zeros if zeros else torch.randn
        x = drawn(self.batch, *self.enters)
        if x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)  # as the trainer has them
        styles = labels = None
        if self.context is not None and self.context.network == "generator" and self.styles is None:
            styles = drawn(self.batch, styles_of(module), self.context.width)
        if self.context is not None and self.context.classes:
            labels = torch.arange(self.batch) % self.context.classes
        elif self.context is not None and self.context.attributes:
            labels = drawn(self.batch, self.context.attributes)
        return Inputs(x, Condition(styles, labels))

    def run(self, module: nn.Module, inputs: Inputs) -> Tensor:
        """What the module makes of a copy, every generator of random numbers that it may draw from seeded before."""
        stir_randomness(2)
        return self.call(module, inputs.changed(torch.clone))

    def call(self, module: nn.Module, inputs: Inputs) -> Tensor:
        """What the module gives, and does to its inputs and to the generators as they stand."""
        if self.styles is not None:
            return module(inputs.x, inputs.condition.labels, self.styles)
        return run(module, inputs.x, inputs.condition)


def place_in_words(context: BuildContext) -> str:
    """A place in a network, as messages tell of it."""
    said = [f"resolution {context.resolution}", f"{context.aspect:g} times as wide"]
    said += [f"{context.in_channels} to {context.out_channels} channels", f"resample {context.resample}"]
    said += ["outermost"] if context.outermost else []
    said += [f"{context.attributes} attributes" if context.attributes else f"{context.classes} classes"]
    return f"a place in a {context.network} ({', '.join(said)})"


def makes_modules(component: type[Any]) -> bool:
    """Whether a part of a network makes modules; not every regularizer has a layer."""
    return not issubclass(component, Regularizer) or component.layer is not Regularizer.layer


def drawn_part(
    trial: Trial[Any],
    norms: Sequence[Norm] = (),
    smallest_batch: int = 2,
    gains: Sequence[float | None] = GAINS,
    by_attributes: bool = False,
) -> Part:
    """A module of the component of `trial`; of a norm, a module or a layer whose weight it normalizes.

    Args:
        trial: Has any component that makes modules.
        norms: The norms of the network that it is in.
        smallest_batch: Fewest samples at a time.
        gains: Those that a layer may have, the one that is always tried first.
        by_attributes: Stand where the data has attributes.
    """
    component = trial.component
    context, batch = _drawn_place(trial, norms, smallest_batch, by_attributes)
    trial.place = place_in_words(context)
    if isinstance(component, Norm) and type(component).apply is not Norm.apply:
        built = trial.accepted(lambda: component.build(context))
        if built is None or not (by_attributes or trial.draw(st.booleans())):
            trial.place = ""
            return _layer_of(component, batch, drawn_layer(trial, gains))
    make = component.layer if isinstance(component, Regularizer) else component.build

    def made() -> nn.Module:
        module = trial.accepted(lambda: make(context))
        return reject() if module is None else module

    styles = trial.draw(st.integers(1, 4)) if isinstance(component, LatentMapping) else None
    enters = _entering(component.kind, context)
    return Part(made, batch, enters, lambda module: size_asked(component, module, context, styles), context, styles)


def stir(module: nn.Module, seed: int = 3) -> None:
    """Move every parameter, so that none stands where it starts, such as at zero, which would hide what it weighs."""
    randomness.seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))


LAYERS: tuple[Callable[[int, int, bool], nn.Module], ...] = (
    lambda inputs, outputs, bias: nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias),
    nn.Linear,
    lambda inputs, outputs, bias: nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias),
    lambda inputs, outputs, bias: nn.Embedding(inputs, outputs),
)
"""The layers that norms and inits act on."""


def drawn_layer(trial: Trial[Any], gains: Sequence[float | None] = GAINS) -> Callable[[], nn.Module]:
    """Makes one of the layers that norms and inits act on, with one of the gains."""
    counts = st.sampled_from([4, 1, 3, 6])
    of = st.tuples(st.sampled_from(LAYERS), counts, counts, st.booleans(), st.sampled_from(gains))
    kind, inputs, outputs, bias, gain = trial.draw(of)

    def made() -> nn.Module:
        layer: Any = kind(inputs, outputs, bias)
        return layer if gain is None else gained(layer, gain)

    return made


def _layer_of(norm: Norm, batch: int, plain: Callable[[], nn.Module]) -> Part:
    """A layer whose weight `norm` normalizes."""

    def made() -> nn.Module:
        layer = plain()
        norm.apply(layer)
        return layer

    layer: Any = plain()
    if isinstance(layer, nn.Embedding):
        return Part(made, batch, (), lambda module: (layer.embedding_dim,), indices=layer.num_embeddings)
    enters = (layer.in_features,) if isinstance(layer, nn.Linear) else (layer.in_channels, 4, 4)
    return Part(made, batch, enters, lambda module: tuple(layer(torch.zeros(1, *enters)).shape[1:]))


def _entering(kind: str, context: BuildContext) -> tuple[int, ...]:
    """Size of one sample of what comes in."""
    if kind in ("mapping", "stem"):
        return (context.latent if kind == "mapping" else context.in_channels,)
    height, width = (each // 2 for each in context.size) if context.resample == "up" else context.size
    return context.in_channels, height, width


def _reads_attributes(part: Any) -> bool:
    """Whether a part says that it does; joins and regularizers cannot say so."""
    return not isinstance(part, Join | Regularizer) and part.reads_attributes()


def _drawn_place(
    trial: Trial[Any], norms: Sequence[Norm], smallest_batch: int, by_attributes: bool
) -> tuple[BuildContext, int]:
    """A place for the component of `trial`, and samples at a time; where it says that it cannot work is passed over."""
    component, draw = trial.component, trial.draw
    network = ONLY_IN.get(component.kind) or draw(st.sampled_from(NETWORKS))
    base, data = draw(st.sampled_from([4, 8])), draw(pictures(_reads_attributes(component)))
    if by_attributes:
        data = data.model_copy(update={"classes": 0, "attributes": ATTRIBUTES})
    positions = ["base_blocks"]
    if isinstance(component, Block):
        positions = ["block", "base_blocks", "edge", "rgb"] if component.resamples else ["base_blocks", "rgb"]
    position = draw(st.sampled_from(positions))
    channels = {base: draw(CHANNELS), 2 * base: data.channels if position == "edge" else draw(CHANNELS)}
    batch = draw(st.integers(smallest_batch, 6))
    whole = BuildContext(
        network=network,
        resolution=base,
        in_channels=channels[base],
        out_channels=channels[base],
        resolutions=(base, 2 * base),
        aspect=data.shape,
        image_channels=data.channels,
        latent=draw(st.integers(2, 6)) if network == "generator" else 0,
        width=draw(st.integers(1, 6)) if network == "generator" else 0,
        classes=data.classes,
        attributes=data.attributes,
        norms={0: list(norms)},
    )
    if type(component).problems is not Component.problems:
        changes = {"data": data, "training__batch": {0: batch}, f"{network}__channels": channels}
        if _refuses(component, whole, position, changes):
            reject()
    return _within(whole, trial, channels, position), batch


def _refuses(component: Component, whole: BuildContext, position: str, changes: dict[str, Any]) -> bool:
    """Whether a component says that it cannot work at a position of a network, of whose base `whole` tells."""
    network, (base, above), is_edge = whole.network, whole.resolutions, position == "edge"
    path = f"{network}.{component.kind}"
    if component.kind == "block":
        path = f"{network}.{'block' if is_edge else position}"
    elif component.kind == "regularizer":
        path = "regularizers"
    changes |= {
        "growth": {"use": "progressive", "start": above if is_edge else base, "final": above, "images": 32},
        "generator__base": base,
        "discriminator__base": base,
    }
    if is_edge:
        changes[f"{network}__rgb"] = None
    if component.kind != "norm":
        changes[f"{network}__norm"] = whole.norms
    return any(component.problems(experiment_with(component, path, whole.classes > 0, **changes)))


def _within(whole: BuildContext, trial: Trial[Any], channels: Mapping[int, int], position: str) -> BuildContext:
    """The place of the component in a network, of whose base `whole` tells."""
    draw, generates, (base, above) = trial.draw, whole.network == "generator", whole.resolutions
    match trial.component.kind:
        case "mapping":
            bare = BuildContext("generator", base, 0, 0, latent=whole.latent)
            return replace(bare, classes=whole.classes, attributes=whole.attributes)
        case "stem":
            return replace(whole, in_channels=whole.width)
        case "head":
            return replace(whole, in_channels=channels[base] + draw(st.integers(0, 2)))
        case "norm":
            resolution = draw(st.sampled_from(whole.resolutions))
            count = channels[resolution]
            outermost = generates and draw(st.booleans())
            return replace(whole, resolution=resolution, in_channels=count, out_channels=count, outermost=outermost)
    if position == "base_blocks":
        return whole
    resolution, resample, ends = above, "up" if generates else "down", (channels[base], channels[above])
    if position == "rgb":
        resolution, resample = draw(st.sampled_from(whole.resolutions)), None
        ends = channels[resolution], whole.image_channels
    inputs, outputs = ends if generates else ends[::-1]
    return replace(
        whole,
        resolution=resolution,
        in_channels=inputs,
        out_channels=outputs,
        resample=resample,
        outermost=position in ("rgb", "edge"),
    )
