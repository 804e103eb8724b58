"""Precision, recall, realism (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020): quality and variety.

All count images among the nearest neighbours of others in the space of features.
"""

from gankit import registering
from gankit_prdc.metrics import DensityCoverage, PrecisionRecall, Realism

gankit_register = registering(
    ("precision-recall", PrecisionRecall),
    ("density-coverage", DensityCoverage),
    ("realism", Realism),
)
