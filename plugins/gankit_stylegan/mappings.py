"""The mapping network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gankit import BuildContext, LatentMapping, at
from gankit_pggan.norms import Equalized

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


MOST_LAYERS = 1_000
"""Of a mapping: hundreds of times as many as any that has been trained."""


def without_effect(
    lr_multiplier: float, experiment: Experiment, network: Literal["generator", "discriminator"]
) -> Iterable[str]:
    """What is wrong with layers at the base of a network that would not learn slower, as nothing scales them."""
    options = getattr(experiment, network)
    scaled = any(isinstance(norm, Equalized) for norm in at(options.norm, options.base))
    if lr_multiplier != 1 and not scaled:
        yield (
            f"lr_multiplier {lr_multiplier:g} has no effect without the equalized norm: "
            f"add equalized to {network}.norm, or set lr_multiplier: 1"
        )


class Style(LatentMapping):
    """A deep network from normalized latents to styles, with style mixing and a running mean of the styles.

    Its layers learn a hundred times slower than the rest (Karras et al. 2019, section 2 and appendix C). A label joins
    the latent as a learned vector of the latent's length, which of attributes is a linear map.
    """

    layers: int = Field(default=8, ge=1)
    """Dense layers, each with leaky ReLU."""
    width: int = Field(default=512, ge=1)
    """Width of the layers and length of a style."""
    lr_multiplier: float = Field(default=0.01, gt=0)
    """How fast the layers learn, compared with the rest of the generator; needs the equalized norm."""
    mixing: float = Field(default=0.9, ge=0, le=1)
    """Share of batches in training in which the styles from a random layer on come from a second latent."""
    decay: float = Field(default=0.995, ge=0, lt=1)
    """Decay of the running mean of styles, a batch; truncation pulls towards that mean."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """Layers beyond number take for ever to build, and a multiplier does nothing to weights that are not scaled."""
        if self.layers > MOST_LAYERS:
            yield f"layers must be at most {MOST_LAYERS:,}, not {self.layers:,}"
        yield from without_effect(self.lr_multiplier, experiment, "generator")

    def build(self, context: BuildContext) -> nn.Module:
        """A module from z [N, latent] and labels to styles [N, styles, width]."""
        from gankit_stylegan.modules import MappingNetwork

        return MappingNetwork(context, **self.model_dump(exclude={"init"}))

    def reads_labels(self) -> bool:
        """A label joins the latent."""
        return True

    def reads_attributes(self) -> bool:
        """They join the latent."""
        return True
