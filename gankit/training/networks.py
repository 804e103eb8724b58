"""Generator and discriminator that grow, made of any stem, blocks and head."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor, nn

from gankit.config import DiscriminatorOptions, Experiment, GeneratorOptions, Network
from gankit.kinds import Block, Regularizer
from gankit.layers import WEIGHTED, Chain, Condition, built, double, halve, run, styles_of
from gankit.options import at
from gankit.place import Place


class Shape(NamedTuple):
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
    def of(experiment: Experiment) -> Shape:
        """What `experiment` demands."""
        data = experiment.data
        return Shape(
            resolutions=tuple(stage.resolution for stage in experiment.growth.stages()),
            channels=data.image_channels(),
            classes=data.class_count(),
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


class Growing(nn.Module):
    """Parts of every resolution, built at once; `grow` says how many take part."""

    alpha: Tensor
    blocks: nn.ModuleDict
    rgb: nn.ModuleDict

    def __init__(
        self, options: Network, network: Literal["generator", "discriminator"], shape: Shape, latent: int, width: int
    ) -> None:
        super().__init__()
        final = shape.resolutions[-1]
        self.options, self.stage_resolutions = options, shape.resolutions
        self.resolutions = tuple(options.base << i for i in range((final // options.base).bit_length()))
        self.channels = {resolution: at(options.channels, resolution) for resolution in self.resolutions}
        if options.rgb is None:
            self.channels[final] = shape.channels
        self.place = Place(
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
        """`module` with the experiment's init and weight norms applied to each of its weighted layers."""
        for layer in module.modules():
            if isinstance(layer, WEIGHTED) and layer.weight.requires_grad:
                if self.options.init is not None:
                    self.options.init.apply(layer)
                for norm in at(self.options.norm, resolution):
                    norm.apply(layer)
        return module

    def blocks_at(self, resolution: int, blocks: Sequence[Block], place: Place) -> nn.Module:
        """One or several blocks, one after the other, of which a generator's first or a discriminator's last resamples.

        Those before a generator's first keep its channels; those before a discriminator's last keep what comes in.
        """
        turn, nearest_image = (0, len(blocks) - 1) if place.network == "generator" else (len(blocks) - 1, 0)
        outermost = self.options.rgb is None and resolution == self.resolutions[-1]
        channels, modules = place.in_channels, []
        for position, block in enumerate(blocks):
            outputs = place.out_channels if position >= turn else channels
            here = replace(
                place,
                resolution=resolution,
                in_channels=channels,
                out_channels=outputs,
                resample=place.resample if position == turn else None,
                outermost=outermost and position == nearest_image,
            )
            modules.append(built(block, here))
            channels = getattr(modules[-1], "out_channels", outputs)
        return self.finished(Chain.of(modules), resolution)

    def rgb_blocks(self) -> nn.ModuleDict:
        """The blocks between images and features, one for the resolution of each stage."""
        rgb = nn.ModuleDict()
        if self.options.rgb is None:
            return rgb
        for resolution in self.stage_resolutions:
            features, image = self.channels[resolution], self.place.image_channels
            into_image = self.place.network == "generator"
            here = replace(
                self.place,
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


class Generator(Growing):
    """From latents to images: mapping, stem, blocks that go up, and the way into an image at each resolution."""

    def __init__(self, options: GeneratorOptions, shape: Shape) -> None:
        place = Place("generator", options.base, 0, 0, latent=options.latent, classes=shape.classes)
        mapping = built(options.mapping, place)
        width = int(mapping.width)  # pyright: ignore[reportArgumentType]
        super().__init__(options, "generator", shape, options.latent, width)
        self.output = torch.tanh if options.output == "tanh" else nn.Identity()
        self.mapping = self.finished(mapping, options.base)
        self.stem = self.finished(built(options.stem, replace(self.place, in_channels=width)), options.base)
        self.base_blocks = self.blocks_at(options.base, options.base_blocks, self.place)
        self.blocks = nn.ModuleDict()
        for resolution in self.resolutions[1:]:
            below, here = self.channels[resolution // 2], self.channels[resolution]
            place = replace(self.place, in_channels=below, out_channels=here, resample="up")
            self.blocks[str(resolution)] = self.blocks_at(resolution, at(options.block, resolution), place)
        self.rgb = self.rgb_blocks()

    def parts(self) -> Iterator[tuple[int, nn.Module]]:
        """The parts in force up to the image, each with its resolution, in the order in which they run."""
        yield self.resolutions[0], self.stem
        yield self.resolutions[0], self.base_blocks
        for resolution in self.above_base():
            yield resolution, self.blocks[str(resolution)]

    @property
    def styles(self) -> int:
        """How many styles the parts in force consume; at least one, for the stem."""
        rgb = styles_of(self.rgb[str(self.resolution)]) if self.rgb else 0
        return max(1, sum(styles_of(part) for _, part in self.parts()) + rgb)

    def map(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Styles [N, styles, width] of latents [N, latent] and labels [N]."""
        return self.mapping(z, labels, self.styles)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, channels, H, W], `resolution` high, real ones lying in [-1, 1]."""
        return self.synthesize(self.map(z, labels), labels)

    def synthesize(self, styles: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images of styles [N, styles, width]; while fading, joined of two resolutions' images.

        The blend is taken between images (Karras et al. 2018, figure 2): alpha * rgb_new(x_new) +
        (1 - alpha) * double(rgb_old(x_old)). A conversion into an image uses the styles that come next.
        """
        x, first, older = styles[:, 0], 0, None
        for resolution, part in self.parts():
            if resolution in self.joins:
                image = self._image(x, resolution // 2, styles[:, first:], labels)
                older = double(self.joined(older, image, resolution // 2))
            count = styles_of(part)
            x = run(part, x, Condition(styles[:, first : first + count], labels))
            first += count
        image = self._image(x, self.resolution, styles[:, first:], labels) if self.rgb else x
        return self.output(self.joined(older, image, self.resolution))

    def _image(self, x: Tensor, resolution: int, styles: Tensor, labels: Tensor | None) -> Tensor:
        rgb = self.rgb[str(resolution)]
        return run(rgb, x, Condition(styles[:, : styles_of(rgb)], labels))


class Verdict(NamedTuple):
    """What a discriminator says of a batch of images."""

    score: Tensor
    """[N], or [N, patches] if the head judges patches; higher is more real."""
    classes: Tensor | None
    """Class logits [N, K] if the head classifies too."""
    features: dict[int, Tensor]
    """Feature maps by resolution, from the image inwards."""


class Discriminator(Growing):
    """From images to scores: the mirror of the generator, with the regularizers' layers before its head."""

    def __init__(self, options: DiscriminatorOptions, shape: Shape, regularizers: Iterable[Regularizer] = ()) -> None:
        super().__init__(options, "discriminator", shape, latent=0, width=0)
        self.rgb = self.rgb_blocks()
        self.blocks = nn.ModuleDict()
        for resolution in reversed(self.resolutions[1:]):
            here, below = self.channels[resolution], self.channels[resolution // 2]
            place = replace(self.place, in_channels=here, out_channels=below, resample="down")
            self.blocks[str(resolution)] = self.blocks_at(resolution, at(options.block, resolution), place)
        self.base_blocks = self.blocks_at(options.base, options.base_blocks, self.place)
        self.layers, channels = self._layers(regularizers)
        head = built(options.head, replace(self.place, in_channels=channels))
        self.classes = int(getattr(head, "classes", 0))
        self.head = self.finished(head, options.base)

    def _layers(self, regularizers: Iterable[Regularizer]) -> tuple[nn.Module, int]:
        channels, layers = self.channels[self.options.base], []
        for regularizer in regularizers:
            layer = regularizer.layer(replace(self.place, in_channels=channels, out_channels=channels))
            if layer is not None:
                layers.append(layer)
                channels = int(getattr(layer, "out_channels", channels))
        return self.finished(Chain.of(layers), self.options.base), channels

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Verdict:
        """Scores of images [N, channels, H, W], `resolution` high.

        While fading, the features after the newest block are joined with those of the halved image
        (Karras et al. 2018, figure 2).
        """
        condition, features = Condition(labels=labels), {}
        x = features[self.resolution] = self._enter(images, self.resolution, condition)
        for resolution in reversed(self.above_base()):
            x = run(self.blocks[str(resolution)], x, condition)
            if resolution in self.joins:
                images = halve(images)
                x = self.joined(self._enter(images, resolution // 2, condition), x, resolution)
            features[resolution // 2] = x
        for part in (self.base_blocks, self.layers, self.head):
            x = run(part, x, condition)
        classes = x[:, x.shape[1] - self.classes :] if self.classes else None
        score = x[:, : x.shape[1] - self.classes]
        return Verdict(score[:, 0] if score.shape[1] == 1 else score, classes, features)

    def _enter(self, images: Tensor, resolution: int, condition: Condition) -> Tensor:
        return run(self.rgb[str(resolution)], images, condition) if self.rgb else images
