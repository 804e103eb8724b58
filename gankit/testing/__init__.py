"""What the tests of plugins use: `conformance` holds components to the rules of their kinds.

Needs pytest and hypothesis: `pip install 'gankit[testing]'`.
"""

from gankit.testing import (  # noqa: F401
    components,
    critics,
    images,
    joins,
    launchers,
    losses,
    metrics,
    networks,
    observers,
    training,
    weights,
)
from gankit.testing.conformance import check, conformance
from gankit.testing.rules import RULES, Broken, Rule, Trial, rule

__all__ = ["RULES", "Broken", "Rule", "Trial", "check", "conformance", "rule"]
