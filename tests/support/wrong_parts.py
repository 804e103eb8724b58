"""A plugin of wrong components, each a mistake that an author might make; all can be registered."""

# pyright: reportIncompatibleMethodOverride=false, reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gankit import (
    Augmentation,
    Block,
    Extractor,
    Head,
    Init,
    LatentMapping,
    Loss,
    Metric,
    Norm,
    Optimizer,
    Regularizer,
    Stem,
    hookimpl,
)


def convolution(context, before=None, after=None) -> Any:
    """What a block should build, with a function before or after it."""
    from torch import nn

    from gankit.networks.layers import Chain, Function, conv, resampling

    return Chain(
        before=Function(before) if before else nn.Identity(),
        up=resampling(context.resample, "up"),
        conv=conv(context.in_channels, context.out_channels),
        down=resampling(context.resample, "down"),
        after=Function(after) if after else nn.Identity(),
    )


class TooWide(Block):
    def build(self, context):
        return convolution(replace(context, out_channels=context.out_channels + (context.resolution == 8)))


class NeverUp(Block):
    def build(self, context):
        return convolution(replace(context, resample=None if context.resample == "up" else context.resample))


class NeverDown(Block):
    def build(self, context):
        return convolution(replace(context, resample=None if context.resample == "down" else context.resample))


class TakesTheBorder(Block):
    def build(self, context):
        return convolution(context, after=lambda x: x[:, :, 1:-1, 1:-1])


class NoReturn(Block):
    def build(self, context):
        convolution(context)


class Detached(Block):
    def build(self, context):
        return convolution(context, after=lambda x: x.detach())


class RootOfNegatives(Block):
    def build(self, context):
        return convolution(context, after=lambda x: x.sqrt())


class GoesItsOwnWay(Block):
    """Says how many channels it gives where the next part counts on others."""

    def build(self, context):
        made = convolution(replace(context, out_channels=5))
        made.out_channels = 5
        return made


class PairOfMaps(Block):
    def build(self, context):
        return convolution(context, after=lambda x: (x, x))


class SmallStem(Stem):
    def build(self, context):
        from torch import nn

        return nn.Sequential(nn.Linear(context.in_channels, context.out_channels), nn.Unflatten(1, (-1, 1, 1)))


class FlatHead(Head):
    def build(self, context):
        from gankit.networks.layers import Function

        return Function(lambda x: x.mean((1, 2, 3)))


class NoWidth(LatentMapping):
    def build(self, context):
        from torch import nn

        return nn.Linear(context.latent, 8)


class OneStyle(LatentMapping):
    """Gives [N, width], whatever number of styles is asked for."""

    def build(self, context):
        from torch import nn

        class Flat(nn.Module):
            width = context.latent

            def forward(self, z, labels, styles):
                return z

        return Flat()


class DropsAMap(Norm):
    def build(self, context):
        from gankit.networks.layers import Function

        return Function(lambda x: x[:, 1:])


class NoNumbers(Init):
    def apply(self, layer):
        raise OSError("no numbers")


class Right(Loss):
    def discriminator(self, real, fake):
        return (1 - real).relu().mean() + (1 + fake).relu().mean()

    def generator(self, fake, real):
        return -fake.mean()


class DetachedLoss(Right):
    def generator(self, fake, real):
        return -fake.detach().mean()


class DetachedReals(Right):
    def discriminator(self, real, fake):
        return (1 + fake).relu().mean() - real.detach().mean()


class NoMean(Right):
    def discriminator(self, real, fake):
        return (1 - real).relu() + (1 + fake).relu()


class FloatLoss(Right):
    def generator(self, fake, real):
        return -fake.mean().item()


class LogOfNegatives(Right):
    def discriminator(self, real, fake):
        return (fake.mean() - 1e3).log() + real.mean()


class LossTypo(Right):
    def generator(self, fake, real):
        return -fake.maen()


class NoScalar(Regularizer):
    def discriminator(self, step):
        return step.on_real.score.square()


class DetachedPenalty(Regularizer):
    def discriminator(self, step):
        return step.on_real.score.detach().square().mean() + 1


class ZeroOverZero(Regularizer):
    def generator(self, step):
        score = step.on_fake.score
        return (score - score).sum() / (score - score).sum()


class PenaltyTypo(Regularizer):
    def generator(self, step):
        return step.fakes.mean()


class HalvedLayer(Regularizer):
    def layer(self, context):
        from gankit.networks.layers import Function, halve

        return Function(halve)


class Crops(Augmentation):
    def apply(self, images, batch):
        return images[:, :, 1:, 1:]


class ByNumpy(Augmentation):
    def apply(self, images, batch):
        import torch

        return torch.from_numpy(images.detach().numpy().copy())


class NoOptimizer(Optimizer):
    def build(self, parameters, correction=1.0):
        import torch

        torch.optim.SGD(parameters, lr=1e-3)

    def learning_rate(self, progress):
        return 1e-3


class OneGroup(NoOptimizer):
    def build(self, parameters, correction=1.0):
        import torch

        return torch.optim.SGD([each for group in parameters for each in group["params"]], lr=1e-3)


class NoRate(NoOptimizer):
    def build(self, parameters, correction=1.0):
        import torch

        return torch.optim.SGD(parameters, lr=1e-3)

    def learning_rate(self, progress):
        return None


class MetricTypo(Metric):
    def evaluate(self, samples):
        return {"width": float(samples.generated.imagse.std())}


class FloatMetric(Metric):
    needs = frozenset({"images"})

    def evaluate(self, samples):
        return float(samples.generated.images.float().std())


class SaysNotWhatItNeeds(Metric):
    needs = frozenset({"images"})

    def evaluate(self, samples):
        return {"spread": float(samples.generated.features.std())}


class Words(Metric):
    def evaluate(self, samples):
        return {"quality": "good"}


class TakenName(Metric):
    def evaluate(self, samples):
        return {"own_floor": 1.0}


class AnotherFid(Metric):
    def evaluate(self, samples):
        return {"fid": 1.0}


class Unsatisfied(Metric):
    """Refuses whatever it is given."""

    needs = frozenset({"images"})

    def evaluate(self, samples):
        raise ValueError(f"{len(samples.generated.images)} images are not enough")


class OneVector(Extractor):
    def identity(self):
        return "one vector"

    @property
    def resize(self):
        return "none"

    def load(self, device):
        return lambda images: images.float().mean((1, 2, 3))


@hookimpl
def gankit_register(register) -> None:
    for name, component in list(globals().items()):
        if getattr(component, "__module__", "") == __name__ and getattr(component, "kind", ""):
            register(name.lower(), component)
