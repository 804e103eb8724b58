"""What all rests on: options, components and their registries, errors, files, how far a run is; imports no torch."""

from importlib.metadata import version

__version__ = version("gankit")
"""Of gankit itself."""
