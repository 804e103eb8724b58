"""The critic that looks at what a frozen network sees."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from gankit import BuildContext, Critic, Many, Norm, UserError
from gankit_projected.features import FeatureNetwork

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class Projected(Critic):
    """Small discriminators of the feature maps of a frozen network, one for each level (Sauer et al. 2021).

    Images are resized to `size`, bilinearly; gradients pass through the network, which is neither trained nor kept in
    checkpoints. Its maps are mixed by random projections that stay as they are drawn (section 3.2), and each
    discriminator gives scores of patches, which the loss looks at by themselves; its sum is minimized (section 3.3).

    With `mixing: none` and few levels beside a `discriminator` it is much like a vision-aided one (Kumari et al. 2022,
    section 3.2), whose heads differ.
    """

    features: FeatureNetwork = Field(default="efficientnet-lite0", validate_default=True)  # pyright: ignore
    """The frozen network."""
    levels: list[Annotated[int, Field(ge=1, le=16)]] | None = None
    """Which of its levels are judged, 1 the finest; null: all."""
    mixing: Literal["none", "channels", "scales"] = "scales"
    """none: maps are judged as they are; channels: after random 1x1 convolutions; scales: and random 3x3 convolutions
    of what is coarser, upsampled and added."""
    width: int = Field(default=64, ge=1, le=4_096)
    """Maps at the finest level after mixing; each coarser one has twice as many, and so has each layer of a
    discriminator, up to eight times."""
    size: int = Field(default=256, ge=8, le=2_048)
    """Height that images are resized to, in pixels; less takes less time, and sees less."""
    norm: Many[Norm] = Field(default=["spectral", "batch"], validate_default=True)  # pyright: ignore
    """Norms of the discriminators' weights and activations; those of the scores have none of activations."""

    @property
    def mixes_samples(self) -> bool:
        """Whether a norm does."""
        return any(norm.mixes_samples for norm in self.norm)

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """The network sees colours."""
        try:
            channels, aspect = experiment.data.image_channels(), experiment.data.aspect()
        except UserError:  # said by the data itself
            return
        if channels not in (1, 3, 4):
            yield f"looks at grey images and RGB, and these have {channels} channels"
        if self.levels is not None and (not self.levels or len(set(self.levels)) < len(self.levels)):
            yield "levels: name at least one, and each once"
        side = self.features.size
        if side is not None and (self.size != side or aspect != 1):
            yield f"size: the feature network sees images of {side}x{side} alone"

    def build(self, context: BuildContext) -> nn.Module:
        """A module from images [N, C, H, W] to a list of scores [N, patches], one for each level.

        Raises:
            UserError: if the network has not so many levels, or its weights cannot be had.
        """
        import torch

        from gankit_projected.modules import Held, ProjectedCritic

        network = self.features.load()
        size = self.size, max(1, round(self.size * context.aspect))
        with torch.no_grad():
            there = len(network(torch.zeros(1, 3, *size)))
        levels = sorted(self.levels or range(1, there + 1))
        if levels[-1] > there:
            raise UserError(f"critics: levels: the feature network has {there}, and {levels[-1]} is asked for")
        norms, mixing = self.norm, self.mixing
        network = Held(network, self.features.identity())
        return ProjectedCritic(network, context, size=size, levels=levels, mixing=mixing, width=self.width, norms=norms)
