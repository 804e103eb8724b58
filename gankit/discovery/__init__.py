"""Plugins: the hooks that they implement, how they are found and loaded, and where each came from."""
