"""What the module of a component promises for the place it was built for, looked at as it is built and as it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from gankit.core.component import Component
from gankit.core.errors import ContractError
from gankit.kinds import Block, Head, Join, LatentMapping, Norm, Regularizer
from gankit.networks.context import BuildContext
from gankit.networks.protocols import HasWidth, classes_of, out_channels_of


def check_finite(what: str, *found: Tensor, hint: str = "") -> None:
    """Look at numbers before they are compared, as what is not finite differs from everything, itself included.

    Raises:
        ContractError: if one is not finite, with `what` it is, such as "the output is", and what to do about it.
    """
    if not all(bool(numbers.isfinite().all()) for numbers in found):
        raise ContractError(f"{what} not finite{hint and '; '}{hint}")


def check_module(component: Component, module: object) -> None:
    """Look at what a component has built; only norms and regularizers may build nothing.

    Raises:
        ContractError: if it is no module, or a mapping's says nothing of its width.
    """
    if module is None and isinstance(component, Norm | Regularizer):
        return
    if not isinstance(module, nn.Module):
        method = "layer" if isinstance(component, Regularizer) else "build"
        raise ContractError(f"builds {module!r:.60}, not a torch module; does {method}() return what it makes?")
    if isinstance(component, LatentMapping) and not isinstance(module, HasWidth):
        raise ContractError("builds a module without the attribute `width`, the length of each of its styles")


def size_asked(
    component: Component, module: nn.Module, context: BuildContext, styles: int | None = None, is_last: bool = False
) -> tuple[int, ...]:
    """Size of one sample of what the module of a part is to give at a place.

    Args:
        component: The part, which is no head.
        module: What it has built.
        context: The place.
        styles: How many a mapping is asked for.
        is_last: Whether it is the last block of a list, whose channels are never its own choice.
    """
    if styles is not None:
        return styles, int(cast(HasWidth, module).width)
    halves = context.resample == "down" or (isinstance(component, Join) and context.network == "discriminator")
    height, width = (each // 2 for each in context.size) if halves else context.size
    channels = context.out_channels
    if (
        isinstance(component, Regularizer)
        or (isinstance(component, Join) and component.where == "scales")
        or (isinstance(component, Block) and context.resample is None and not context.outermost and not is_last)
    ):
        channels = out_channels_of(module, channels)
    return channels, height, width


def check_output(
    component: Component, module: nn.Module, output: object, batch: int, sizes: Sequence[tuple[int, ...]], where: str
) -> None:
    """Look at the shape of what the module of a part gives.

    Args:
        component: The part.
        module: What it has built.
        output: What that gives.
        batch: For so many samples.
        sizes: What one sample of it may be like; nothing is asked of a head beyond what every head gives.
        where: Of what and at which place it gives that.

    Raises:
        ContractError: naming the shape that its place asks for.
    """
    if not isinstance(output, Tensor):
        raise ContractError(f"gives {type(output).__name__} {where}; its place asks for a tensor")
    given, logits = [*output.shape], classes_of(module)
    if isinstance(component, Head):
        if len(given) != 2 or given[0] != batch or given[1] < 1 + logits:
            wanted = f"[{batch}, 1 or patches{f', and then {logits} class logits' if logits else ''}]"
            raise ContractError(f"gives {given} {where}; its place asks for {wanted}")
    elif given not in (wanted := [[batch, *size] for size in sizes]):
        raise ContractError(f"gives {given} {where}; its place asks for {' or '.join(map(str, wanted))}")


def check_scores(output: object, batch: int, images: Sequence[int]) -> None:
    """Look at what the module of a critic says.

    Raises:
        ContractError: if these are no scores of each of the images, of that shape, or no gradient reaches them.
    """
    scores = output if isinstance(output, list) else [output]
    for score in scores or [None]:
        if not isinstance(score, Tensor) or score.dim() not in (1, 2) or len(score) != batch or score.numel() < batch:
            given = f"{[*score.shape]}" if isinstance(score, Tensor) else f"{type(score).__name__}"
            wanted = f"scores [{batch}] or [{batch}, patches], or a list of such"
            raise ContractError(f"gives {given} for images {[*images]}; its place asks for {wanted}")
        if torch.is_grad_enabled() and not score.requires_grad:
            raise ContractError("lets no gradient through; is something detached, or run under torch.no_grad?")


def check_gradient(module: nn.Module, entering: Sequence[object], output: Tensor) -> None:
    """Look whether gradients come through a module, if they are asked for and there is anything for them to reach.

    Raises:
        ContractError: if none does.
    """
    if output.requires_grad or not torch.is_grad_enabled():
        return
    inputs = [each for each in entering if isinstance(each, Tensor)]
    if any(each.requires_grad for each in (*inputs, *module.parameters())):
        raise ContractError("lets no gradient through; is something detached, or run under torch.no_grad?")
