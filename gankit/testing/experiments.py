"""The small experiment in which a component is tried."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from typing import Any
from unittest.mock import patch

from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.config.loader import bundled_experiment, load_experiment
from gankit.config.walk import components, options_naming
from gankit.core.component import Component
from gankit.core.registry import registries
from gankit.kinds import Critic, Dataset
from gankit.testing.rules import Trial

SMALL = (
    "growth={use: progressive, start: 4, final: 8, images: 32}",
    "generator={latent: 4, channels: 8}",
    "discriminator={channels: 8}",
    "training={batch: 8, threads: 1, device: cpu}",
    "evaluation={images: 16}",
    "observers=[{use: progress, enabled: false}, {use: guard, enabled: false}]",
)


@cache
def _quickstart(labels: bool) -> dict[str, Any]:
    """The options of the quick start, with networks and a schedule that take no time."""
    settings = [*SMALL, f"data.labels={str(labels).lower()}"]
    return load_experiment(bundled_experiment("quickstart"), settings, check=False).model_dump()


SCALES: Mapping[str, Any] = {
    "growth": {"use": "all-scales", "start": 4, "final": 8, "images": 32},
    "discriminator__join": "sum",
}
"""What components are tried with that complain of a growth without several scales."""


def experiment_with(component: Component, place: str = "", labels: bool = False, **changes: Any) -> Experiment:
    """The quick start, made small, with `component` in it.

    Args:
        component: A registered component of any kind but launcher.
        place: The dotted path of the option that names it; default: the first of its kind.
        labels: Whether the data has classes; it has ten.
        **changes: Other options by their dotted paths, with `__` for the dot: generator__channels=4.
    """
    options = _quickstart(labels)
    if not place:
        place = options_naming(registries[component.kind].base)[0]
        place += ".tried" if isinstance(component, Critic) else ""  # which an experiment gives names of its own
    for path, value in {place: component, **changes}.items():
        options = _changed(options, path.replace("__", ".").split("."), value)
    return Experiment.model_validate(options)


def tried_in(trial: Trial[Any], labels: bool = False, **changes: Any) -> Experiment:
    """`experiment_with` the component of a trial; passed over if it complains, skipped if it lacks something here."""
    experiment = experiment_with(trial.component, labels=labels, **changes)
    if complained := complaints(trial.component, experiment):
        experiment = experiment_with(trial.component, labels=labels, **{**changes, **SCALES})
        if trial.component.kind in ("growth", "join") or complaints(trial.component, experiment):
            trial.pass_over(complained[0])
    trial.skip_if(trial.component.missing(experiment))
    return experiment


def complaints(component: Component, experiment: Experiment) -> list[str]:
    """Why `component`, which is in `experiment`, says that it cannot work there; nothing if it can."""
    paths = {path for path, part in components(experiment) if part == component}
    return [message for path, message in problems(experiment) if path in paths]


_cached = cache(cache)  # one cache for each method


def loading_once(data: Dataset) -> AbstractContextManager[Any]:
    """Within this context all runs that begin share what a data set has loaded for the first."""
    return patch.object(type(data), "load", _cached(type(data).load))


def _changed(options: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    first, *below = path
    return {**options, first: _changed(options.get(first, {}), below, value) if below else value}
