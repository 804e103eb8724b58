"""Steps through the latent space of a generator, and how far apart their images are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch  # noqa: TID253
import torch.nn.functional as F  # noqa: TID253
from torch import Tensor  # noqa: TID253

from gankit.data.images import images_at_a_time
from gankit.networks.generator import Generator
from gankit.training import randomness
from gankit.training.sampler import draw_labels

LARGEST = 256
"""Larger images are reduced to that height before they are compared (Karras et al. 2019)."""


@torch.no_grad()
def path_lengths(
    generator: Generator,
    distance: Callable[[Tensor, Tensor], Tensor],
    space: Literal["w", "z"],
    sampling: Literal["end", "full"],
    epsilon: float,
    paths: int,
) -> np.ndarray:
    """Distances over the square of the step, float64 [paths]; each path is a function of its number alone.

    Both ends of a step get the same labels and the same noise inside the generator. For all else see
    `PerceptualPathLength`.
    """
    device = next(generator.parameters()).device
    context, block, lengths = generator.context, images_at_a_time(generator.resolution), []
    for number in range(-(-paths // block)):
        randomness.seed("path length", number)
        ends = torch.randn(2, block, context.latent, device=device)
        labels = draw_labels(generator, block, device)
        t = torch.rand(block, device=device) * (sampling == "full")
        images = []
        for at in (t, t + epsilon):
            if space == "w":
                first, second = (generator.map(z, labels) for z in ends)
                weights = at.to(first.dtype).view(-1, *[1] * (first.ndim - 1))
                styles = torch.lerp(first, second, weights)
            else:
                styles = generator.map(slerp(ends[0], ends[1], at), labels)
            randomness.seed("path length", number, "noise")
            images.append(_reduced(generator.synthesize(styles, labels)))
        lengths.append(distance(*images).double().cpu().numpy() / epsilon**2)
    return np.concatenate(lengths)[:paths]


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The points at `t` on the arcs between the directions of `a` and `b`, [N, D], of length 1 times that of `a`."""
    length = a.norm(dim=1, keepdim=True)
    a, b = F.normalize(a), F.normalize(b)
    angle = t[:, None] * (a * b).sum(1, keepdim=True).clamp(-1, 1).acos()
    across = F.normalize(b - (a * b).sum(1, keepdim=True) * a)
    return length * (a * angle.cos() + across * angle.sin())


def trimmed_mean(lengths: np.ndarray) -> float:
    """The mean without what lies below the 1st or above the 99th percentile."""
    low, high = np.percentile(lengths, 1, method="lower"), np.percentile(lengths, 99, method="higher")
    return float(lengths[(lengths >= low) & (lengths <= high)].mean())


def squared(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared difference of images [N, C, H, W] in network range, in float64 [N]."""
    return (one.double() - other.double()).square().mean((1, 2, 3))


def lpips() -> Callable[[Tensor, Tensor], Tensor]:
    """LPIPS by VGG16 (Zhang et al. 2018) of images in network range; grey ones are seen in three channels.

    Raises:
        OSError: if its weights are neither in torch's cache nor can be downloaded.
    """
    from torch_fidelity.sample_similarity_lpips import SampleSimilarityLPIPS

    network = SampleSimilarityLPIPS("lpips-vgg16")

    def distance(one: Tensor, other: Tensor) -> Tensor:
        network.to(one.device)
        pixels = [((images[:, :3] + 1) * 127.5).expand(-1, 3, -1, -1) for images in (one, other)]
        return network(*pixels)

    return distance


def _reduced(images: Tensor) -> Tensor:
    factor = images.shape[2] // LARGEST
    return F.avg_pool2d(images, factor) if factor > 1 else images
