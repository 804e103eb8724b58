"""Inits that break the rules, each registered under the name of the rule that it breaks."""

from __future__ import annotations

import random
from typing import Any

from gankit import Init, hookimpl


def gain_of(layer) -> float:
    """The gain that the layer's block asks for."""
    return float(getattr(layer, "gain", 1.0))


class Replaces(Init):
    """A new parameter, which optimizers and averages made before do not know."""

    def apply(self, layer: Any) -> None:
        import torch
        from torch import nn

        layer.weight = nn.Parameter(gain_of(layer) * torch.randn(layer.weight.shape))


class OneLess(Init):
    """Divides by one less than the fan-in, as if no layer had a single input."""

    def apply(self, layer: Any) -> None:
        from torch import nn

        if gain_of(layer):
            nn.init.normal_(layer.weight, 0, gain_of(layer))
            layer.weight.data.div_(layer.weight[0].numel() - 1)


class Frozen(Init):
    """Asks for no gradients while it fills, and forgets to ask for them again."""

    def apply(self, layer: Any) -> None:
        layer.weight.requires_grad_(False).normal_(0, gain_of(layer))


class BiasToo(Init):
    """Takes every parameter for its own."""

    def apply(self, layer: Any) -> None:
        from torch import nn

        for parameter in layer.parameters():
            nn.init.normal_(parameter, 0, 0.02 * gain_of(layer))


class PythonsRandom(Init):
    """Draws from Python's own generator, of which the seed knows nothing."""

    def apply(self, layer: Any) -> None:
        from torch import nn

        nn.init.constant_(layer.weight, gain_of(layer) * random.gauss(0, 1))


class Rescales(Init):
    """Builds on what is in the weight, and so on what other inits did."""

    def apply(self, layer: Any) -> None:
        layer.weight.data.mul_(0.5)


class DeafToGain(Init):
    """Fills what should start at zero."""

    def apply(self, layer: Any) -> None:
        from torch import nn

        nn.init.normal_(layer.weight, 0, 0.02)


@hookimpl
def gankit_register(register) -> None:
    register("fills-the-weight", Replaces)
    register("fills-the-weight.2", OneLess)
    register("fills-the-weight.3", Frozen)
    register("leaves-the-bias", BiasToo)
    register("draws-by-the-seed", PythonsRandom)
    register("draws-by-the-seed.2", Rescales)
    register("keeps-zero-gain", DeafToGain)
