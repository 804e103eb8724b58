"""What an experiment's regularizers act on, also those that act only now and then, and what they are called."""

from __future__ import annotations

from collections.abc import Sequence

from gankit.kinds import Regularizer


def acts_on(regularizer: Regularizer, network: str) -> bool:
    """Whether the regularizer has a penalty for that network."""
    return getattr(type(regularizer), network) is not getattr(Regularizer, network)


def correction(regularizers: Sequence[Regularizer], network: str) -> float:
    """The factor that keeps lazy updates from adding to the step (Karras et al. 2020, appendix B)."""
    lazy = [each.every for each in regularizers if each.every > 1 and acts_on(each, network)]
    return 1 / (1 + sum(1 / every for every in lazy))


def named(regularizers: Sequence[Regularizer]) -> list[tuple[str, Regularizer]]:
    """Each regularizer with the short name it was registered by, numbered if it stands there twice."""
    from gankit.registry import registries

    names = [registries["regularizer"].entry_of(type(regularizer)).name for regularizer in regularizers]
    numbered = [
        f"{name}-{names[:i].count(name) + 1}" if names.count(name) > 1 else name for i, name in enumerate(names)
    ]
    return list(zip(numbered, regularizers, strict=True))
