"""What losses, augmentations and optimizers promise, looked at where they are used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer as TorchOptimizer

from gankit.core.errors import ContractError


def check_scalar(found: object) -> Tensor:
    """What is to be minimized.

    Raises:
        ContractError: if it is no scalar tensor, of which torch would complain later and more darkly.
    """
    if isinstance(found, Tensor) and found.dim() == 0:
        return found
    gave = f"a tensor of shape {list(found.shape)}" if isinstance(found, Tensor) else f"{found!r:.60}"
    raise ContractError(f"gave {gave} to be minimized, not a scalar tensor")


def check_reaches(method: str, value: Tensor, scores: Mapping[str, Tensor]) -> list[Tensor]:
    """The gradients of a loss with respect to scores, given by what they are the scores of.

    Raises:
        ContractError: if the loss does not depend on one of them.
    """
    if not value.requires_grad:
        raise ContractError(f"lets no gradient through {method}(); compute it from the scores in torch, undetached")
    gradients = torch.autograd.grad(value, list(scores.values()), retain_graph=True, allow_unused=True)
    for of, gradient in zip(scores, gradients, strict=True):
        if gradient is None:
            raise ContractError(f"gives the scores of {of} no gradient in {method}(); compare them undetached")
    return [gradient for gradient in gradients if gradient is not None]


def check_augmented(images: Tensor, augmented: object) -> None:
    """Look at what an augmentation makes of images that ask for gradients.

    Raises:
        ContractError: if these are no images of the same shape and type, or no gradient passes.
    """
    if not isinstance(augmented, Tensor):
        raise ContractError(f"makes {type(augmented).__name__} of images in apply(), not a tensor")
    if augmented.shape != images.shape or augmented.dtype != images.dtype:
        made, given = (f"{list(each.shape)} {each.dtype}" for each in (augmented, images))
        raise ContractError(f"makes {made} of images {given} in apply(), not images of the same shape and type")
    if images.requires_grad and not augmented.requires_grad:
        raise ContractError(
            "lets no gradient through apply(), so the generator would learn nothing; do without detach() and numpy"
        )


def check_rate(rate: object) -> None:
    """Look at a learning rate.

    Raises:
        ContractError: if it is no finite number, or below zero.
    """
    if not isinstance(rate, int | float) or not math.isfinite(rate) or rate < 0:
        raise ContractError(f"gives a learning rate of {rate!r:.60}, not a finite number above zero")


def check_groups(parameters: Sequence[Mapping[str, Any]], built: object) -> None:
    """Look at what an optimizer has built for groups of parameters.

    Raises:
        ContractError: if it is no optimizer of torch with the same parameters under each `new_at`.
    """
    if not isinstance(built, TorchOptimizer):
        raise ContractError(f"builds {built!r:.60}, not an optimizer of torch; does build() return what it makes?")
    wanted, given = [group["new_at"] for group in parameters], [group.get("new_at") for group in built.param_groups]
    if {*given} != {*wanted}:
        raise ContractError(
            f"builds param_groups with 'new_at' {given}, not {wanted}; hand `parameters` on to torch as they are, or "
            "split them so that each part keeps the 'new_at' of its group"
        )
    if _by_new_at(built.param_groups) != _by_new_at(parameters):
        raise ContractError(
            "builds param_groups whose parameters had another 'new_at', or leaves some out; split a group so that each "
            "of its parameters is in one part, and each part keeps its 'new_at'"
        )
    for multiplier in (group.get("lr_multiplier", 1.0) for group in built.param_groups):
        if not isinstance(multiplier, int | float) or not math.isfinite(multiplier) or multiplier <= 0:
            raise ContractError(
                f"builds a group with an 'lr_multiplier' of {multiplier!r:.60}, not a number above zero"
            )


def _by_new_at(groups: Sequence[Mapping[str, Any]]) -> dict[int, set[int]]:
    """The identities of parameters by when they are new."""
    found: dict[int, set[int]] = {}
    for group in groups:
        found.setdefault(group["new_at"], set()).update(map(id, group["params"]))
    return found
