"""Auxiliary classifiers (Odena et al. 2017, "Conditional Image Synthesis with Auxiliary Classifier GANs")."""

from gankit import registering
from gankit_acgan.regularizers import AuxiliaryClassifier

gankit_register = registering(("auxiliary-classifier", AuxiliaryClassifier))
