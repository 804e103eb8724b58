"""One update of one network, as losses and regularizers see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Protocol

import torch
from torch import Tensor

from gankit.core.component import Component
from gankit.core.networks import NetworkName
from gankit.core.progress import Progress
from gankit.kinds import Augmentation
from gankit.networks.critics import Critics
from gankit.networks.discriminator import Discriminator, DiscriminatorOutput
from gankit.networks.generator import Generator
from gankit.networks.scales import Scales, by_scale
from gankit.training import randomness

BEGINNING = Progress(images=0, total=1, stage=1, stages=1, resolution=4, alpha=1.0, stage_images=0)
"""Where a step stands that is part of no run."""


class Draw(Protocol):
    """torch.rand, torch.randn and their like."""

    def __call__(self, *size: int, device: torch.device) -> Tensor:
        """Draw a tensor of that size."""
        ...


@dataclass(frozen=True)
class AugmentedBatch:
    """What an augmentation may know of the images that it is given."""

    labels: Tensor | None
    """Their classes, int64 [N], or the values of their attributes, float [N, attributes]; None without labels."""
    real: bool
    """Whether they are reals; of points between reals and fakes, as some penalties ask for, they are not."""
    progress: Progress
    """Where the run stands before this update."""
    memory: dict[str, Tensor]
    """What the augmentation remembers from call to call; kept in checkpoints. See `Step.memory`."""
    log: Callable[[str, Tensor | float], None]
    """Records a scalar of this update by name, as `Step.log` does."""


@dataclass
class Step:
    """One update; what is drawn and scored is made on first use and shared by the loss and every regularizer."""

    phase: NetworkName
    """The network that is updated: "generator" or "discriminator"."""
    key: tuple[str | int, ...]
    """Names this update: its draws come from places below this key."""
    generator: Generator
    """The generator in training."""
    discriminator: Discriminator | Critics
    """The discriminator in training."""
    augment: Sequence[Augmentation]
    """What changes images before the discriminator sees them, in this order."""
    real_images: Tensor
    """Reals [N, channels, H, W], faded like the generator's images. Where a growth has several scales at once, they and
    fakes are [N, channels, 1, P], the pixels of all; `by_scale` gives the images of each."""
    labels: Tensor | None
    """Classes of the reals, int64 [N], or the values of their attributes, float [N, attributes]; None without labels.
    Fakes are made with the same."""
    memory_of: Callable[[Component], dict[str, Tensor]]
    """Where components keep what they remember; use `memory`."""
    progress: Progress = BEGINNING
    """Where the run stands before this update."""
    scale: Tensor | None = None
    """What losses are scaled by as they are derived in float16, a scalar; None: by nothing."""
    scales: Scales | None = None
    """How images of all scales are packed, if there are several at once."""
    logged: dict[str, Tensor] = field(default_factory=dict)
    """What components have logged of this update."""

    @cached_property
    def real(self) -> Tensor:
        """Reals [N, channels, H, W]; in a discriminator's step gradients reach them."""
        return self.real_images.detach().requires_grad_(self.phase == "discriminator")

    @cached_property
    def z(self) -> Tensor:
        """Latents [N, latent]."""
        self.seed("latents")
        return self.latents(len(self.real_images))

    @cached_property
    def fake(self) -> Tensor:
        """Generated images [N, channels, H, W]; in a discriminator's step cut from the generator's graph."""
        z = self.z
        self.seed("generator")
        if self.phase == "generator":
            return self.generator(z, self.labels)
        with torch.no_grad():
            images = self.generator(z, self.labels)
        return images.requires_grad_()

    @cached_property
    def on_real(self) -> DiscriminatorOutput:
        """The discriminator's verdict on the reals."""
        real = self.real
        self.seed("real")
        return self.critic(real, self.labels, real=True)

    @cached_property
    def on_fake(self) -> DiscriminatorOutput:
        """The discriminator's verdict on the fakes."""
        fake = self.fake
        self.seed("fake")
        return self.critic(fake, self.labels)

    def critic(self, images: Tensor, labels: Tensor | None, real: bool = False) -> DiscriminatorOutput:
        """The discriminator's verdict on augmented `images`; gradients reach the images before augmentation."""
        for augmentation in self.augment:
            images = self.augmented(augmentation, images, labels, real)
        return self.discriminator(images, labels)

    def augmented(self, by: Augmentation, images: Tensor, labels: Tensor | None, real: bool) -> Tensor:
        """Images [N, C, H, W] after one augmentation; those of all scales after the same."""
        batch = AugmentedBatch(labels, real, self.progress, self.memory(by), self.log)
        if self.scales is None or by.exchanges_images:
            return by.apply(images, batch)
        return self.scales.alike(images, partial(by.apply, batch=batch))

    def by_scale(self, images: Tensor) -> list[Tensor]:
        """Images of each scale [N, C, H, W], highest first, of such as `real` and `fake`, or of gradients at these.

        Where there are no scales, the images themselves alone.
        """
        return by_scale(images, self.scales)

    def gradient(self, of: Tensor, to: Tensor) -> Tensor:
        """The gradient of the sum of `of` with respect to `to`, differentiable again.

        In float16 it is derived of a scaled sum, lest it vanish on its way; what is given is not scaled.
        """
        if self.scale is None:
            return torch.autograd.grad(of.sum(), to, create_graph=True)[0]
        return torch.autograd.grad(of.sum() * self.scale, to, create_graph=True)[0] / self.scale

    def latents(self, count: int) -> Tensor:
        """Fresh latents [count, latent]."""
        return torch.randn(count, self.generator.context.latent, device=self.real_images.device)

    def per_sample(self, draw: Draw, *shape: int) -> Tensor:
        """Draw afresh [N, *shape]; `draw` is torch.rand, torch.randn or the like."""
        return draw(len(self.real_images), *shape, device=self.real_images.device)

    def memory(self, component: Component) -> dict[str, Tensor]:
        """What `component` remembers from step to step, tensors on the run's device; kept in checkpoints.

        Counters that are read as numbers may stay on the CPU, lest the host wait for a GPU: there they are again in a
        run that goes on, unless it has come from a CPU; so put a new one there when it is next written.
        """
        return self.memory_of(component)

    def log(self, name: str, value: Tensor | float) -> None:
        """Record a scalar beside the losses, which are written as means over some iterations and shown to observers."""
        device = self.real_images.device
        scalar = value.detach().to(device) if isinstance(value, Tensor) else torch.full((), value, device=device)
        self.logged[name] = scalar.float()

    def seed(self, purpose: str | int) -> None:
        """Point torch's generators at the place of this update's draws for `purpose`."""
        randomness.seed(*self.key, purpose)
