"""Equalized learning rate, beyond what the golden numbers of PGGAN show."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gankit.networks.layers import conv, dense
from gankit_pggan.norms import Equalized


@pytest.mark.parametrize("layer", [conv(4, 6, gain=0.0, bias=False), dense(4, 6, gain=0.0, lr_multiplier=0.01)])
def test_a_gain_of_zero_starts_at_zero_and_leaves_it(layer: nn.Module) -> None:
    Equalized().apply(layer)
    x = torch.randn(8, 4, *([5, 5] if isinstance(layer, nn.Conv2d) else []))
    assert not layer(x).any()
    optimizer = torch.optim.Adam(layer.parameters(), 0.01)
    layer(x).sub(1).square().mean().backward()
    optimizer.step()
    assert layer(x).abs().mean() > 1e-4
