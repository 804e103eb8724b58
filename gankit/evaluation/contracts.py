"""What metrics and extractors promise, looked at where they are asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from gankit.core.errors import ContractError
from gankit.evaluation.names import mistaken_name

if TYPE_CHECKING:
    from gankit.evaluation.images import Features


def check_numbers(found: object, averages: Collection[str] = ()) -> dict[str, float]:
    """What a metric gives, of an experiment with further averages of these names.

    Raises:
        ContractError: if it is no mapping of numbers by name, or a name is one that gankit gives to another number.
    """
    if not isinstance(found, Mapping):
        raise ContractError(f'gives {found!r:.60} in evaluate(), not a mapping such as {{"name": 0.5}}')
    if mistake := mistaken_name(found, averages):
        raise ContractError(mistake)
    numbers: dict[str, float] = {}
    for name, number in found.items():
        try:
            numbers[name] = float(number)
        except (TypeError, ValueError, RuntimeError):
            raise ContractError(f"gives {number!r:.60} for {name!r} in evaluate(), not a number") from None
    return numbers


def check_features(found: object, images: int) -> Features:
    """What an extractor sees in so many images.

    Raises:
        ContractError: if it is no features and logits of each.
    """
    parts = [getattr(found, name, None) for name in ("pooled", "logits")]
    shapes = [[*getattr(part, "shape", ())] for part in parts]
    if any(len(shape) != 2 or shape[0] != images for shape in shapes):
        gave = " and ".join(f"{name} {shape}" for name, shape in zip(("features", "logits"), shapes, strict=True))
        if None in parts:
            gave = f"{type(found).__name__} without `pooled` or `logits`"
        raise ContractError(
            f"sees {gave} in {images} images; an extractor gives Features of [{images}, D] and [{images}, K]"
        )
    return found  # pyright: ignore[reportReturnType]: it has been looked at
