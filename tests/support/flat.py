"""A generator of one dense layer, as a plugin of one file, and weights as its authors name them."""

from __future__ import annotations

import torch
from support.command import QUICKSTART
from torch import Tensor

DENSE = """\
from gankit import Stem, WeightNames, WeightSource, hookimpl


class Flat(Stem):
    '''One dense layer.'''

    def build(self, context):
        '''From a style to a map.'''
        from torch import nn

        size = (context.out_channels, *context.size)
        return nn.Sequential(nn.Linear(context.in_channels, size[0] * size[1] * size[2]), nn.Unflatten(1, size))


def sources(generator, names):
    found = {}
    for own, theirs in {"stem.0": "first", "rgb.4": "last"}.items():
        found |= {f"{own}.{part}": WeightSource(f"{theirs}.{part}") for part in ("weight", "bias")}
    found["rgb.4.weight"] = WeightSource("last.weight", lambda weight: weight.t()[:, :, None, None])
    return found


@hookimpl
def gankit_register(register):
    register("flat", Flat)


@hookimpl
def gankit_add_weight_names(add):
    add(WeightNames("Flat", ("first.weight", "last.weight"), {"stem": "flat/flat"}, sources, ("step", "extra.*")))
"""
"""A plugin of one file, whose authors have the layers `first` and `last`, of which the latter is [in, out]."""
EXPERIMENT = f"""\
extends: {QUICKSTART}
plugins: [flat.py]
growth: {{use: fixed, resolution: 4, images: 100}}
generator: {{mapping: identity, stem: flat/flat, norm: [], latent: 3, channels: 2}}
"""


def theirs() -> dict[str, Tensor]:
    """Weights as the authors of Flat have them."""
    torch.manual_seed(0)
    weights = {"first.weight": torch.randn(32, 3), "first.bias": torch.randn(32)}
    return weights | {"last.weight": torch.randn(2, 1), "last.bias": torch.randn(1)}
