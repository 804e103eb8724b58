"""The launcher and its options."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from importlib.util import find_spec
from math import ceil
from shutil import which
from typing import TYPE_CHECKING

from pydantic import Field

from gankit import Job, Launcher

if TYPE_CHECKING:
    from gankit.config.experiment import Experiment

FOLDER = ".slurm"
"""Where in the study's folder submitit keeps its files."""


class Slurm(Launcher):
    """Each run as a job of Slurm.

    All hosts must see the study's folder, the folder that gankit is called in and the Python environment under the
    same paths. A run that Slurm preempts, or that comes to its time limit, saves, is requeued and goes on; one whose
    host is lost goes on from its last checkpoint.
    """

    partition: str | None = None
    """The partition; null: Slurm's default."""
    cpus: int = Field(default=1, ge=1)
    """CPUs for each run, and its number of threads."""
    gpus: int = Field(default=0, ge=0)
    """GPUs for each run."""
    memory: float | None = Field(default=None, gt=0)
    """Memory for each run in GB; null: Slurm's default."""
    minutes: int = Field(default=1440, ge=5)
    """Time limit; a run that needs longer is asked to save one and a half to three minutes before, and is requeued,
    however often that takes."""
    sbatch: dict[str, str | int | bool] = {}
    """Further options of sbatch by their long names, as in {account: vision, constraint: a100}."""
    retries: int = Field(default=5, ge=0)
    """How often a run is submitted again after Slurm has lost or preempted it without requeueing it."""

    def missing(self, experiment: Experiment) -> str | None:
        """Whether submitit is installed, and Slurm's commands are here."""
        if not find_spec("submitit"):
            return "the launcher needs submitit: pip install 'gankit[slurm]'"
        if not which("sbatch") or not which("srun"):
            return (
                "the launcher needs Slurm's sbatch and srun, which are not here; call gankit on a host of the cluster"
            )
        return None

    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        """Carry out all jobs.

        Raises:
            UserError: if Slurm refuses them.
        """
        from gankit_slurm.cluster import SlurmCluster

        study = jobs[0].log.parents[jobs[0].name.count("/")].absolute()  # a log is called after its job in there
        flags = {name: value for name, value in self.sbatch.items() if value is not False}
        optional = {"partition": self.partition, "gpus_per_node": self.gpus or None, "mem": self._memory()}
        parameters = {
            "time": self.minutes,
            "cpus_per_task": self.cpus,
            "srun_args": [f"--cpus-per-task={self.cpus}"],  # srun takes it from sbatch only before Slurm 22.05
            "additional_parameters": {"requeue": True} | flags,
            **{name: value for name, value in optional.items() if value is not None},
        }
        yield from SlurmCluster(study / FOLDER, parameters).carry_out(jobs, self.cpus, self.retries)

    def _memory(self) -> str | None:
        return None if self.memory is None else f"{ceil(self.memory * 1024)}M"  # 0M would be all memory of a host
