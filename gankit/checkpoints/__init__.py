"""Checkpoints: all that a run needs to go on, whole or known to be damaged."""
