"""What a step costs in floating point operations, counted by hand and by the counter."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit.networks import operations
from gankit.networks.layers import conv
from gankit.training.flops import FlopCounter


def counted(work: Any, *given: Any) -> int:
    with FlopCounter() as counter:
        work(*given)
    return counter.total


@given(
    batch=st.integers(1, 3),
    groups=st.integers(1, 3),
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    kernel=st.sampled_from([1, 3]),
    stride=st.integers(1, 2),
    transposed=st.booleans(),
    height=st.integers(3, 6),
)
def test_convolutions_and_each_of_their_gradients_cost_the_same(
    batch: int, groups: int, inputs: int, outputs: int, kernel: int, stride: int, transposed: bool, height: int
) -> None:
    x = torch.randn(batch, groups * inputs, height, 5, requires_grad=True)
    sizes = (groups * inputs, outputs) if transposed else (groups * outputs, inputs)
    weight = torch.randn(*sizes, kernel, kernel, requires_grad=True)
    function = F.conv_transpose2d if transposed else F.conv2d
    y = function(x, weight, stride=stride, padding=kernel // 2, groups=groups)
    smaller = x if transposed else y
    once = 2 * batch * smaller.shape[2] * smaller.shape[3] * weight.numel()

    assert counted(lambda: function(x, weight, stride=stride, padding=kernel // 2, groups=groups)) == once
    assert counted(lambda: torch.autograd.grad(y.sum(), x, retain_graph=True)) == once
    assert counted(lambda: torch.autograd.grad(y.sum(), weight, retain_graph=True)) == once
    assert counted(lambda: torch.autograd.grad(y.sum(), [x, weight])) == 2 * once


def test_products_of_matrices_are_counted_also_in_inference_mode() -> None:
    layer, x = nn.Linear(5, 7), torch.randn(3, 5)
    with torch.inference_mode():
        assert counted(layer, x) == 2 * 3 * 5 * 7
        assert counted(conv(2, 4), torch.randn(3, 2, 6, 6)) == 2 * 3 * 36 * 2 * 4 * 9


@pytest.mark.parametrize("derived", ["own", "torch"])
def test_a_penalty_on_a_gradient_costs_what_the_chain_rule_says(derived: str) -> None:
    convolve = operations.conv2d if derived == "own" else F.conv2d
    images, first, second = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3), torch.randn(1, 4, 3, 3)
    for leaf in (images, first, second):
        leaf.requires_grad_()
    one, two = 2 * 2 * 64 * 4 * 3 * 9, 2 * 2 * 64 * 4 * 9

    def penalty() -> Tensor:
        """Squared norm of the gradient with respect to a leaf, on which torch's own counter fails."""
        scores = convolve(convolve(images, first, padding=1).square(), second, padding=1)
        [gradient] = torch.autograd.grad(scores.sum(), images, create_graph=True)
        return gradient.square().sum()

    # forward both; gradients of both with respect to their inputs
    assert counted(penalty) == 2 * (one + two)
    value = penalty()
    if derived == "own":
        # of the first, its input gradient's own with respect to dy and weight, then itself with respect to its weight;
        # of the second, its input gradient's with respect to its weight, as dy is constant and its output is not used
        assert counted(lambda: value.backward(inputs=[first, second])) == 3 * one + two


def test_an_iteration_costs_the_same_on_the_meta_device_where_nothing_is_computed() -> None:
    real, planned = trainer(tiny()), trainer(tiny(), torch.device("meta"))
    counts = [counted(real.iteration) for _ in range(6)]

    assert counts == [counted(planned.iteration) for _ in range(6)]
    assert counts[0] == counts[4] > 0
    assert counts[5] > 3 * counts[0], "8x8 costs more than 4x4"
