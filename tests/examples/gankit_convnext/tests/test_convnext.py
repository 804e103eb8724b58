import pytest
import torch
from gankit import BuildContext
from gankit.networks.layers import Condition, run
from gankit.testing import conformance
from torch import nn

from gankit_convnext.blocks import ConvNext
from gankit_convnext.norms import RootMeanSquare

test_conformance = conformance("gankit_convnext")

PLACE = BuildContext("generator", 8, 6, 6, norms={0: [RootMeanSquare()]})
X = torch.linspace(-5, 5, 2 * 6 * 8 * 8).reshape(2, 6, 8, 8)


def test_every_pixel_has_a_root_mean_square_of_one_whatever_its_scale() -> None:
    norm = RootMeanSquare().build(PLACE)
    torch.testing.assert_close(norm(X).square().mean(1), torch.ones(2, 8, 8))
    torch.testing.assert_close(norm(100 * X), norm(X))


def test_the_block_adds_to_its_input_what_it_sees_through_the_norm() -> None:
    block = ConvNext().build(PLACE)
    added, of_more = (run(block, x, Condition()) - x for x in (X, 100 * X))
    assert added.abs().max() > 0.1
    torch.testing.assert_close(of_more, added, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("place", "width"),
    [
        (BuildContext("generator", 8, 6, 4, resample="up"), 4),
        (BuildContext("generator", 8, 6, 1, resample="up", outermost=True), 6),
        (BuildContext("discriminator", 8, 4, 6, resample="down"), 4),
        (BuildContext("discriminator", 8, 1, 6, resample="down", outermost=True), 6),
    ],
)
def test_the_residual_is_as_wide_as_the_higher_resolution_but_never_as_the_image(
    context: BuildContext, width: int
) -> None:
    layers = [layer for layer in ConvNext().build(context).modules() if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in layers if layer.kernel_size == (7, 7)] == [width]
