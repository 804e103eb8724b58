"""Weights of golden cases as the authors' own files hold them: their names, their layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from support.case import Case, put, raw
from torch import Tensor

from gankit import WeightNames
from gankit.networks.generator import Generator


def of_torch(case: Case, key: str, before: str = "") -> dict[str, Tensor]:
    """The weights of a case that begin with `key`, as torch names them, with something before."""
    return {before + name.removeprefix(key): case[name] for name in case.arrays if name.startswith(key)}


def of_tensorflow(case: Case, key: str, before: str = "") -> dict[str, Tensor]:
    """The same as TensorFlow names them: dense [in, out], convolutions [height, width, in, out]."""
    named = {before + name.replace(".", "/"): tensor for name, tensor in of_torch(case, key).items()}
    return {name: tensor if name.endswith("Const/const") else _turned(tensor) for name, tensor in named.items()}


def _turned(tensor: Tensor) -> Tensor:
    return tensor.permute(2, 3, 1, 0) if tensor.dim() == 4 else tensor.t() if tensor.dim() == 2 else tensor


def fill(network: Generator, names: WeightNames, weights: Mapping[str, Tensor]) -> None:
    """Copy into a generator those of its weights that there are; there must be no others."""
    sources, used = names.sources(network, weights.keys()), set[str]()
    for own, (name, changed) in sources.items():
        if name in weights:
            owner, _, last = own.rpartition(".")
            put(raw(network.get_submodule(owner), last), changed(weights[name]) if changed else weights[name])
            used.add(name)
    assert not [name for name in weights.keys() - used if not any(re.fullmatch(each, name) for each in names.unused)]
