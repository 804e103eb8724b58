"""Top-k training of generators (Sinha et al. 2020, "Top-k Training of GANs")."""

from gankit import registering
from gankit_topk.losses import TopK

gankit_register = registering(("top-k", TopK))
"""A loss whose generator learns from its best fakes alone."""
