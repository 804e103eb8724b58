"""Joins a Ray cluster, and knows what its hosts have."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray  # pyright: ignore[reportMissingImports]
from ray import exceptions  # pyright: ignore[reportMissingImports]

from gankit.core.errors import UserError
from gankit.core.failures import warn
from gankit_ray.tasks import Needs

START = """\
Start one with Ray's own commands:
    ray start --head --port=6379                 on the first host
    ray start --address=FIRST-HOST:6379          on every other one
and call gankit on one of them"""


@contextmanager
def joined(address: str | None) -> Iterator[None]:
    """Within this context this process is part of a cluster.

    Args:
        address: Of the cluster; None: RAY_ADDRESS, or the cluster that this host is part of.

    Raises:
        UserError: if there is none, or it does not let us in.
    """
    ours = signal.getsignal(signal.SIGTERM)
    try:
        _knock(address or os.environ.get("RAY_ADDRESS", ""))
        ray.init(address or "auto", log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError, exceptions.RayError) as failure:
        where = f"at {address}" if address else "here" if "RAY_ADDRESS" not in os.environ else "as RAY_ADDRESS says"
        raise UserError(f"launcher: found no Ray cluster {where}: {str(failure).strip()}\n{START}") from None
    finally:
        signal.signal(signal.SIGTERM, ours)  # Ray puts one that exits in its place
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See whether anything listens at an address, if it is one; Ray itself would try for minutes.

    Raises:
        OSError: if nothing does.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()


def has_gpus() -> bool:
    """Whether any host of the cluster has a GPU."""
    return ray.cluster_resources().get("GPU", 0) > 0


def say_if_none_fits(needs: Needs) -> None:
    """Say so if no host has what a run needs; Ray waits until one joins that has it."""
    hosts = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(host.get("CPU", 0) >= needs.cpus and host.get("GPU", 0) >= needs.gpus for host in hosts):
        warn(f"no host of the Ray cluster has {needs}; waiting for one that does")
