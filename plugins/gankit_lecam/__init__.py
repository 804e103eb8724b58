"""LeCam regularization (Tseng et al. 2021, "Regularizing Generative Adversarial Networks under Limited Data")."""

from gankit import registering
from gankit_lecam.regularizers import LeCam

gankit_register = registering(("lecam", LeCam))
"""Holds scores near the running means of their opposites."""
