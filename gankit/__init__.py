"""gankit grows, trains and compares GANs that are composed in YAML from plugins.

This is what plugin authors import; nothing here imports torch.
"""

from gankit.core import __version__ as __version__
from gankit.core.component import Component
from gankit.core.errors import UserError
from gankit.core.options import AbsolutePath, Images, Many, Options, PerResolution, PerResolutionAboveFirst, at
from gankit.core.progress import Progress, Stage
from gankit.discovery.hookspecs import hookimpl
from gankit.kinds import (
    Augmentation,
    Block,
    Dataset,
    Extractor,
    Growth,
    Head,
    Init,
    Job,
    LabelledImages,
    LatentMapping,
    Launcher,
    Loss,
    Metric,
    Norm,
    Observer,
    Optimizer,
    Regularizer,
    Stem,
    WeightAverage,
)
from gankit.kinds.callbacks import Callback
from gankit.networks.context import BuildContext

__all__ = [
    "AbsolutePath",
    "Augmentation",
    "Block",
    "BuildContext",
    "Callback",
    "Component",
    "Dataset",
    "Extractor",
    "Growth",
    "Head",
    "Images",
    "Init",
    "Job",
    "LabelledImages",
    "LatentMapping",
    "Launcher",
    "Loss",
    "Many",
    "Metric",
    "Norm",
    "Observer",
    "Optimizer",
    "Options",
    "PerResolution",
    "PerResolutionAboveFirst",
    "Progress",
    "Regularizer",
    "Stage",
    "Stem",
    "UserError",
    "WeightAverage",
    "at",
    "hookimpl",
]
