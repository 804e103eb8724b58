"""gankit grows, trains and compares GANs that are composed in YAML from plugins.

This is what plugin authors import; nothing here imports torch.
"""

from importlib.metadata import version

from gankit.component import Component
from gankit.errors import UserError
from gankit.growing import Stage
from gankit.hookspecs import hookimpl
from gankit.kinds import (
    Augmentation,
    Average,
    Block,
    Dataset,
    Extractor,
    Growth,
    Head,
    Init,
    Job,
    LabelledImages,
    Launcher,
    Loss,
    Mapping,
    Metric,
    Norm,
    Observer,
    Optimizer,
    Regularizer,
    Shown,
    Stem,
)
from gankit.observing import Watcher
from gankit.options import AbsolutePath, Images, Many, Options, PerResolution, PerResolutionAboveFirst, at
from gankit.place import Place

__version__ = version("gankit")

__all__ = [
    "AbsolutePath",
    "Augmentation",
    "Average",
    "Block",
    "Component",
    "Dataset",
    "Extractor",
    "Growth",
    "Head",
    "Images",
    "Init",
    "Job",
    "LabelledImages",
    "Launcher",
    "Loss",
    "Many",
    "Mapping",
    "Metric",
    "Norm",
    "Observer",
    "Optimizer",
    "Options",
    "PerResolution",
    "PerResolutionAboveFirst",
    "Place",
    "Regularizer",
    "Shown",
    "Stage",
    "Stem",
    "UserError",
    "Watcher",
    "at",
    "hookimpl",
]
