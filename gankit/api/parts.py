"""Single components, for whoever has a loop of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError, create_model
from yaml import YAMLError

from gankit.config.mistakes import mistakes_of
from gankit.config.yaml.marks import mistakes_error
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.parser import mapping
from gankit.config.yaml.writer import dump
from gankit.core.component import Component, as_options
from gankit.core.errors import UserError
from gankit.core.options import Many, Options, did_you_mean
from gankit.core.registry import registries
from gankit.discovery.manager import plugins
from gankit.kinds import Augmentation, Loss, Regularizer, WeightAverage
from gankit.kinds.schedules import Schedule

T = TypeVar("T", bound=Options)


class AdversaryOptions(Options):
    """What an adversary is composed of, as in an experiment."""

    loss: Loss
    regularizers: Many[Regularizer] = []
    augment: Many[Augmentation] = []


class AverageOptions(Options):
    """What an average is."""

    average: WeightAverage


def part(name: str, **options: Any) -> Any:
    """A component by its kind and name, as `gankit explain` lists them, with its options.

        loss = gankit.part("loss/relativistic")
        penalty = gankit.part("regularizer/r1", gamma=0.1)

    Args:
        name: KIND/NAME, or KIND/PLUGIN/NAME where several plugins have one of that name.
        options: Its options, by their names in an experiment.

    Returns:
        The component: an instance of the class that the plugin registered.

    Raises:
        UserError: if there is none such, or not with these options.
    """
    plugins.load_installed()
    kind, _, component = name.partition("/")
    if kind not in registries or not component:
        hint = did_you_mean(kind, registries) or f" The kinds are: {', '.join(sorted(registries))}."
        raise UserError(f"part: expected KIND/NAME, such as average/exponential, not {name!r}.{hint}", hint)
    asked: Any = (registries[kind].base, ...)
    model = create_model("PartOptions", __base__=Options, **{kind: asked})
    return getattr(read_options(model, {kind: {"use": component, **options}}), kind)


def read_options(model: type[T], options: Mapping[str, Any]) -> T:
    """Plain values as the options of a model.

    Raises:
        UserError: with every mistake found, or if a number is to follow a schedule, which only a run has a clock for.
    """
    plugins.load_installed()
    try:
        text = dump(_plain(options))
    except YAMLError as failure:
        raise UserError(f"options are plain values, as YAML has them: {failure}") from None
    root = mapping(text, "options")
    try:
        read = model.model_validate(plain_value(root))
    except ValidationError as failure:
        raise mistakes_error(mistakes_of(failure, root), first="options") from None
    for component in _components(read):
        for name, value in component:
            if isinstance(value, Schedule):
                raise UserError(f"{name}: follows a schedule, for which only a run has a clock; give it a number")
    return read


def _plain(value: Any) -> Any:
    """A value with plain ones in the place of components."""
    if isinstance(value, Component):
        return _plain(as_options(value))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [*map(_plain, value)] if isinstance(value, list | tuple) else value


def _components(value: Any) -> Sequence[Component]:
    """The components that stand in options."""
    if isinstance(value, Component):
        return [value]
    if isinstance(value, Options):
        return [each for _, option in value for each in _components(option)]
    if isinstance(value, list | tuple):
        return [each for item in value for each in _components(item)]
    return []
