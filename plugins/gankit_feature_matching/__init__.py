"""Feature matching (Salimans et al. 2016, "Improved Techniques for Training GANs")."""

from gankit import registering
from gankit_feature_matching.regularizers import FeatureMatching

gankit_register = registering(("feature-matching", FeatureMatching))
"""Has fakes look like reals to the discriminator's features, on average."""
