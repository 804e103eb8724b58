"""Checks that a part of each network looks at the labels of the data, be they classes or vectors of attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gankit.config.experiment import Experiment
from gankit.config.walk import Problem, components, problem_of_failure
from gankit.core.component import Component
from gankit.core.errors import UserError
from gankit.core.registry import registries
from gankit.core.text import names_in_short
from gankit.kinds import Block, Critic, Head, LatentMapping, Norm, Regularizer, Stem

READERS = {"generator": (Norm, LatentMapping, Stem, Block), "discriminator": (Head, Norm, Block, Critic)}
"""The kinds of parts of each network that may look at labels."""


class _Labels(NamedTuple):
    """What labels the data gives, and how parts say that they look at such."""

    what: str
    method: str


CLASSES = _Labels("classes", "reads_labels")


def label_problems(experiment: Experiment) -> tuple[list[Problem], list[Problem]]:
    """The networks to which all labels of the data are one, and the parts that failed when asked about that.

    Then images do not depend on what is asked for. Beside attributes these are also parts that would look at classes.
    Data whose classes cannot be counted here has none.
    """
    try:
        if names := [*experiment.data.attribute_names()]:
            labels = _Labels(f"attributes ({names_in_short(names)})", "reads_attributes")
        elif experiment.data.class_count():
            labels = CLASSES
        else:
            return [], []
    except UserError:  # said by the data itself
        return [], []
    except Exception as failure:
        return [], [problem_of_failure(("data",), experiment.data, failure)]
    reading: set[object] = set()
    wrong: list[Problem] = []
    failures: list[Problem] = []
    for path, part in components(experiment):
        try:
            if _uses(part, labels):
                reading.add("discriminator" if isinstance(part, Regularizer) or path[0] == "critics" else path[0])
            elif labels is not CLASSES and isinstance(part, _READING) and part.reads_labels():
                wrong.append((path, _other_labels(part, labels)))
        except Exception as failure:
            failures.append(problem_of_failure(path, part, failure))
    of_parts = {"discriminator" if path[0] == "critics" else path[0] for path, _ in wrong}
    blind = [network for network in READERS if network not in reading and network not in of_parts]
    return [*wrong, *(((network,), _remedies(network, READERS[network], labels)) for network in blind)], failures


def problems_of_even_classes(experiment: Experiment) -> Iterator[Problem]:
    """The problem if there are no classes to be shown equally often."""
    try:
        if experiment.training.classes == "even" and experiment.data.class_count() == 0:
            gives = "attributes, which are no classes" if experiment.data.attribute_names() else "no labels"
            yield ("training", "classes"), f"even shows every class as often, but data gives {gives}"
    except Exception:  # which `label_problems` tells of
        return


_READING = LatentMapping | Stem | Block | Head | Norm | Critic


def _uses(part: Component, labels: _Labels) -> bool:
    """Whether a part looks at labels or trains by them; whether class logits are trained is for their head to say."""
    if labels is CLASSES:
        if isinstance(part, Regularizer):
            return part.trains_classes
        if isinstance(part, Head) and part.classifies():
            return True
    return isinstance(part, _READING) and getattr(part, labels.method)()


def _remedies(network: str, kinds: Sequence[type[Component]], labels: _Labels) -> str:
    """Say that no part of `network` looks at labels, and what can be done."""
    read = "labels" if labels is CLASSES else "attributes"
    return (
        f"the data has {labels.what}, but no part of the {network} reads {read}; name one that does"
        f"{_able(kinds, labels)} or use the data without {read} (a plugin's part says that it does by its method "
        f"{labels.method})"
    )


def _other_labels(part: Component, labels: _Labels) -> str:
    """Say that a part looks at classes where there are none, and which parts of its kind look at attributes."""
    kind = next(kind for kinds in READERS.values() for kind in kinds if isinstance(part, kind))
    name = registries[part.kind].entry_of(type(part)).name
    able = _able([kind], labels)
    remedy = f"name one that reads attributes{able}" if able else f"no {kind.kind} reads attributes; leave it out"
    return f"{name} reads numbers of classes, but the data has {labels.what}; {remedy}"


def _able(kinds: Sequence[type[Component]], labels: _Labels) -> str:
    """The registered parts of these kinds that can look at such labels, in brackets; empty if there are none."""
    able = [
        f"{kind.kind} {entry.name}"
        for kind in kinds
        for entry in registries[kind.kind].entries()
        if getattr(entry.component, labels.method) is not getattr(kind, labels.method)
    ]
    return f" ({', '.join(able)})" if able else ""
