"""gankit grows, trains and compares GANs that are composed in YAML from plugins.

This is what authors of plugins and whoever works in Python import; torch is imported only as it is needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gankit import kinds
from gankit.core import __version__ as __version__
from gankit.core.component import Component
from gankit.core.errors import UserError
from gankit.core.options import AbsolutePath, Images, Many, Options
from gankit.core.progress import Progress, Stage
from gankit.core.renamed import SINCE, new_name
from gankit.core.tables import PerResolution, PerResolutionAboveFirst, at
from gankit.discovery.hookspecs import hookimpl, registering
from gankit.kinds import *  # noqa: F403
from gankit.kinds.callbacks import Callback
from gankit.kinds.weight_names import WeightNames, WeightSource
from gankit.networks.context import BuildContext

if TYPE_CHECKING:
    from gankit.api.adversary import Adversary, Averaged
    from gankit.api.comparing import compare
    from gankit.api.measuring import evaluate
    from gankit.api.parts import part
    from gankit.api.showing import as_picture
    from gankit.api.training import train
    from gankit.config.experiment import Experiment
    from gankit.generators.loading import load
    from gankit.results import load_numbers

LATE = {
    "Adversary": "gankit.api.adversary",
    "Averaged": "gankit.api.adversary",
    "Experiment": "gankit.config.experiment",
    "as_picture": "gankit.api.showing",
    "compare": "gankit.api.comparing",
    "evaluate": "gankit.api.measuring",
    "load": "gankit.generators.loading",
    "load_numbers": "gankit.results",
    "part": "gankit.api.parts",
    "train": "gankit.api.training",
}
"""What is imported as it is first asked for, and from where."""

__all__ = [
    "AbsolutePath",
    "Adversary",
    "Averaged",
    "BuildContext",
    "Callback",
    "Component",
    "Experiment",
    "Images",
    "Many",
    "Options",
    "PerResolution",
    "PerResolutionAboveFirst",
    "Progress",
    "Stage",
    "UserError",
    "WeightNames",
    "WeightSource",
    "as_picture",
    "at",
    "compare",
    "evaluate",
    "hookimpl",
    "load",
    "load_numbers",
    "part",
    "registering",
    "train",
]
__all__ += kinds.__all__

if not TYPE_CHECKING:  # for type checkers what is not above is not there

    def __getattr__(name: str) -> Any:
        """Import what needs torch, and refuse what is not there, by the name that it has now if it had this one."""
        if name in LATE:
            return getattr(import_module(LATE[name]), name)
        old = f"gankit.{name}"
        new = new_name(old)
        if new is None or new.startswith(f"{old}."):  # the module has become a package
            raise AttributeError(f"module 'gankit' has no attribute {name!r}")
        raise ImportError(f"{old} is called {new} {SINCE}")
