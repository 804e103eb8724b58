"""The critic that is a network of parts, as an experiment's discriminator is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from gankit import BuildContext, Critic, UserError
from gankit.config.experiment import DiscriminatorOptions
from gankit_critics.views import View

if TYPE_CHECKING:
    from torch import nn

    from gankit.config.experiment import Experiment


class NetworkCritic(Critic):
    """A network of parts, as `discriminator` is one, that looks at a view of each image.

    It works at the height of its view from the first stage on, and does not grow. What regularizers put before the head
    of `discriminator` it has not. Multi-scale discriminators (Wang et al. 2018, section 3.2) are several of these.
    """

    view: View
    """What it looks at."""
    network: DiscriminatorOptions
    """How it is built; its highest resolution is the height of the view."""

    @property
    def mixes_samples(self) -> bool:
        """Whether a norm does."""
        return any(norm.mixes_samples for norms in self.network.norm.values() for norm in norms)

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """The network must come from its base to the view's height by doubling, with blocks that can change it."""
        options, height = self.network, self.view.height
        times, rest = divmod(height, options.base)
        if rest or times.bit_count() != 1:
            yield f"network.base: {options.base} doubled some times is to be the view's height, and that is {height}"
            return
        with suppress(UserError):  # the data cannot be read here, which is said elsewhere
            if options.head.classifies() and experiment.data.class_count():
                yield "network.head: gives class logits, which only `discriminator` is trained on"
        needed = [options.base << number for number in range(times.bit_length())]
        for name, table, first in (
            ("channels", options.channels, needed[0]),
            ("norm", options.norm, needed[0]),
            ("block", options.block, needed[1] if len(needed) > 1 else height + 1),
        ):
            if first <= height and min(table) > first:
                yield f"network.{name}: gives no value for resolution {first}: its first is {min(table)}"
        for start, blocks in options.block.items():
            if start <= height and len(needed) > 1 and (not blocks or not blocks[-1].resamples):
                yield f"network.block: at {start} the last block has to go down out of it; name one that can"
        if options.rgb is None and options.join.where == "resolutions":
            yield "network.join: joins at every resolution, for which network.rgb is needed"

    def reads_labels(self) -> bool:
        """Whether a part of the network does."""
        parts = [self.network.head, *self.network.base_blocks, *([self.network.rgb] if self.network.rgb else [])]
        parts += [part for table in (self.network.block, self.network.norm) for each in table.values() for part in each]
        return any(part.reads_labels() for part in parts)

    def build(self, context: BuildContext) -> nn.Module:
        """A module from images [N, C, H, W] to what the network says of the view."""
        from gankit.networks.discriminator import Discriminator
        from gankit.networks.growing import ImageShape
        from gankit_critics.modules import ViewingCritic

        shape = ImageShape((self.view.height,), context.image_channels, context.classes, context.aspect)
        return ViewingCritic(self.view.build(context.aspect), Discriminator(self.network, shape))
