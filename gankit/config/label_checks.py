"""Whether both networks make use of the labels that the data has."""

from __future__ import annotations

from collections.abc import Sequence

from gankit.config.experiment import Experiment
from gankit.config.walk import Problem, components, problem_of_failure
from gankit.core.component import Component
from gankit.core.errors import UserError
from gankit.core.registry import registries
from gankit.kinds import Block, Head, LatentMapping, Norm, Regularizer, Stem

READERS = {"generator": (Norm, LatentMapping, Stem, Block), "discriminator": (Head, Norm, Block)}
"""The kinds of parts of each network that may look at labels."""


def label_problems(experiment: Experiment) -> tuple[list[Problem], list[Problem]]:
    """The networks to which all classes of the data are one, and the parts that failed when asked about that.

    Then images do not depend on the class that is asked for. Data whose classes cannot be counted here has none.
    """
    try:
        if experiment.data.class_count() == 0:
            return [], []
    except UserError:  # said by the data itself
        return [], []
    except Exception as failure:
        return [], [problem_of_failure(("data",), experiment.data, failure)]
    reading: set[object] = set()
    failures: list[Problem] = []
    for path, part in components(experiment):
        try:
            if _uses_labels(part):
                reading.add("discriminator" if isinstance(part, Regularizer) else path[0])
        except Exception as failure:
            failures.append(problem_of_failure(path, part, failure))
    blind = [network for network in READERS if network not in reading]
    return [((network,), _remedies(network, READERS[network])) for network in blind], failures


def _uses_labels(part: Component) -> bool:
    """Whether a part looks at labels or trains by them; whether class logits are trained is for their head to say."""
    if isinstance(part, Regularizer):
        return part.trains_classes
    if isinstance(part, Head) and part.classifies():
        return True
    return isinstance(part, LatentMapping | Stem | Block | Head | Norm) and part.reads_labels()


def _remedies(network: str, kinds: Sequence[type[Component]]) -> str:
    """That no part of `network` looks at labels, and what can be done."""
    able = [
        f"{kind.kind} {entry.name}"
        for kind in kinds
        for entry in registries[kind.kind].entries()
        if getattr(entry.component, "reads_labels") is not getattr(kind, "reads_labels")  # noqa: B009
    ]
    such = f" ({', '.join(able)})" if able else ""
    return (
        f"the data has classes, but no part of the {network} reads labels; name one that does{such} or use the data "
        "without labels (a plugin's part says that it does by its method reads_labels)"
    )
