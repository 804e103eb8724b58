"""The generator: from latents to images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from gankit.config.experiment import GeneratorOptions
from gankit.core.tables import at
from gankit.networks.context import BuildContext
from gankit.networks.growing import GrowingNetwork, ImageShape
from gankit.networks.layers import Condition, built, styles_of
from gankit.networks.precision import widened
from gankit.networks.protocols import HasWidth

KNOWN_VECTORS = 1024
"""How many vectors of reals a generator keeps where there are attributes."""


class Generator(GrowingNetwork):
    """From latents to images: mapping, stem, blocks that go up, and the way into an image at each resolution."""

    of_run = ("known_vectors",)

    known_vectors: Tensor | None
    """Vectors of reals, [1024, attributes], that go with the weights wherever these go; None without attributes."""

    def __init__(self, options: GeneratorOptions, shape: ImageShape) -> None:
        context = BuildContext("generator", options.base, 0, 0, latent=options.latent)
        context = replace(context, classes=shape.classes, attributes=shape.attributes)
        mapping = built(options.mapping, context)
        width = int(cast(HasWidth, mapping).width)
        super().__init__(options, "generator", shape, options.latent, width)
        self.output = torch.tanh if options.output == "tanh" else nn.Identity()
        self.mapping = self.finished(mapping, options.base)
        self.stem = self.finished(built(options.stem, replace(self.context, in_channels=width)), options.base)
        self.base_blocks = self.blocks_at(options.base, options.base_blocks, self.context)
        self.blocks = nn.ModuleDict()
        for resolution in self.resolutions[1:]:
            below, here = self.channels[resolution // 2], self.channels[resolution]
            context = replace(self.context, in_channels=below, out_channels=here, resample="up")
            self.blocks[str(resolution)] = self.blocks_at(resolution, at(options.block, resolution), context)
        self.rgb = self.rgb_blocks()
        self.packs = False
        """Whether it gives images of all its scales, packed; else those of `resolution`, as copies do that were made
        before it was set."""
        known = torch.zeros(KNOWN_VECTORS, shape.attributes) if shape.attributes else None
        self.register_buffer("known_vectors", known)

    @torch.no_grad()
    def know_vectors(self, reals: Tensor) -> None:
        """Keep some of the vectors of reals, float [N, attributes], at equal distances in their order.

        Images that nobody names attributes for take one of them, also where the reals are not at hand.
        """
        assert self.known_vectors is not None, "only a generator with attributes keeps vectors"
        last = len(reals) - 1
        chosen = torch.linspace(0, last, KNOWN_VECTORS, dtype=torch.float64, device=reals.device).round().long()
        self.known_vectors.copy_(reals[chosen])

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
        """Styles [N, styles, width] of latents [N, latent] and labels."""
        return self.mapping(z, labels, self.styles)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, channels, H, W], `resolution` high, real ones lying in [-1, 1]; packed if it `packs`.

        Args:
            z: Latents [N, latent].
            labels: Classes, int64 [N], or the values of attributes, float [N, attributes]; None without labels.
        """
        return self.synthesize(self.map(z, labels), labels)

    def synthesize(self, styles: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images of styles [N, styles, width], where its join says so those of several resolutions in one.

        A conversion into an image uses the styles that come next. Images are float32 in mixed precision too. Those of a
        smaller scale are what a generator gives that has grown to it.
        """
        x, first, older = styles[:, 0], 0, None
        scales = self.scales if self.packs else None
        of_scales = dict[int, Tensor]()
        for resolution, part in self.parts():
            below = resolution // 2
            is_scale = scales is not None and below in scales.resolutions
            if is_scale or resolution in self.joins:
                image = self.joined(older, self._image(x, below, styles[:, first:], labels), below)
                if is_scale:
                    of_scales[below] = self.output(image)
                if resolution in self.joins:
                    older = self.join(resolution).resample(image)
            count = styles_of(part)
            x = self.ran(part, resolution, x, Condition(styles[:, first : first + count], labels))
            first += count
        image = self._image(x, self.resolution, styles[:, first:], labels) if self.rgb else widened(x)
        images = self.output(self.joined(older, image, self.resolution))
        return images if scales is None else scales.pack({**of_scales, self.resolution: images})

    def _image(self, x: Tensor, resolution: int, styles: Tensor, labels: Tensor | None) -> Tensor:
        rgb = self.rgb[str(resolution)]
        return widened(self.ran(rgb, resolution, x, Condition(styles[:, : styles_of(rgb)], labels)))
