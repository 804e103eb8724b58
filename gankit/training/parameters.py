"""The parameters of a network in the groups that its optimizer takes, and the regularizers that act on them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer as TorchOptimizer

from gankit.core.errors import ContractError
from gankit.core.registry import registries
from gankit.kinds import Regularizer
from gankit.networks.growing import TrainedNetwork

MACHINES = ("capturable", "fused", "foreach")
"""What in an optimizer's groups says how this machine computes, beside what it computes."""


def grouped(network: TrainedNetwork, trained: Iterable[Parameter]) -> list[dict[str, Any]]:
    """The trained parameters of a network by the resolution that they fade in at; 0 for those that never do."""
    new_at = {
        id(each): resolution for resolution in network.stage_resolutions for each in network.new_parameters(resolution)
    }
    groups: dict[int, list[Parameter]] = {resolution: [] for resolution in [*network.stage_resolutions, 0]}
    for parameter in trained:
        groups[new_at.get(id(parameter), 0)].append(parameter)
    return [{"params": parameters, "new_at": resolution} for resolution, parameters in groups.items() if parameters]


def stand_ins(groups: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Groups of other parameters that are alike but take no memory, for an optimizer to be built that never steps."""
    return [{**group, "params": [_stand_in(each) for each in group["params"]]} for group in groups]


def _stand_in(parameter: Parameter) -> Parameter:
    found = Parameter(torch.zeros((), dtype=parameter.dtype, device=parameter.device).expand(parameter.shape))
    vars(found).update(vars(parameter))  # by which an optimizer may tell it from others
    return found


def group_settings(optimizer: TorchOptimizer, again: TorchOptimizer) -> list[dict[str, Any]]:
    """What is to stand in each group of an optimizer, by one that was built `again` on parameters that are alike.

    Raises:
        ContractError: if that one has other groups.
    """
    sizes, others = ([len(group["params"]) for group in each.param_groups] for each in (optimizer, again))
    if sizes != others:
        raise ContractError(
            f"builds groups of {others} parameters as its options move, and built groups of {sizes}; split them by "
            "shape, say, and not by numbers that they hold"
        )
    kept = ("params", "new_at", "lr", *MACHINES)
    return [{name: value for name, value in group.items() if name not in kept} for group in again.param_groups]


def frozen(network: TrainedNetwork, name: str, parts: Iterable[str]) -> list[Parameter]:
    """The parameters of those parts of a network that `training.freeze` names, as in generator.blocks.8."""
    named = [part.partition(".")[2] for part in parts if part.startswith(f"{name}.")]
    named += [part for part in parts if part.startswith("critics.") and name == "discriminator"]
    return [parameter for part in named for parameter in network.part(part).parameters()]


def take_over(optimizer: TorchOptimizer, state: Mapping[str, Any]) -> None:
    """Let an optimizer go on from copies of the state of another, which may have been on another machine's device.

    What it remembers of each parameter is laid out in memory as that one, which checkpoints do not keep: the operations
    that update all parameters at once go through both in the order of memory, and do not ask.
    """
    state = copy.deepcopy({**state})  # it would keep the tensors
    for theirs, own in zip(state["param_groups"], optimizer.param_groups, strict=False):  # torch tells of others
        theirs |= {flag: own[flag] for flag in MACHINES if flag in own}
    optimizer.load_state_dict(state)
    for parameter, kept in optimizer.state.items():
        for name, value in kept.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and value.stride() != parameter.stride():
                kept[name] = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)


def acts_on(regularizer: Regularizer, network: str) -> bool:
    """Whether the regularizer has a penalty for that network."""
    return getattr(type(regularizer), network) is not getattr(Regularizer, network)


def correction(regularizers: Sequence[Regularizer], network: str) -> float:
    """The factor that keeps lazy updates from adding to the step (Karras et al. 2020, appendix B)."""
    lazy = [each.every for each in regularizers if each.every > 1 and acts_on(each, network)]
    return 1 / (1 + sum(1 / every for every in lazy))


def named_regularizers(regularizers: Sequence[Regularizer]) -> list[tuple[str, Regularizer]]:
    """Each regularizer with the short name it was registered by, numbered if it stands there twice."""
    names = [registries["regularizer"].entry_of(type(regularizer)).name for regularizer in regularizers]
    numbered = [
        f"{name}-{names[:i].count(name) + 1}" if names.count(name) > 1 else name for i, name in enumerate(names)
    ]
    return list(zip(numbered, regularizers, strict=True))
