"""Whether averages of other lengths can be made of the snapshots that an experiment keeps."""

from __future__ import annotations

from collections.abc import Iterator

from gankit.config.experiment import Experiment
from gankit.config.walk import Problem


def problems_of_snapshots(experiment: Experiment) -> Iterator[Problem]:
    """Problems if snapshots are kept, but not of two averages of different lengths."""
    training = experiment.training
    lengths = {average.relative_length() for average in (training.average, *training.averages.values())} - {None}
    if experiment.checkpoints.snapshots is not None and len(lengths) < 2:
        there = "is one" if lengths else "is none"
        yield (
            ("checkpoints", "snapshots"),
            f"averages are made of snapshots of two whose lengths differ, and there {there}; have two by training: "
            "{average: {use: power, length: 0.1}, averages: {short: {use: power, length: 0.05}}}",
        )
