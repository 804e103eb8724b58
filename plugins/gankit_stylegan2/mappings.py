"""The mapping network of StyleGAN2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gankit import BuildContext
from gankit_stylegan.mappings import Style

if TYPE_CHECKING:
    from torch import nn


class Stylegan2Mapping(Style):
    """StyleGAN's mapping, whose activations make up for what they take away, so that biases are scaled too.

    A label joins the latent as a vector of a style's length, normalized by itself (Karras et al. 2020, StyleGAN2-ADA):
    an affine map of the one-hot class, or of the attributes.
    """

    def build(self, context: BuildContext) -> nn.Module:
        """A module from z [N, latent] and labels to styles [N, styles, width]."""
        from gankit_stylegan2.modules import MixedStyles

        return MixedStyles(context, **self.model_dump(exclude={"init"}))
