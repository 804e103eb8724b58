"""R1 and R2 (Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?")."""

from gankit import registering
from gankit_r1.regularizers import R1, R2

gankit_register = registering(("r1", R1), ("r2", R2))
