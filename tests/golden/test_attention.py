"""Self-attention against numbers from the authors' own code and from two well-known reimplementations."""

from __future__ import annotations

import pytest
import torch
from support.case import Case, put
from support.pggan import component

from gankit import BuildContext
from gankit_sagan.modules import SelfAttention

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])


def attention(case: Case, variant: str, gamma: str, **convolutions: str) -> SelfAttention:
    """The block with the case's weights, each convolution under the key given for it."""
    channels, size = case["in.x"].shape[1:3]
    block = component("block", "attention", variant=variant).build(BuildContext("generator", size, channels, channels))
    put(block.gamma, case[gamma])
    for ours, theirs in convolutions.items():
        layer = block.get_submodule(ours)
        put(layer.weight, case[f"w.{theirs}"])
        assert (layer.bias is not None) == (variant == "paper")
        if layer.bias is not None:
            put(layer.bias, case[f"w.{theirs.replace('weight', 'bias')}"])
    return block.to(case.dtype)


@DTYPES
def test_paper_variant(dtype: torch.dtype) -> None:
    case = Case("heykeetae_self_attn", dtype)
    convolutions = {name: f"{name}_conv.weight" for name in ("query", "key", "value")}
    block = attention(case, "paper", "w.gamma", **convolutions)
    x = case["in.x"].requires_grad_()
    y = block(x)
    case.check("out.y", y)
    case.check("out.attention", block.attention(x))
    asked = {
        "x": x,
        "gamma": block.gamma,
        "query_conv.weight": block.get_parameter("query.weight"),
        "value_conv.bias": block.get_parameter("value.bias"),
    }
    gradients = torch.autograd.grad((y * case["in.cot"]).sum(), list(asked.values()))
    for name, gradient in zip(asked, gradients, strict=True):
        case.check(f"grad.{name}", gradient)


@DTYPES
def test_official_variant(dtype: torch.dtype) -> None:
    case = Case("mimicry_self_attention", dtype)
    convolutions = {"query": "theta.weight", "key": "phi.weight", "value": "g.weight", "output": "o.weight"}
    block = attention(case, "official", "w.gamma", **convolutions)
    x = case["in.x"].requires_grad_()
    y = block(x)
    case.check("out.y", y)
    asked = {"x": x, "gamma": block.gamma, "theta.weight": block.get_parameter("query.weight")}
    gradients = torch.autograd.grad((y * case["in.cot"]).sum(), list(asked.values()))
    for name, gradient in zip(asked, gradients, strict=True):
        case.check(f"grad.{name}", gradient)


@DTYPES
def test_official_variant_under_spectral_normalization(dtype: torch.dtype) -> None:
    case = Case("tf_sagan_attention", dtype)
    names = {"query": "theta", "key": "phi", "value": "g", "output": "attn"}
    convolutions = {ours: f"sn_conv_{theirs}.w" for ours, theirs in names.items()}
    block = attention(case, "official", "w.sigma_ratio", **convolutions)
    spectral = component("norm", "spectral")
    for ours, theirs in names.items():
        layer = block.get_submodule(ours)
        spectral.apply(layer)
        put(layer.get_buffer("parametrizations.weight.0.u"), case[f"in.u_sn_conv_{theirs}"])
    x = case["in.x"].requires_grad_()
    y = block(x)
    case.check("out.y", y)
    case.check("grad.x", torch.autograd.grad((y * case["in.cot"]).sum(), x)[0])
    for ours, theirs in names.items():
        u = block.get_submodule(ours).get_buffer("parametrizations.weight.0.u")
        case.check(f"out.u_sn_conv_{theirs}", u)
