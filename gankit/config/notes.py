"""What is to be known of experiments that are right, before they are run."""

from __future__ import annotations

from collections.abc import Sequence

from gankit.config.checks import description_of_data
from gankit.config.evaluation_checks import descriptions_of_evaluation
from gankit.config.experiment import Experiment
from gankit.config.parts import description_of_parts
from gankit.config.precision import description_of_precision


def notes_on(experiments: Sequence[Experiment]) -> list[str]:
    """What there is to train on, what batches in parts change, if a precision is slow, what numbers lack; each once."""
    data = {repr(experiment.data): experiment for experiment in experiments}
    said = [*map(description_of_data, data.values())]
    said += [describe(each) for describe in (description_of_parts, description_of_precision) for each in experiments]
    said += [line for each in experiments for line in descriptions_of_evaluation(each)]
    return list(dict.fromkeys(line for line in said if line is not None))
