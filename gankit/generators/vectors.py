"""The values of attributes that are given to a trained generator, by name or as numbers in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from gankit.core.errors import UserError
from gankit.core.options import did_you_mean
from gankit.core.text import names_in_short
from gankit.generators.arguments import finite_number


def attribute_values(values: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    """Finite numbers of attributes that there are.

    Raises:
        UserError: if one is none, or there is no attribute of that name.
    """
    if not names:
        raise UserError("attributes: this generator was trained without attributes")
    for name in values:
        if name not in names:
            hint = did_you_mean(str(name), names) or f" They are {names_in_short(names)}."
            raise UserError(f"attributes: there is no attribute {name}.{hint}", hint)
    return {name: finite_number(value, f"attributes: {name}") for name, value in values.items()}


def vectors_given(given: Any, count: int, names: Sequence[str], like: Tensor) -> Tensor:
    """The values of attributes of `count` images [count, attributes], where `like` is and of its type.

    Args:
        given: Values by name or in the order of `names` for all images, or a row of these for each; gradients of a
            tensor are kept.
        count: How many images.
        names: What the attributes are called.
        like: A tensor of the generator.

    Raises:
        UserError: if they are not told, or not so many numbers.
    """
    wanted = f"the values of {names_in_short(names)}"
    if given is None:
        raise UserError(f"labels: this generator has attributes; give {wanted}")
    if isinstance(given, Mapping):
        values = attribute_values(given, names)
        if lacking := [name for name in names if name not in values]:
            raise UserError(f"labels: expected {wanted}; there is none of {names_in_short(lacking)}")
        given = [values[name] for name in names]
    try:
        vectors = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise UserError(f"labels: expected {wanted}, [{count}, {len(names)}], not {given!r:.60}") from None
    if vectors.is_complex() or vectors.shape not in ((len(names),), (count, len(names))):
        found = f"{vectors.dtype} {[*vectors.shape]}"
        raise UserError(f"labels: expected {wanted}, [{count}, {len(names)}], not {found}")
    vectors = vectors.to(like).expand(count, len(names))
    if not bool(vectors.isfinite().all()):
        raise UserError(f"labels: expected {wanted} as finite numbers")
    return vectors
