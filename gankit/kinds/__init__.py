"""The kinds: everything that a plugin can contribute. Read this package first.

Each abstract class here is one kind of component with a registry of its own. Modules that define components do not
import torch: they import it inside methods, so that reading an experiment stays fast. Kinds are listed in the order in
which they are imported here.
"""

from __future__ import annotations

from gankit.kinds.networks import Block, Critic, Head, Init, Join, LatentMapping, Norm, Stem
from gankit.kinds.schedules import Schedule, Scheduled
from gankit.kinds.training import Augmentation, Growth, Loss, Optimizer, Regularizer, WeightAverage
from gankit.kinds.evaluation import Dataset, Extractor, LabelledImages, Metric, MetricPreset
from gankit.kinds.runs import Job, Launcher, Observer

__all__ = [
    "Augmentation",
    "Block",
    "Critic",
    "Dataset",
    "Extractor",
    "Growth",
    "Head",
    "Init",
    "Job",
    "Join",
    "LabelledImages",
    "LatentMapping",
    "Launcher",
    "Loss",
    "Metric",
    "MetricPreset",
    "Norm",
    "Observer",
    "Optimizer",
    "Regularizer",
    "Schedule",
    "Scheduled",
    "Stem",
    "WeightAverage",
]
