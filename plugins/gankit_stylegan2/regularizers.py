"""Path length regularization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from gankit import Regularizer, Scheduled

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.training.step import Step


class PathLength(Regularizer):
    """Has a step in a style change the image by as much everywhere and in all directions (Karras et al. 2020, 3.2).

    The mean square of ||J^T y|| - a, where J is the Jacobian of an image with respect to its styles, y an image of
    noise over the root of its pixels, and a the running mean of ||J^T y||. The square is averaged over the parts that a
    style goes to. Usually made every 4 iterations.
    """

    mixes_samples: ClassVar[bool] = True

    weight: Scheduled[Annotated[float, Field(ge=0)]] = 2.0
    """Factor on the mean square."""
    decay: Scheduled[Annotated[float, Field(gt=0, le=1)]] = 0.01
    """Share of this time's lengths in the running mean."""
    shrink: int = Field(default=2, ge=1)
    """Takes a batch of its own that is so many times smaller, as it costs time and memory."""

    def generator(self, step: Step) -> Tensor:
        """The penalty on fresh latents with the labels of the first reals; moves the mean in `step.memory`."""
        import torch

        count = max(1, len(step.real) // self.shrink)
        labels = None if step.labels is None else step.labels[:count]
        styles = step.generator.map(step.latents(count), labels)
        if not styles.requires_grad:  # a mapping without weights
            styles = styles.clone().requires_grad_()
        images = step.generator.synthesize(styles, labels)
        noise = torch.randn_like(images) / (images.shape[2] * images.shape[3]) ** 0.5
        lengths = step.gradient(images * noise, styles).square().sum(2).mean(1).sqrt()
        memory = step.memory(self)
        earlier = memory.get("mean", lengths.new_zeros(()))
        mean = earlier.lerp(lengths.mean(), self.decay)
        memory["mean"] = mean.detach()
        step.log("path_length", lengths.mean())
        return self.weight * (lengths - mean).square().mean()
