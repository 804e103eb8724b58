"""Orthogonal regularization, against equation 3 of its paper written out."""

from __future__ import annotations

import pytest
import torch
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit_biggan.modules import non_orthogonality, regularized_weights

SPECTRAL = tiny().generator.model_dump() | {"norm": ["spectral", "pixel"]}


def by_the_paper(filters: Tensor) -> tuple[Tensor, Tensor]:
    """||W^T W * (1 - I)||_F^2 and its gradient 4 W (W^T W * (1 - I)), where W's columns are the filters."""
    w = filters.flatten(1).t()
    off_diagonal = torch.ones(w.shape[1], w.shape[1], dtype=w.dtype) - torch.eye(w.shape[1], dtype=w.dtype)
    products = (w.t() @ w) * off_diagonal
    return (products**2).sum(), (4 * w @ products).t().view(filters.shape)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (5, 5), (4, 2, 3, 3), (1, 6), (6, 1)])
def test_value_and_gradient(shape: tuple[int, ...]) -> None:
    weight = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    value = non_orthogonality(weight.flatten(1))
    expected, gradient = by_the_paper(weight.detach())
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(torch.autograd.grad(value, weight)[0], gradient)


def test_it_asks_for_angles_and_not_for_lengths() -> None:
    orthogonal = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))[0]
    for rows in (
        orthogonal[:4],
        100 * orthogonal[:4],
        torch.arange(4.0, dtype=torch.float64)[:, None] * orthogonal[:4],
    ):
        assert float(non_orthogonality(rows)) < 1e-18
    assert float(non_orthogonality(torch.ones(2, 3, dtype=torch.float64))) == 2 * 9


def test_it_is_of_the_stored_weights_of_layers_that_take_part() -> None:
    """Neither those that spectral normalization has divided, nor those of a resolution that has not begun."""
    made = trainer(tiny(regularizers=[{"use": "orthogonal-regularization", "weight": 0.5}], generator=SPECTRAL))
    layers = [layer for layer in made.generator.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    stored = [layer.get_parameter("parametrizations.weight.original") for layer in layers]
    counts = set()
    while made.images < made.ends[-1]:
        before = [weight.detach().double() for weight in stored]
        given = made.iteration()["penalty.orthogonal-regularization.generator"]
        in_force = {id(parameter) for parameter in made.generator.parameters_in_force()}
        weights = [was for was, weight in zip(before, stored, strict=True) if id(weight) in in_force]
        expected = torch.stack([0.5 * by_the_paper(weight)[0] for weight in weights]).sum()
        torch.testing.assert_close(given.double(), expected, rtol=1e-5, atol=0)
        counts.add(len(weights))
    assert counts == {3, 6}  # a stem, a block and ways into images: 4x4 alone, and both


def test_embeddings_are_left_alone_and_transposed_convolutions_turned() -> None:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.up = nn.Embedding(3, 4), nn.ConvTranspose2d(2, 5, 3)

        def parameters_in_force(self) -> list[nn.Parameter]:
            return [*self.parameters()]

    network = Network()
    (matrix,) = regularized_weights(network)  # pyright: ignore[reportArgumentType]
    assert torch.equal(matrix, network.up.weight.transpose(0, 1).flatten(1))


def test_training_by_it_makes_filters_orthogonal() -> None:
    def nearness(weight: float) -> float:
        penalty = {"use": "orthogonal-regularization", "weight": weight}
        growth = {"use": "fixed", "resolution": 8, "images": 40}
        made = trainer(tiny(growth=growth, generator=SPECTRAL, loss="hinge", regularizers=penalty))
        while made.images < made.ends[-1]:
            made.iteration()
        layer = made.generator.blocks["8"].get_submodule("conv0")
        filters = layer.get_parameter("parametrizations.weight.original").detach().flatten(1)
        return float(non_orthogonality(nn.functional.normalize(filters)))

    assert nearness(0.1) < 0.99 * nearness(0)
