"""An extractor for mixtures whose modes are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from gankit import Extractor
from gankit_images.modes import UNITS, Layout, places_of_modes
from gankit_images.procedural import Mixture, mistakes_of_layout
from gankit_images.subset import Subset

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gankit.config.experiment import Experiment
    from gankit.evaluation.images import Features

SHARP = 0.02
"""How near to a place, as a share of the width, a spot has to be for the class logits to be sure of it."""


class NearestMode(Extractor):
    """Sees where the spots of the data set `mixture` are, and which mode is nearest; it has nothing to learn.

    Features are the column and row of the middle of all light, as shares of the width, and its mean level; of a mode
    the logit is that of a normal distribution about its place. Every image is nearest to some mode, black ones too.
    """

    layout: Layout = "ring"
    """Layout of the data set's modes."""
    modes: Annotated[int, Field(ge=1, le=400)] = 8
    """Number of the data set's modes."""

    def problems(self, experiment: Experiment) -> Iterable[str]:
        """The modes have to be those of the data set, if it has any."""
        yield from mistakes_of_layout(self.layout, self.modes)
        data = experiment.data.of if isinstance(experiment.data, Subset) else experiment.data
        if isinstance(data, Mixture) and (data.layout, data.modes) != (self.layout, self.modes):
            of_data = f"{data.layout} of {data.modes}"
            yield f"this looks for a {self.layout} of {self.modes} modes, but the data are a {of_data}"

    def identity(self) -> str:
        """Its name and where the modes are."""
        return f"nearest-mode-{self.layout}-{self.modes}"

    @property
    def resize(self) -> str:
        """Images are seen as they are."""
        return "none"

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        """From uint8 [N, 3, H, W] to features [N, 3] and logits [N, modes]."""
        import torch

        from gankit.evaluation.images import Features

        places = torch.tensor(places_of_modes(self.layout, self.modes), device=device) / UNITS

        def seen(images: Tensor) -> Features:
            light = images.float().mean(1)
            all_light = light.sum((1, 2)).clamp_min(1)
            rows, columns = (
                (light.sum(other) * (torch.arange(size, device=light.device) + 0.5) / size).sum(1) / all_light
                for other, size in ((2, light.shape[1]), (1, light.shape[2]))
            )
            middle = torch.stack([columns, rows], 1)
            apart = (middle[:, None] - places).square().sum(2)
            return Features(torch.cat([middle, light.mean((1, 2))[:, None] / 255], 1), -apart / (2 * SHARP**2))

        return seen
