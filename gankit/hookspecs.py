"""The hooks that a plugin implements."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from gankit.component import Component

hookspec = pluggy.HookspecMarker("gankit")
hookimpl = pluggy.HookimplMarker("gankit")
"""Marks a function of a plugin as the implementation of a hook."""


@hookspec
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Contribute components: call `register(name, component)` once for each."""
