"""Trained generators outside of their runs: loaded, drawn from, and kept in one file."""

LARGEST_SEED = 2**32 - 1
"""Latents are of no larger ones."""
