"""How BigGAN's generator begins."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import BuildContext, Stem, UserError
from gankit_biggan.mappings import Hierarchical

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class BigganStem(Stem):
    """A linear layer to the first feature map, of a style that no norm has too (Brock et al. 2019, figure 15).

    Neither norm nor activation: the residual block that follows begins with both.
    """

    inputs: int | None = Field(default=None, ge=1, le=1_000_000)
    """How many numbers of its style the layer reads, counted from the first; null: all. Set to the length of a chunk it
    reads no class, as in the authors' code and by the numbers of parameters in the paper's table 1; table 4 has it read
    both."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """It reads a chunk, not a part of one or of the class beside it."""
        mapping, latent = experiment.generator.mapping, experiment.generator.latent
        if isinstance(mapping, Hierarchical) and self.inputs not in (None, length := latent // mapping.chunks):
            yield f"reads {self.inputs} numbers of a style whose chunk of the latent has {length}; set inputs: {length}"

    def build(self, context: BuildContext) -> nn.Module:
        """A module that consumes one style, from [N, in_channels] to [N, out_channels, *context.size].

        Raises:
            UserError: if a style is shorter than what it is to read.
        """
        from gankit.networks.layers import dense
        from gankit_biggan.modules import OwnStyle

        inputs = self.inputs or context.in_channels
        if inputs > context.in_channels:
            raise UserError(f"generator.stem: inputs is {inputs}, and a style has {context.in_channels} numbers")
        size = context.out_channels, *context.size
        return OwnStyle(dense(inputs, math.prod(size), gain=1.0), size)
