"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

from gankit.plugins import plugins

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: threads that share cores wait for each other

settings.register_profile("gankit", deadline=None, derandomize=True)
settings.load_profile("gankit")

# Before any test puts registries back: what is loaded inside such a test would be gone after it, yet count as loaded.
plugins.load_installed()
