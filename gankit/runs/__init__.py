"""A run: its folder, its loop, its callbacks, and how it is begun and resumed."""
