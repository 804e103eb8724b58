"""The networks of an experiment, by name."""

from __future__ import annotations

from typing import Literal, get_args

NetworkName = Literal["generator", "discriminator"]
NETWORKS: tuple[NetworkName, ...] = get_args(NetworkName)
