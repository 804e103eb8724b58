"""Spectral normalization against several authors' code."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from support.case import Case, put, raw
from support.pggan import component

from gankit.networks.layers import conv, dense
from gankit_sngan.modules import SpectralNorm

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def spectral(weight: torch.Tensor, u: torch.Tensor, iterations: int = 1) -> SpectralNorm:
    norm = SpectralNorm(weight, transposed=False, iterations=iterations).to(weight.dtype)
    put(norm.u, u)
    return norm


@DTYPES
def test_largest_singular_value_and_its_gradient(dtype: torch.dtype) -> None:
    case = Case("chainer_sn_max_sv", dtype)
    for i, (_, _, iterations) in enumerate(case.meta["args"]["out_in_Ip"]):
        weight = case[f"in.W_{i}"]
        norm = spectral(weight, case[f"in.u_{i}"], iterations)
        norm(weight)
        case.check(f"out.u_{i}", norm.u)
        case.check(f"out.v_{i}", norm.v)
        case.check(f"out.sigma_{i}", torch.dot(norm.u, weight @ norm.v))
        case.check(f"grad.W_of_sigma_{i}", torch.outer(norm.u, norm.v))


@DTYPES
def test_normalized_weights_over_several_passes_and_their_gradient(dtype: torch.dtype) -> None:
    case = Case("mimicry_spectral_norm", dtype)
    for i, (_, _, iterations, passes) in enumerate(case.meta["args"]):
        weight = case[f"w.{i}_weight"].requires_grad_()
        norm = spectral(weight.detach(), case[f"in.{i}_u"], iterations)
        for k in range(1, passes + 1):
            case.check(f"out.{i}_w_after_{k}", norm(weight))
            case.check(f"out.{i}_u_{k}", norm.u)
        used = norm(weight)  # their evaluation iterates once more
        case.check(f"out.{i}_w_eval", used)
        case.check(f"grad.{i}_weight_eval", torch.autograd.grad((used * case[f"in.{i}_cot"]).sum(), weight)[0])


@DTYPES
def test_training_moves_the_estimate_and_evaluation_does_not(dtype: torch.dtype) -> None:
    """v is iterated before u, evaluation uses what is stored, as torch.nn.utils.spectral_norm does."""
    case = Case("torch_spectral_norm_conv", dtype)
    layer = torch.nn.Conv2d(3, 4, 3).to(dtype)
    component("norm", "spectral").apply(layer)
    (norm,) = layer.get_submodule("parametrizations.weight").children()
    assert isinstance(norm, SpectralNorm)
    put(raw(layer), case["w.weight_orig"])
    put(raw(layer, "bias"), case["w.bias"])
    put(norm.u, case["in.u"])
    for k in (1, 2):
        case.check(f"out.y_train_{k}", layer(case["in.x"]))
        case.check(f"out.u_{k}", norm.u)
        case.check(f"out.v_{k}", norm.v)
    layer.eval()
    before = norm.u.clone(), norm.v.clone()
    case.check("out.y_eval", layer(case["in.x"]))
    case.check("out.w_eval", layer.weight)
    assert torch.equal(norm.u, before[0])
    assert torch.equal(norm.v, before[1])


LAYERS = {  # of each kind one, whether it is transposed, and what it is given
    "convolution": (lambda: conv(6, 9), False, torch.randn(2, 6, 5, 5)),
    "linear": (lambda: dense(12, 7), False, torch.randn(2, 12)),
    "transposed convolution": (lambda: torch.nn.ConvTranspose2d(5, 8, 4, 2, 1), True, torch.randn(2, 5, 3, 3)),
    "embedding": (lambda: torch.nn.Embedding(10, 6), False, torch.tensor([3, 9])),
}
EVERY_LAYER = pytest.mark.parametrize(("build", "transposed", "x"), LAYERS.values(), ids=LAYERS)


def matrix(weight: torch.Tensor, transposed: bool) -> torch.Tensor:
    """One row an output; of an embedding, one row a class."""
    return (weight.transpose(0, 1) if transposed else weight).flatten(1).detach()


@EVERY_LAYER
def test_the_largest_singular_value_becomes_one(
    build: Callable[[], torch.nn.Module], transposed: bool, x: torch.Tensor
) -> None:
    layer = build()
    component("norm", "spectral", iterations=50).apply(layer)
    used = matrix(layer.weight, transposed)  # pyright: ignore[reportArgumentType]
    assert float(torch.linalg.matrix_norm(used, 2)) == pytest.approx(1, abs=0.02)


@EVERY_LAYER
def test_a_pass_in_training_iterates_once_and_uses_the_weight_divided(
    build: Callable[[], torch.nn.Module], transposed: bool, x: torch.Tensor
) -> None:
    layer = build()
    plain, stored = copy.deepcopy(layer), matrix(raw(layer), transposed)
    component("norm", "spectral").apply(layer)
    u = layer.get_buffer("parametrizations.weight.0.u").clone()
    assert u.shape == (len(stored),)
    v = stored.t() @ u
    u = stored @ (v / v.norm())
    y = layer(x)
    torch.testing.assert_close(layer.get_buffer("parametrizations.weight.0.u"), u / u.norm())
    put(raw(plain), raw(plain).detach() / u.norm())  # u W v with u along W v
    torch.testing.assert_close(y, plain(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))
    torch.testing.assert_close(layer(x), y)


def test_a_layer_that_starts_at_zero_is_left_alone() -> None:
    layer = conv(3, 3, gain=0.0)
    component("norm", "spectral").apply(layer)
    assert not hasattr(layer, "parametrizations")
