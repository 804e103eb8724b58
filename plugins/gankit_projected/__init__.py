"""Projected discriminators (Sauer et al. 2021, "Projected GANs Converge Faster"), and the network behind them.

Written from the paper's sections 3.1 to 3.3.
"""

from gankit import registering
from gankit_projected.critics import Projected
from gankit_projected.extractors import EfficientNetExtractor
from gankit_projected.features import EfficientNetFeatures, RandomFeatures
from gankit_projected.transformers import ClipFeatures, DinoV2Features

gankit_register = registering(
    ("projected", Projected),
    ("efficientnet-lite0", EfficientNetFeatures),
    ("dinov2", DinoV2Features),
    ("clip", ClipFeatures),
    ("random", RandomFeatures),
    ("efficientnet-lite0", EfficientNetExtractor),
)
