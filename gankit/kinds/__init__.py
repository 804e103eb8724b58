"""The kinds: everything that a plugin can contribute. Read this package first.

Each abstract class here is one kind of component with a registry of its own. Modules that define components do not
import torch: they import it inside methods, so that reading an experiment stays fast.
"""

from __future__ import annotations

from gankit.component import Component
from gankit.kinds.evaluation import Dataset, Extractor, LabelledImages, Metric
from gankit.kinds.networks import Block, Head, Init, Mapping, Norm, Stem
from gankit.kinds.runs import Job, Launcher, Observer
from gankit.kinds.training import Augmentation, Average, Growth, Loss, Optimizer, Regularizer, Shown

KINDS: tuple[type[Component], ...] = (
    Mapping,
    Stem,
    Block,
    Head,
    Norm,
    Init,
    Loss,
    Regularizer,
    Augmentation,
    Optimizer,
    Average,
    Growth,
    Dataset,
    Extractor,
    Metric,
    Observer,
    Launcher,
)
"""All of them, in the order in which they are listed."""

__all__ = [
    "KINDS",
    "Augmentation",
    "Average",
    "Block",
    "Dataset",
    "Extractor",
    "Growth",
    "Head",
    "Init",
    "Job",
    "LabelledImages",
    "Launcher",
    "Loss",
    "Mapping",
    "Metric",
    "Norm",
    "Observer",
    "Optimizer",
    "Regularizer",
    "Shown",
    "Stem",
]
