"""LSGAN (Mao et al. 2017, "Least Squares Generative Adversarial Networks")."""

from gankit import registering
from gankit_lsgan.losses import LeastSquares

gankit_register = registering(("least-squares", LeastSquares))
