"""EDM2's norm of weights (Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion Models")."""

from gankit import registering
from gankit_edm2.norms import MagnitudePreserving

gankit_register = registering(("magnitude-preserving", MagnitudePreserving))
"""A norm of weights; averages by a power of the images shown are in gankit_basics."""
