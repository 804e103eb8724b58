"""Errors of well-known reimplementations, put into our networks by hand."""

from __future__ import annotations

import math

import pytest
from support.case import Case, load_layer, put, raw
from torch import nn

from gankit.networks.layers import fan_in


def without_each(deviations: dict[str, str]) -> pytest.MarkDecorator:
    """Run a test once for each deviation, which is then the one left out."""
    return pytest.mark.parametrize("left_out", [frozenset({name}) for name in deviations], ids=list(deviations))


def change_gain(layer: nn.Module, factor: float) -> None:
    """Multiply the gain of a layer whose learning rate is equalized."""
    scale = layer.get_submodule("parametrizations.weight.0")
    scale.factor *= factor  # pyright: ignore[reportOperatorIssue]


def load_zoo(case: Case, key: str, layer: nn.Module, *, scaled_bias: bool, bias: nn.Module | None = None) -> None:
    """Copy weight and bias of a layer of the zoo, which multiplies the bias by the constant meant for the weight."""
    bias = layer if bias is None else bias
    load_layer(case, f"{key}.module", layer, bias)
    if scaled_bias:
        put(raw(bias, "bias"), raw(bias, "bias").detach() * math.sqrt(2 / fan_in(layer)))
