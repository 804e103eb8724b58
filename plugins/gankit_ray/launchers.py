"""The launcher and its options."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Job, Launcher

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment


class Ray(Launcher):
    """Each run as a task of a Ray cluster, on whichever host has room for it.

    You start the cluster with Ray's own commands. All hosts must see the study's folder, the folder that gankit is
    called in and the Python environment under the same paths. A run whose worker process or host is lost goes on
    elsewhere from its last checkpoint.
    """

    address: str | None = None
    """The cluster's address, such as 10.0.0.1:6379; null: what RAY_ADDRESS says, or the cluster that this host is
    part of."""
    cpus: int = Field(default=1, ge=1)
    """CPUs of the cluster for each run, and its number of threads."""
    gpus: float | None = Field(default=None, ge=0)
    """GPUs of the cluster for each run, such as 1 or 0.5; null: one if the cluster has any."""
    retries: int = Field(default=5, ge=0)
    """How often a run goes on elsewhere; when its worker is lost once more, it has failed."""

    def missing(self, experiment: Experiment) -> str | None:
        """Whether Ray is installed."""
        return None if find_spec("ray") else "the launcher needs Ray: pip install 'gankit[ray]'"

    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        """Carry out all jobs.

        Raises:
            UserError: if there is no cluster to join.
        """
        from gankit_ray.cluster import RayCluster, joined

        with joined(self.address):
            yield from RayCluster(self.cpus, self.gpus).carry_out(jobs, self.cpus, self.retries)
