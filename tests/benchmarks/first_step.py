"""A plugin of one file: an observer that ends its process after the first update."""

from __future__ import annotations

import os
from typing import Any, NoReturn

from gankit import Callback, Observer, hookimpl


class FirstStep(Observer):
    """Waits for the first update."""

    def callback(self, run: Any) -> Callback:
        """Begin to wait."""
        return End()


class End(Callback):
    """Ends."""

    def on_update(self, progress: Any, scalars: Any) -> NoReturn:
        """Here, without closing anything."""
        os._exit(0)


@hookimpl
def gankit_register(register: Any) -> None:
    """The observer."""
    register("first-step", FirstStep)
