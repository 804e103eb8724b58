"""Files of weights that the code of others has written; nothing in them is executed."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from gankit.core.errors import UserError
from gankit.core.files import refuse_irregular
from gankit.core.memory import too_large
from gankit.core.options import did_you_mean
from gankit.core.renamed import one_line
from gankit.core.text import printable, shortened

PICKLED = (".pt", ".pth", ".bin", ".ckpt", ".tar")
"""Endings of what torch.save writes, of which weights_only reads tensors and plain values alone."""
ENDINGS = (".safetensors", ".npz", *PICKLED)
LONGEST_REASON = 200
"""Characters that are shown of what a library says."""
DEEPEST = 64
"""Dots in the names of mappings that are looked into, which lie inside one another."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors in a file by their names, on the CPU; of mappings within mappings names are joined by dots.

    What is no tensor, such as a count of images, is left out.

    Raises:
        UserError: if it is no such file, damaged, or holds more than tensors and plain values.
    """
    ending = path.suffix.lower()
    try:
        refuse_irregular(path)
    except OSError as failure:
        raise UserError(f"{path}: {failure.strerror or failure}") from None
    except ValueError as failure:  # a NUL in the path
        raise UserError(f"{path}: {failure}") from None
    if ending not in ENDINGS:
        is_pickle = ending in (".pkl", ".pickle")
        hint = " Pickles are code, which is not run." if is_pickle else did_you_mean(ending, ENDINGS)
        raise UserError(f"{path}: expected a file of weights that ends in {', '.join(ENDINGS)}.{hint}")
    try:
        if ending == ".safetensors":
            return load_file(path)
        if ending == ".npz":
            return _read_npz(path)
        with warnings.catch_warnings(action="ignore"):  # of what is refused anyway
            loaded = torch.load(path, "cpu", weights_only=True)
        return dict(_tensors(loaded, "", set()))
    except UserError:
        raise
    except Exception as failure:  # what a file that was made to do harm has a library raise is anything
        raise UserError(f"{path}: {_refusal(failure)}") from None


def _read_npz(path: Path) -> dict[str, Tensor]:
    """The arrays of an archive of numpy's, none of objects."""
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if (lack := too_large(f"the arrays in {path}", size)) is not None:
        raise UserError(lack)
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(array) for name in arrays.files if (array := arrays[name]).dtype.kind == "f"}


def _tensors(value: Any, before: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """The plain tensors in mappings, each of which is looked into once, by dotted names."""
    if not isinstance(value, Mapping) or id(value) in seen or before.count(".") > DEEPEST:
        return
    seen.add(id(value))
    for key, item in value.items():
        if isinstance(item, Tensor):
            if _is_plain(item):
                yield f"{before}{key}", item.detach()
        else:
            yield from _tensors(item, f"{before}{key}.", seen)


def _is_plain(tensor: Tensor) -> bool:
    """Whether a tensor holds each of its numbers: sparse and expanded ones may claim more than there is in a file."""
    if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _refusal(failure: Exception) -> str:
    """Why a file was not read, in one line."""
    said = printable(shortened(" ".join(one_line(failure).split()), LONGEST_REASON))
    if "weights_only" in str(failure) or "allow_pickle" in str(failure):
        return "holds more than tensors and plain values, such as code, which is not run; save the tensors alone"
    return f"cannot be read as weights: {said}"
