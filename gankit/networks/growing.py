"""What generator and discriminator have in common: parts of every resolution, of which `grow` says how many work."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Self, cast

import torch
from torch import Tensor, nn

from gankit.config.experiment import Experiment, NetworkOptions
from gankit.core.networks import NetworkName
from gankit.core.tables import at
from gankit.kinds import Block
from gankit.networks.context import BuildContext
from gankit.networks.layers import Chain, Condition, JoinModule, built, drawn_layers, run
from gankit.networks.precision import MixedPrecision, mixing, widened
from gankit.networks.protocols import out_channels_of
from gankit.networks.recomputing import recomputed
from gankit.networks.scales import Scales
from gankit.networks.wrapping import wrap_edges


class ImageShape(NamedTuple):
    """What the data and the growth demand of both networks."""

    resolutions: tuple[int, ...]
    """Resolutions of the stages, each once, lowest first."""
    channels: int
    """Channels of the images."""
    classes: int = 0
    """Number of classes, 0 without labels."""
    aspect: float = 1.0
    """Width of the images over their height."""
    scales: tuple[int, ...] = ()
    """Resolutions, lowest first, of the images that are given and taken all at once; empty: one at a time."""
    attributes: int = 0
    """Length of the vectors that stand in place of classes, 0 if there are none."""

    @staticmethod
    def of(experiment: Experiment, classes: int | None = None, attributes: int | None = None) -> ImageShape:
        """What `experiment` demands; of so many classes and attributes, if a run has kept these, whatever its data."""
        data = experiment.data
        return ImageShape(
            resolutions=tuple(dict.fromkeys(stage.resolution for stage in experiment.growth.stages())),
            channels=data.image_channels(),
            classes=data.class_count() if classes is None else classes,
            aspect=data.aspect(),
            scales=(*experiment.growth.scales(),),
            attributes=len(data.attribute_names()) if attributes is None else attributes,
        )


class TrainedNetwork(nn.Module, ABC):
    """What training asks of whatever it moves: a generator, a discriminator, or several of these side by side."""

    stage_resolutions: tuple[int, ...]
    """The resolutions of the stages, lowest first."""
    resolution: int
    """Resolution of the images that it makes or judges."""

    def growing(self) -> Iterator[GrowingNetwork]:
        """The networks of parts by resolution that it has or is."""
        return (module for module in self.modules() if isinstance(module, GrowingNetwork))

    @abstractmethod
    def grow(self, resolution: int, alpha: float) -> None:
        """Work at `resolution`, whose layers have a weight of `alpha`."""

    @abstractmethod
    def new_parameters(self, resolution: int) -> list[nn.Parameter]:
        """The parameters that begin to take part at `resolution`; none at the first."""

    @abstractmethod
    def parameters_in_force(self) -> list[nn.Parameter]:
        """All parameters but those of resolutions that have yet to take part."""

    def part(self, name: str) -> nn.Module:
        """The part that experiments call so, as in blocks.8."""
        return self.get_submodule(name)

    def placed(self, device: torch.device) -> Self:
        """The network on `device`, in the memory layout that convolutions are fastest in; it decides the last bits."""
        return self.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


class GrowingNetwork(TrainedNetwork):
    """Parts of every resolution, built at once; `grow` says how many take part."""

    alpha: Tensor
    base_blocks: nn.Module
    blocks: nn.ModuleDict
    rgb: nn.ModuleDict
    join_modules: nn.ModuleDict

    def __init__(
        self,
        options: NetworkOptions,
        network: NetworkName,
        shape: ImageShape,
        latent: int,
        width: int,
    ) -> None:
        super().__init__()
        final = shape.resolutions[-1]
        self.options, self.stage_resolutions = options, shape.resolutions
        self.scales = Scales(shape.scales, shape.aspect) if shape.scales else None
        """How images of all scales are packed, if there are several; None: images are at `resolution` alone."""
        self.resolutions = tuple(options.base << i for i in range((final // options.base).bit_length()))
        self.channels = {resolution: at(options.channels, resolution) for resolution in self.resolutions}
        if options.rgb is None:
            self.channels[final] = shape.channels
        self.context = BuildContext(
            network=network,
            resolution=options.base,
            in_channels=self.channels[options.base],
            out_channels=self.channels[options.base],
            resolutions=self.resolutions,
            aspect=shape.aspect,
            image_channels=shape.channels,
            latent=latent,
            width=width,
            classes=shape.classes,
            attributes=shape.attributes,
            norms=options.norm,
        )
        self.join_modules = nn.ModuleDict()
        for resolution in sorted(self._joinable(final)):
            joined = shape.channels if network == "generator" else self.channels[resolution // 2]
            here = replace(self.context, resolution=resolution, in_channels=joined, out_channels=joined)
            self.join_modules[str(resolution)] = self.finished(built(options.join, here), resolution)
        self.mixed: MixedPrecision | None = None
        """How its parts compute in training; None: as they are, as copies do that were made before it was set."""
        self.recomputes = False
        """Whether parts before the head make their activations again in the backward pass."""
        self.register_buffer("alpha", torch.ones(()))
        self.grow(final, 1.0)

    def grow(self, resolution: int, alpha: float) -> None:
        """Work at `resolution`, whose layers have a weight of `alpha` in what its join makes."""
        self.resolution, self.fades = resolution, alpha < 1
        self.alpha.fill_(alpha)
        self.joins = self._joinable(resolution)
        """The resolutions at which what comes past their layers, from the resolution below, is joined."""
        if self.options.join.where == "fade":
            self.joins &= {resolution} if self.fades else set()

    def _joinable(self, resolution: int) -> set[int]:
        """The resolutions up to `resolution` at which something may be joined."""
        where, scales = self.options.join.where, () if self.scales is None else self.scales.resolutions
        named = {"resolutions": self.resolutions[1:], "scales": [2 * each for each in scales], "never": ()}
        return {each for each in named.get(where, self.stage_resolutions[1:]) if each <= resolution}

    def join(self, resolution: int) -> JoinModule:
        """What joins at `resolution`, one of `joins`."""
        return cast(JoinModule, self.join_modules[str(resolution)])

    def joined_channels(self, resolution: int) -> int:
        """Channels of a discriminator's features at `resolution`, as they go on after what is joined with them."""
        channels = self.channels[resolution]
        if self.options.join.where != "scales" or str(2 * resolution) not in self.join_modules:
            return channels
        return out_channels_of(self.join(2 * resolution), channels)

    def joined(self, older: Tensor | None, newer: Tensor, resolution: int) -> Tensor:
        """What comes out of the layers of `resolution`, and what comes past them if that is joined there."""
        if older is None:
            return newer
        alpha = self.alpha.to(newer.dtype) if self.fades and resolution == self.resolution else None
        return self.join(resolution)(older.to(newer.dtype), newer, alpha)

    def ran(self, part: nn.Module, resolution: int | None, x: Tensor, condition: Condition) -> Tensor:
        """What a part of a resolution makes of `x`, in the precision of that; None: in full precision.

        Its activations are kept for the backward pass, or made again in it if `recomputes` and it has a resolution.
        """
        if self.recomputes and resolution is not None and torch.is_grad_enabled():
            return recomputed(part, partial(self._ran, part, resolution, condition=condition), x)
        return self._ran(part, resolution, x, condition)

    def _ran(self, part: nn.Module, resolution: int | None, x: Tensor, condition: Condition) -> Tensor:
        if self.mixed is None:
            return run(part, x, condition)
        if resolution not in self.mixed.resolutions:
            return run(part, widened(x), condition)
        with mixing(x.device, self.mixed.dtype):
            return run(part, x, condition)

    def new_parameters(self, resolution: int) -> list[nn.Parameter]:
        """The parameters that begin to take part at `resolution`; none at the first."""
        if resolution == self.stage_resolutions[0]:
            return []
        grown = [parts for parts in (self.blocks, self.rgb, self.join_modules) if str(resolution) in parts]
        return [parameter for parts in grown for parameter in parts[str(resolution)].parameters()]

    def parameters_in_force(self) -> list[nn.Parameter]:
        """All parameters but those of resolutions that have yet to take part."""
        grown = (self.blocks, self.rgb, self.join_modules)
        parts = [child for child in self.children() if child not in grown]
        parts += [part for each in grown for name, part in each.items() if int(name) <= self.resolution]
        return list(dict.fromkeys(parameter for part in parts for parameter in part.parameters()))

    def finished(self, module: nn.Module, resolution: int) -> nn.Module:
        """`module` with inits and the experiment's weight norms applied to each of its weighted layers, and padded."""
        for layer, init in drawn_layers(module, self.options.init):
            if init is not None:
                init.apply(layer)
            for norm in at(self.options.norm, resolution):
                norm.apply(layer)
        if self.options.padding == "circular":
            wrap_edges(module)
        return module

    def blocks_at(self, resolution: int, blocks: Sequence[Block], context: BuildContext) -> nn.Module:
        """One or several blocks, one after the other, of which a generator's first or a discriminator's last resamples.

        Those before a generator's first keep its channels; those before a discriminator's last keep what comes in.
        """
        turn, nearest_image = (0, len(blocks) - 1) if context.network == "generator" else (len(blocks) - 1, 0)
        outermost = self.options.rgb is None and resolution == self.resolutions[-1]
        channels, modules = context.in_channels, []
        for position, block in enumerate(blocks):
            outputs = context.out_channels if position >= turn else channels
            here = replace(
                context,
                resolution=resolution,
                in_channels=channels,
                out_channels=outputs,
                resample=context.resample if position == turn else None,
                outermost=outermost and position == nearest_image,
            )
            modules.append(built(block, here))
            channels = out_channels_of(modules[-1], outputs)
        return self.finished(Chain.of(modules), resolution)

    def rgb_blocks(self) -> nn.ModuleDict:
        """The blocks between images and features, one for the resolution of each stage, scale, or place of a join."""
        rgb = nn.ModuleDict()
        if self.options.rgb is None:
            return rgb
        into_image = self.context.network == "generator"
        there = self.stage_resolutions
        if into_image or not self.options.join.joins_images():
            there = there if self.scales is None else self.scales.resolutions
            there = self.resolutions if self.options.join.where == "resolutions" else there
        for resolution in there:
            features, image = self.channels[resolution], self.context.image_channels
            here = replace(
                self.context,
                resolution=resolution,
                outermost=True,
                in_channels=features if into_image else image,
                out_channels=image if into_image else features,
            )
            rgb[str(resolution)] = self.finished(built(self.options.rgb, here), resolution)
        return rgb

    def above_base(self) -> list[int]:
        """The resolutions in force above the base, lowest first."""
        return [resolution for resolution in self.resolutions[1:] if resolution <= self.resolution]
