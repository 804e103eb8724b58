"""Trained generators outside of their runs: loaded, drawn from, and kept in one file."""
