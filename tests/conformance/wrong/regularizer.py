"""Regularizers that break the rules, each registered under the name of the rule that it breaks."""

from __future__ import annotations

import random
from typing import Any, ClassVar

from pydantic import PrivateAttr

from gankit import Regularizer, hookimpl


def function(of) -> Any:
    """A function of maps as a module."""
    from gankit.networks.layers import Function

    return Function(of)


class OneMore(Regularizer):
    """Appends a map and does not say so."""

    def layer(self, context):
        import torch

        return function(lambda x: torch.cat([x, x[:, :1]], 1))


class CentresInPlace(Regularizer):
    """Writes to the features, which the verdict shows too."""

    def layer(self, context):
        return function(lambda x: x.sub_(x.mean(1, keepdim=True)))


class ForgottenProjection(Regularizer):
    """Fixed random weights that no checkpoint keeps."""

    def layer(self, context):
        import torch

        weights = torch.randn(context.in_channels, 1, 1)
        return function(lambda x: x * weights)


class FusedAttention(Regularizer):
    """Lets samples attend to each other by a fused kernel, whose gradient torch cannot differentiate."""

    def layer(self, context):
        import torch.nn.functional as F

        def attended(x):
            samples = x.flatten(1).contiguous()[None, None]
            return F.scaled_dot_product_attention(samples, samples, samples)[0, 0].view(x.shape)

        return function(attended)


class Counts(Regularizer):
    """Counts its passes, those in evaluation too."""

    def layer(self, context):
        import torch

        def counted(x):
            made.passes.add_(1)
            return x

        made = function(counted)
        made.register_buffer("passes", torch.zeros(()))
        return made


class PythonsRandom(Regularizer):
    """Noise from Python's own generator, of which the seed knows nothing."""

    def layer(self, context):
        return function(lambda x: x + random.gauss(0, 1))


class DeviationOfTheBatch(Regularizer):
    """Adds the deviation of the batch, whose root has no derivative when all samples are alike."""

    def layer(self, context):
        return function(lambda x: x + x.var(0, correction=0).sqrt().mean())


class DetachedShift(Regularizer):
    """A shift that is to be learned, cut from its graph."""

    def layer(self, context):
        import torch
        from torch import nn

        made = function(lambda x: x + made.shift.detach())
        made.shift = nn.Parameter(torch.zeros(()))
        return made


class OneASample(Regularizer):
    """Forgets to take the mean."""

    def discriminator(self, step):
        return step.on_real.score.square()


class GradientOnce(Regularizer):
    """Takes a gradient that cannot be differentiated again."""

    def discriminator(self, step):
        import torch

        (gradient,) = torch.autograd.grad(step.on_real.score.sum(), step.real)
        return gradient.square().sum((1, 2, 3)).mean()


class OfTheOther(Regularizer):
    """Has the discriminator minimize what only the generator decides."""

    def discriminator(self, step):
        return next(step.generator.parameters()).square().sum()


class RootOfSquares(Regularizer):
    """A norm whose derivative at zero is 0 / 0."""

    def discriminator(self, step):
        gradient = step.gradient(step.on_real.score, step.real)
        return (gradient.square().sum((1, 2, 3)).sqrt() - 1).square().mean()


class Descends(Regularizer):
    """Differentiates the penalty itself, as training loops do."""

    def discriminator(self, step):
        penalty = step.on_real.score.square().mean()
        penalty.backward(retain_graph=True)
        return penalty


class ClipsTooSoon(Regularizer):
    """Clips weights while their gradients are wanted."""

    def discriminator(self, step):
        penalty = step.on_fake.score.square().mean()
        for parameter in step.discriminator.parameters():
            parameter.data.clamp_(-0.1, 0.1)
        return penalty


class RemembersTheGraph(Regularizer):
    """Keeps a running mean with all that it was computed from."""

    def discriminator(self, step):
        import torch

        memory = step.memory(self)
        score = step.on_real.score.mean()
        memory["mean"] = torch.lerp(memory.get("mean", torch.zeros(())), score, 0.1)
        return (step.on_fake.score - memory["mean"]).square().mean()


class OnTheClass(Regularizer):
    """Keeps its running mean where no checkpoint looks."""

    means: ClassVar[list[Any]] = []

    def discriminator(self, step):
        score = step.on_real.score.mean()
        self.means.append(score.detach())
        return (score - sum(self.means) / len(self.means)).square()


class InPrivate(Regularizer):
    """Keeps its running mean beside its options, which are all that a saved run knows of it."""

    _means: list[float] = PrivateAttr(default_factory=list)

    def discriminator(self, step):
        score = step.on_real.score.mean()
        self._means.append(float(score.detach()))
        return (score - sum(self._means) / len(self._means)).square()


class NowAndThen(Regularizer):
    """Decides by Python's own random numbers whether there is anything to add."""

    def discriminator(self, step):
        return step.on_real.score.square().mean() if random.random() < 0.5 else None


class UnitVectors(Regularizer):
    """Divides each parameter by its length, biases that start at zero too."""

    def constrain(self, discriminator) -> None:
        for parameter in discriminator.parameters():
            parameter.div_(parameter.clamp(0, 0.1).floor().norm())


class NewParameters(Regularizer):
    """Puts clipped parameters in the place of those that the optimizer knows."""

    def constrain(self, discriminator) -> None:
        from torch import nn

        for module in discriminator.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                setattr(module, name, nn.Parameter(parameter.clamp(-0.1, 0.1)))


@hookimpl
def gankit_register(register) -> None:
    register("right-shape", OneMore)
    register("leaves-its-input", CentresInPlace)
    register("survives-state-dict", ForgottenProjection)
    register("twice-differentiable", FusedAttention)
    register("rests-in-evaluation", Counts)
    register("repeats-itself", PythonsRandom)
    register("finite-at-zero", DeviationOfTheBatch)
    register("reaches-its-parameters", DetachedShift)
    register("penalty-is-scalar", OneASample)
    register("penalty-moves-its-network", GradientOnce)
    register("penalty-moves-its-network.2", OfTheOther)
    register("penalty-is-finite-where-scores-are-flat", RootOfSquares)
    register("penalty-changes-nothing", Descends)
    register("penalty-changes-nothing.2", ClipsTooSoon)
    register("memory-is-detached", RemembersTheGraph)
    register("goes-on-to-the-bit", OnTheClass)
    register("goes-on-to-the-bit.2", InPrivate)
    register("goes-on-to-the-bit.3", NowAndThen)
    register("constrained-weights-stay-sound", UnitVectors)
    register("constrained-weights-stay-sound.2", NewParameters)
