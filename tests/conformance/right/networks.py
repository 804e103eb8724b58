"""Parts that break no rule though they do what few others do: each must pass all of them."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from gankit import Block, Head, LatentMapping, Norm, Regularizer, hookimpl


class Modulated(Block):
    """Scales weights rather than maps by its style, as generators after StyleGAN do; there are none elsewhere."""

    def problems(self, experiment):
        for network in experiment.discriminators():
            for blocks in network.block.values():
                if any(block is self for block in blocks):
                    yield "takes a style"
            if self in network.base_blocks or network.rgb is self:
                yield "takes a style"

    def build(self, context) -> Any:
        import torch
        import torch.nn.functional as F
        from torch import nn

        from gankit.networks.layers import Conditioned, dense, double

        class Convolution(Conditioned):
            styles = 1

            def __init__(self) -> None:
                super().__init__()
                self.weight = nn.Parameter(torch.randn(context.out_channels, context.in_channels, 3, 3))
                self.affine = dense(context.width, context.in_channels)

            def forward(self, x, condition):
                x = double(x) if context.resample == "up" else x
                scale = 1 + self.affine(condition.styles[:, 0])
                weight = self.weight * scale[:, None, :, None, None]
                weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
                grouped = F.conv2d(x.reshape(1, -1, *x.shape[2:]), weight.flatten(0, 1), padding=1, groups=len(x))
                return grouped.view(len(x), -1, *x.shape[2:])

        return Convolution()


class Patches(Head):
    """One score a pixel."""

    def build(self, context) -> Any:
        from torch import nn

        return nn.Sequential(nn.Conv2d(context.in_channels, 1, 1), nn.Flatten())


class OfTheWholeBatch(Head):
    """A head with the deviation of its batch inside."""

    def build(self, context) -> Any:
        import torch
        from torch import nn

        from gankit.networks.layers import Function

        def with_deviation(x):
            deviation = (x.var(0, correction=0) + 1e-8).sqrt().mean()
            return torch.cat([x, deviation.expand(len(x), 1, *x.shape[2:])], 1)

        size = (context.in_channels + 1) * math.prod(context.size)
        return nn.Sequential(Function(with_deviation), nn.Flatten(), nn.Dropout(0.3), nn.Linear(size, 1))


class OfEachClass(LatentMapping):
    """Knows the mean style of each class, and truncates towards that of the nearest."""

    def build(self, context) -> Any:
        import torch
        from torch import nn

        class OneLayer(nn.Module):
            means: torch.Tensor

            def __init__(self) -> None:
                super().__init__()
                self.width, self.layer = 5, nn.Linear(context.latent + context.classes, 5)
                self.register_buffer("means", torch.zeros(max(1, context.classes), 5))

            def forward(self, z, labels, styles):
                if labels is not None:
                    z = torch.cat([z, nn.functional.one_hot(labels, context.classes)], 1)
                style = self.layer(z).relu()
                if self.training:
                    with torch.no_grad():
                        moved = torch.zeros(len(z), dtype=torch.long) if labels is None else labels
                        self.means[moved] = torch.lerp(self.means[moved], style, 0.1)
                return style[:, None].repeat(1, styles, 1)

            def truncated(self, styles, psi, cutoff):
                mean = self.means[torch.cdist(styles[:, 0], self.means).argmin(1)][:, None]
                cutoff = styles.shape[1] if cutoff is None else cutoff
                return torch.cat([torch.lerp(mean, styles[:, :cutoff], psi), styles[:, cutoff:]], 1)

        return OneLayer()

    def reads_labels(self) -> bool:
        return True


class Instance(Norm):
    """torch's instance norm, with statistics that it keeps."""

    def build(self, context) -> Any:
        from torch import nn

        return nn.InstanceNorm2d(context.out_channels, affine=True, track_running_stats=True)


class WeightNorm(Norm):
    """torch's weight norm."""

    def apply(self, layer: Any) -> None:
        from torch.nn.utils.parametrizations import weight_norm

        if getattr(layer, "gain", 1.0):
            weight_norm(layer)


class PathLength(Regularizer):
    """Holds the length of the images' derivative in the styles at its running mean (Karras et al. 2020)."""

    def generator(self, step):
        import torch

        step.seed("path")
        styles = step.generator.map(step.z, step.labels)
        if not styles.requires_grad:  # of a mapping that learns nothing
            styles.requires_grad_()
        images = step.generator.synthesize(styles, step.labels)
        noise = torch.randn_like(images) / math.sqrt(images.shape[2] * images.shape[3])
        lengths = step.gradient(images * noise, styles).square().sum(2).mean(1).sqrt()
        memory = step.memory(self)
        mean = torch.lerp(memory.get("mean", lengths.new_zeros(())), lengths.detach().mean(), 0.01)
        memory["mean"] = mean
        return (lengths - mean).square().mean()


class LeCam(Regularizer):
    """Holds the scores near running means of those of the other kind (Tseng et al. 2021)."""

    def discriminator(self, step):
        memory, real, fake = step.memory(self), step.on_real.score, step.on_fake.score
        means = memory.get("real", real.detach().mean()), memory.get("fake", fake.detach().mean())
        for name, mean, score in zip(("real", "fake"), means, (real, fake), strict=True):
            memory[name] = mean.lerp(score.detach().mean(), 0.1)
        return (real - means[1]).square().mean() + (fake - means[0]).square().mean()


class OrthogonalWeights(Regularizer):
    """Holds the rows of weights orthogonal (Brock et al. 2019)."""

    def discriminator(self, step):
        import torch

        found = []
        for parameter in step.discriminator.parameters():
            if parameter.dim() > 1:
                rows = parameter.flatten(1)
                gram = rows @ rows.t()
                found.append((gram - gram.diag().diag()).square().sum())
        return torch.stack(found).sum()


class WarmsUp(Regularizer):
    """Adds nothing to the discriminator's loss in the first updates, and nothing ever to the generator's."""

    updates: int = Field(default=4, ge=1, le=7)
    """How many."""

    def discriminator(self, step):
        import torch

        memory = step.memory(self)
        memory["updates"] = memory.get("updates", torch.zeros(())) + 1
        return step.on_real.score.square().mean() if memory["updates"] > self.updates else None

    def generator(self, step):
        return None


@hookimpl
def gankit_register(register) -> None:
    register("modulated", Modulated)
    register("patches", Patches)
    register("of-the-whole-batch", OfTheWholeBatch)
    register("of-each-class", OfEachClass)
    register("instance", Instance)
    register("weight-norm", WeightNorm)
    register("path-length", PathLength)
    register("lecam", LeCam)
    register("warms-up", WarmsUp)
    register("orthogonal-weights", OrthogonalWeights)
