"""What generator and discriminator have in common: parts of every resolution, of which `grow` says how many work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor, nn

from gankit.config.experiment import Experiment, NetworkOptions
from gankit.core.options import at
from gankit.kinds import Block
from gankit.networks.context import BuildContext
from gankit.networks.layers import Chain, built, drawn_layers
from gankit.networks.protocols import out_channels_of


class ImageShape(NamedTuple):
    """What the data and the growth demand of both networks."""

    resolutions: tuple[int, ...]
    """Resolutions of the stages, lowest first."""
    channels: int
    """Channels of the images."""
    classes: int = 0
    """Number of classes, 0 without labels."""
    aspect: float = 1.0
    """Width of the images over their height."""
    fade: Literal["blend", "gate"] = "blend"
    """How the layers of a new resolution come in."""

    @staticmethod
    def of(experiment: Experiment, classes: int | None = None) -> ImageShape:
        """What `experiment` demands; of so many classes, if a run has kept their number, whatever its data is now."""
        data = experiment.data
        return ImageShape(
            resolutions=tuple(stage.resolution for stage in experiment.growth.stages()),
            channels=data.image_channels(),
            classes=data.class_count() if classes is None else classes,
            aspect=data.aspect(),
            fade=experiment.fading.by,
        )


class Gate(nn.Module):
    """One learned number a channel, times; starts at zero, so that what is added through it is nothing at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Weigh [N, C, H, W]."""
        return x * self.weight.view(1, -1, 1, 1)


class GrowingNetwork(nn.Module):
    """Parts of every resolution, built at once; `grow` says how many take part."""

    alpha: Tensor
    base_blocks: nn.Module
    blocks: nn.ModuleDict
    rgb: nn.ModuleDict

    def __init__(
        self,
        options: NetworkOptions,
        network: Literal["generator", "discriminator"],
        shape: ImageShape,
        latent: int,
        width: int,
    ) -> None:
        super().__init__()
        final = shape.resolutions[-1]
        self.options, self.stage_resolutions = options, shape.resolutions
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
            norms=options.norm,
        )
        self.gates = nn.ModuleDict()
        if shape.fade == "gate":
            for resolution in shape.resolutions[1:]:
                joined = shape.channels if network == "generator" else self.channels[resolution // 2]
                self.gates[str(resolution)] = Gate(joined)
        self.register_buffer("alpha", torch.ones(()))
        self.grow(final, 1.0)

    def grow(self, resolution: int, alpha: float) -> None:
        """Work at `resolution`; where fades blend, with weight `alpha` on its layers and the rest on those below."""
        self.resolution = resolution
        self.alpha.fill_(alpha)
        self.joins = {each for each in self.stage_resolutions[1:] if self.gates and each <= resolution}
        """The resolutions at which what comes past their layers, from the resolution below, is joined."""
        if not self.gates and alpha < 1:
            self.joins = {resolution}

    def joined(self, older: Tensor | None, newer: Tensor, resolution: int) -> Tensor:
        """What comes out of the layers of `resolution`, and what comes past them if that is joined there."""
        if older is None:
            return newer
        if self.gates:
            return older + self.gates[str(resolution)](newer)
        return torch.lerp(older, newer, self.alpha.to(newer.dtype))

    def new_parameters(self, resolution: int) -> list[nn.Parameter]:
        """The parameters that begin to take part at the stage of `resolution`; none at the first."""
        if resolution == self.stage_resolutions[0]:
            return []
        grown = (self.blocks, self.rgb, self.gates)
        return [parameter for parts in grown if parts for parameter in parts[str(resolution)].parameters()]

    def placed(self, device: torch.device) -> Self:
        """The network on `device`, in the memory layout that convolutions are fastest in; it decides the last bits."""
        return self.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def finished(self, module: nn.Module, resolution: int) -> nn.Module:
        """`module` with inits and the experiment's weight norms applied to each of its weighted layers."""
        for layer, init in drawn_layers(module, self.options.init):
            if init is not None:
                init.apply(layer)
            for norm in at(self.options.norm, resolution):
                norm.apply(layer)
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
        """The blocks between images and features, one for the resolution of each stage."""
        rgb = nn.ModuleDict()
        if self.options.rgb is None:
            return rgb
        for resolution in self.stage_resolutions:
            features, image = self.channels[resolution], self.context.image_channels
            into_image = self.context.network == "generator"
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
