"""Noise of a diffusion, whose length adapts itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from gankit_ada.adapting import AdaptingAugmentation

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gankit.training.step import AugmentedBatch

FIRST, LAST = 1e-4, 0.02
"""Variance that the first and the last of all steps of the diffusion add (section 4.1)."""


class DiffusionNoise(AdaptingAugmentation):
    """Reals and fakes after some steps of a diffusion, of more the more the discriminator overfits (Wang et al. 2023).

    After t steps an image is a * image + sigma * sqrt(1 - a^2) * noise, where a^2 is the product of 1 - beta_s over the
    steps up to t and beta rises evenly from 0.0001 to 0.02 over all `steps` (section 2.2). Half of the images are as
    they are, t of the others is drawn from 1 to T, which moves from `fewest` to `steps` as p does from 0 to 1
    (sections 3.3 and 3.4). Records p and r of every update as diffusion.p and diffusion.r.

    The paper's discriminator is told t; here it is not, which section 3.2 allows for.
    """

    recorded_as: ClassVar[str] = "diffusion"

    steps: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Of the whole diffusion; T goes no further."""
    fewest: Annotated[int, Field(ge=1)] = 5
    """The lowest T, at which training begins."""
    sigma: Annotated[float, Field(gt=0)] = 0.05
    """Standard deviation of the noise of a whole diffusion, for images in [-1, 1]."""
    steps_drawn: Literal["uniform", "priority"] = "priority"
    """How t is drawn. uniform: each as often. priority: each in proportion to t, so that new, greater ones are seen
    more (equation 9)."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Images [N, C, H, W] after as many steps as are drawn for each."""
        import torch

        kept = _kept(self.steps, images.device, images.dtype)
        squared = kept[self._drawn(len(images), batch, images.device)][:, None, None, None]
        noise = torch.randn(images.shape, dtype=images.dtype, device=images.device)
        return squared.sqrt() * images + self.sigma * (1 - squared).sqrt() * noise

    def _drawn(self, count: int, batch: AugmentedBatch, device: torch.device) -> Tensor:
        """How many steps each image is taken, int64 [count]."""
        import torch

        p = self._probability(batch)
        p = (p if isinstance(p, torch.Tensor) else torch.full((), p, device=device)).clamp(max=1)
        last = (self.fewest + p * (self.steps - self.fewest)).clamp(max=self.steps).floor()
        is_noised, lot = torch.rand(count, device=last.device) < 0.5, torch.rand(count, device=last.device)
        if self.steps_drawn == "uniform":
            step = (lot * last).floor() + 1
        else:  # the first t at which t (t + 1) / 2, of last (last + 1) / 2 in all, is above the lot
            step = (((8 * lot * last * (last + 1) / 2 + 1).sqrt() - 1) / 2).floor() + 1
        return torch.where(is_noised, step.clamp(max=last), 0).long()


@cache
def _kept(steps: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """The square of what an image is multiplied by, a^2, after each number of steps from 0 on; made once a device."""
    import torch

    beta = torch.linspace(FIRST, LAST, steps, dtype=torch.float64)
    return torch.cat([torch.ones(1, dtype=torch.float64), (1 - beta).cumprod(0)]).to(device, dtype)
