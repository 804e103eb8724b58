"""What all tests share."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import settings

from gankit.discovery.manager import plugins

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: threads that share cores wait for each other

if "GANKIT_CACHE" not in os.environ:  # that of the user is none of a test's business
    _cache = tempfile.TemporaryDirectory(prefix="gankit-tests-")
    os.environ["GANKIT_CACHE"] = _cache.name

collect_ignore_glob = ["examples/*"]  # packages with tests of their own, which end_to_end/test_plugins.py runs
if not find_spec("aim"):  # it has no release for Python 3.13 and later
    collect_ignore_glob += [
        *(f"plugins/test_{name}.py" for name in ("aim*", "track_command", "trackers")),
        "end_to_end/test_full_disk.py",
    ]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs a GPU where there is none."""
    if needing := [item for item in items if item.get_closest_marker("gpu")]:
        import torch

        for item in [] if torch.cuda.is_available() else needing:
            item.add_marker(pytest.mark.skip(reason="there is no NVIDIA GPU"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let a test draw the same numbers, whichever ran before it in the same process; so do its fixtures."""
    random.seed(0)
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Let it do so whether it was the first to need a fixture or not."""
    pytest_runtest_setup()


settings.register_profile("thorough", deadline=None, derandomize=True)  # with --hypothesis-profile
settings.register_profile("fast", settings.get_profile("thorough"), max_examples=50)
settings.load_profile("fast")

# Before any test puts registries back: what is loaded inside such a test would be gone after it, yet count as loaded.
plugins.load_installed()
