"""What the tests of plugins use: `conformance` holds components to the rules of their kinds.

Needs pytest and hypothesis: `pip install 'gankit[testing]'`.
"""

from gankit.testing import augmentations as augmentations
from gankit.testing import averages as averages
from gankit.testing import datasets as datasets
from gankit.testing import every as every
from gankit.testing import extractors as extractors
from gankit.testing import gradients as gradients
from gankit.testing import growths as growths
from gankit.testing import inits as inits
from gankit.testing import launchers as launchers
from gankit.testing import losses as losses
from gankit.testing import metrics as metrics
from gankit.testing import networks as networks
from gankit.testing import observers as observers
from gankit.testing import optimizers as optimizers
from gankit.testing import regularizers as regularizers
from gankit.testing import training as training
from gankit.testing.conformance import check, conformance
from gankit.testing.rules import RULES, Broken, Rule, Trial, rule

__all__ = ["RULES", "Broken", "Rule", "Trial", "check", "conformance", "rule"]
