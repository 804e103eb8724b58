"""What the presets of metrics stand for that an experiment names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from gankit.config.yaml.merge import read_experiment, with_settings
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.writer import inline
from gankit.core.registry import registries
from gankit.kinds.evaluation import MetricPreset


def presets_in_words(file: Path, settings: Sequence[str]) -> list[str]:
    """A line for each preset of metrics that an experiment's file or settings name, with the metrics in its place.

    None of what is no regular file: experiments keep no presets, so that it is read again, and pipes are empty by then.
    """
    if not file.is_file():
        return []
    evaluation = plain_value(with_settings(read_experiment(file), settings)).get("evaluation")
    if not isinstance(evaluation, Mapping):
        return []
    quick = evaluation.get("quick")
    places = {"evaluation.metrics": evaluation.get("metrics")}
    places["evaluation.quick.metrics"] = quick.get("metrics") if isinstance(quick, Mapping) else None
    return [f"{place}: {line}" for place, metrics in places.items() for line in _stand_for(metrics)]


def _stand_for(metrics: Any) -> Iterator[str]:
    for metric in metrics if isinstance(metrics, list) else [metrics]:
        name = metric.get("use") if isinstance(metric, Mapping) else metric
        try:
            component = registries["metric"].find(name).component
        except PydanticCustomError:  # a list within the list, or nothing
            continue
        if issubclass(component, MetricPreset):
            yield f"{name} stands for {inline(list(component.metrics))}"
