"""How the layers of a resolution are joined with what comes past them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from gankit import BuildContext, Join
from gankit.core.options import Taps

if TYPE_CHECKING:
    from torch import nn


class Never(Join):
    """Nothing is joined: new layers take the place of the old ones at once."""

    where: ClassVar[Literal["never", "fade", "stages", "resolutions", "scales"]] = "never"
    fades_reals: ClassVar[bool] = False

    def build(self, context: BuildContext) -> nn.Module:
        """A module that takes the new alone."""
        from gankit.networks.layers import JoinModule

        return JoinModule(context)


class Blend(Join):
    """The new is blended with the old by a weight that rises from 0 to 1 (Karras et al. 2018, figure 2).

    alpha * new + (1 - alpha) * old, in a generator between images, which are doubled by repeating pixels.
    """

    def build(self, context: BuildContext) -> nn.Module:
        """A module that blends."""
        from gankit_basics.modules import BlendModule

        return BlendModule(context)


class Summed(Join):
    """The new is added to the old, at every resolution (Karras et al. 2020, figure 7b, "skip").

    Old images are doubled or halved through a filter on their way. While new layers fade in, alpha weighs what they
    give, so that they start from the old.
    """

    where: ClassVar[Literal["never", "fade", "stages", "resolutions", "scales"]] = "resolutions"

    filter: Taps = (1, 3, 3, 1)
    """The filter along rows and columns."""

    def build(self, context: BuildContext) -> nn.Module:
        """A module that adds."""
        from gankit_basics.modules import SumModule

        return SumModule(context, self.filter)


class Gate(Join):
    """The new is added to the old, which stays, through learned weights that start at zero, one a channel."""

    where: ClassVar[Literal["never", "fade", "stages", "resolutions", "scales"]] = "stages"
    fades_reals: ClassVar[bool] = False

    def build(self, context: BuildContext) -> nn.Module:
        """A module that weighs the new and adds it."""
        from gankit_basics.modules import GateModule

        return GateModule(context)
