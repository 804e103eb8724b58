"""Draws where in a network a part is tried, as an experiment would place it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from gankit.config.experiment import Experiment
from gankit.core.component import Component
from gankit.kinds import Block, Dataset, LabelledImages, Norm, Regularizer
from gankit.networks.context import BuildContext
from gankit.testing.experiments import experiment_with
from gankit.testing.rules import Trial

CLASSES = 3
CHANNELS = st.sampled_from([8, 1, 3, 6, 12])
"""Small numbers; the first is the one that most parts take, some of which want several."""

NetworkName = Literal["generator", "discriminator"]
EITHER: tuple[NetworkName, ...] = ("generator", "discriminator")
Position = Literal["block", "edge", "base_blocks", "rgb"]
NETWORKS: Mapping[str, NetworkName] = {
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

    def image_channels(self) -> int:
        """As asked for."""
        return self.channels

    def aspect(self) -> float:
        """As asked for."""
        return self.shape

    def class_count(self) -> int:
        """As asked for."""
        return self.classes

    def load(self, resolution: int) -> LabelledImages:
        """The same sixteen each time."""
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (16, self.channels, resolution, round(resolution * self.shape)), np.uint8)
        return LabelledImages(images, np.arange(16) % self.classes if self.classes else None)


pictures = st.builds(
    Pictures,
    channels=st.sampled_from([1, 3, 4]),
    shape=st.sampled_from([1.0, 2.0, 0.5]),
    classes=st.sampled_from([0, CLASSES]),
)
"""Data of all shapes, with labels and without."""


def drawn_place(trial: Trial[Any], norms: Sequence[Norm] = (), smallest_batch: int = 2) -> tuple[BuildContext, int]:
    """A place for the component of `trial`, and samples at a time; where it says that it cannot work is passed over.

    Args:
        trial: Has any component that makes modules.
        norms: The norms of that network.
        smallest_batch: Fewest samples at a time.
    """
    component, draw = trial.component, trial.draw
    network = NETWORKS.get(component.kind) or draw(st.sampled_from(EITHER))
    base, data = draw(st.sampled_from([4, 8])), draw(pictures)
    position = draw(st.sampled_from(_positions(component)))
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
        norms={0: list(norms)},
    )
    if refuses(component, lambda: _experiment(component, whole, position, data, channels, batch)):
        reject()
    return _within(whole, trial, channels, position), batch


def refuses(component: Component, experiment: Callable[[], Experiment]) -> bool:
    """Whether a component says that it cannot work in an experiment, which is made only if it has a say."""
    return type(component).problems is not Component.problems and any(component.problems(experiment()))


def _experiment(
    component: Component,
    whole: BuildContext,
    position: Position,
    data: Dataset,
    channels: Mapping[int, int],
    batch: int,
) -> Experiment:
    """An experiment that has the component at a position of a network, of whose base `whole` tells."""
    network, (base, above), is_edge = whole.network, whole.resolutions, position == "edge"
    path = f"{network}.{component.kind}"
    if component.kind == "block":
        path = f"{network}.{'block' if is_edge else position}"
    elif component.kind == "regularizer":
        path = "regularizers"
    changes: dict[str, Any] = {
        "data": data,
        "growth": {"use": "progressive", "start": above if is_edge else base, "final": above, "images": 32},
        "training__batch": {0: batch},
        f"{network}__channels": channels,
        "generator__base": base,
        "discriminator__base": base,
    }
    if is_edge:
        changes[f"{network}__rgb"] = None
    if component.kind != "norm":
        changes[f"{network}__norm"] = whole.norms
    return experiment_with(component, path, whole.classes > 0, **changes)


def _positions(component: Component) -> list[Position]:
    """Where in a network a block may stand; one position if the component is no block."""
    if isinstance(component, Block) and component.resamples:
        return ["block", "base_blocks", "edge", "rgb"]
    return ["base_blocks", "rgb"] if isinstance(component, Block) else ["base_blocks"]


def _within(whole: BuildContext, trial: Trial[Any], channels: Mapping[int, int], position: Position) -> BuildContext:
    """The place of the component in a network, of whose base `whole` tells."""
    component, draw = trial.component, trial.draw
    generates, (base, above) = whole.network == "generator", whole.resolutions
    match component.kind:
        case "mapping":
            return BuildContext("generator", base, 0, 0, latent=whole.latent, classes=whole.classes)
        case "stem":
            return replace(whole, in_channels=whole.width)
        case "head":
            return replace(whole, in_channels=channels[base] + draw(st.integers(0, 2)))
        case "norm":
            resolution = draw(st.sampled_from(whole.resolutions))
            count = channels[resolution]
            outermost = generates and draw(st.booleans())
            return replace(whole, resolution=resolution, in_channels=count, out_channels=count, outermost=outermost)
    if isinstance(component, Regularizer) or position == "base_blocks":
        return whole
    if position == "rgb":
        resolution = draw(st.sampled_from(whole.resolutions))
        ends = (channels[resolution], whole.image_channels)
    else:
        resolution, ends = above, (channels[base], channels[above])
    inputs, outputs = ends if generates else ends[::-1]
    resample = None if position == "rgb" else "up" if generates else "down"
    return replace(
        whole,
        resolution=resolution,
        in_channels=inputs,
        out_channels=outputs,
        resample=resample,
        outermost=position in ("rgb", "edge"),
    )
