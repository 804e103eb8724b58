"""What a shell is told that the value of an option may be."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gankit.core.errors import UserError


def completed_by(action: argparse.Action, completer: Callable[..., Iterable[str]]) -> None:
    """Have the values of an argument completed by a function of keywords, such as those below."""
    setattr(action, "completer", completer)  # noqa: B010 (where argcomplete looks for it)


def settings(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The options that `--set` may change, those of the components in the file among them; after `=`, components."""
    from gankit.config.option_paths import kinds_by_option, option_paths

    _load_installed()
    option, is_value, _value = prefix.partition("=")
    if is_value:
        return [f"{option}={name}" for kind in kinds_by_option().get(option, ()) for name in component_names(kind.kind)]
    return [f"{path}=" for path in option_paths(_said_in(parsed_args))]


def component_names(kind: str) -> list[str]:
    """What the components of a kind are called."""
    from gankit.core.registry import registries

    _load_installed()
    return [entry.name for entry in registries[kind].entries()]


def trackers(**_: object) -> list[str]:
    """What the observers are called that show runs elsewhere."""
    from gankit.results.afterwards import tracking_observers

    _load_installed()
    return tracking_observers()


def numbers(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The numbers by which the runs named before can be compared; without any, what metrics are called."""
    from gankit.results.finder import gather_readable
    from gankit.results.protocols import metric_names

    try:
        return metric_names(gather_readable(parsed_args.places or []).runs)
    except UserError:
        return component_names("metric")


def generators(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """The generators of the run that was named before."""
    training = _said_in(parsed_args).get("training")
    averages = training.get("averages") if isinstance(training, Mapping) else None
    return ["average", "current", *(averages if isinstance(averages, Mapping) else ())]


def _said_in(parsed_args: argparse.Namespace) -> Mapping[Any, Any]:
    """What the experiment's file says that was named before; nothing if none was that can be read."""
    from gankit.config.yaml.merge import read_experiment
    from gankit.config.yaml.nodes import plain_value

    file: Path | None = getattr(parsed_args, "file", None)
    folder = Path(getattr(parsed_args, "folder", None) or ".")
    try:
        return plain_value(read_experiment(file or folder / "experiment.yaml"))
    except UserError:
        return {}


def _load_installed() -> None:
    from gankit.discovery.manager import plugins

    plugins.load_installed()
