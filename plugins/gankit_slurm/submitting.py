"""Submits the runs of a study to Slurm, and goes on with those that it loses."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from pathlib import Path

from gankit import Job
from gankit_launchers.elsewhere import Elsewhere
from gankit_slurm.submissions import Asked, Submissions

FOLDER = ".slurm"
"""Where in the study's folder submitit keeps its files."""
PERIOD = 1.0
"""Seconds between looks for what has ended."""


def carry_out(jobs: Sequence[Job], asked: Asked, threads: int, retries: int) -> Generator[tuple[Job, int]]:
    """Carry out all jobs; yields each as it ends.

    Args:
        jobs: Runs of one study, at least one.
        asked: What is asked of Slurm for each.
        threads: Threads of each.
        retries: How often one that Slurm has lost is submitted again.

    Raises:
        UserError: if Slurm refuses one.
    """
    submissions = Submissions(_study_folder(jobs[0]) / FOLDER, asked)
    try:
        for job in jobs:
            submissions.submit(Elsewhere.of(job, threads), losses=0)
        while submissions.under_way:
            for job_id, (elsewhere, _, losses), status, loss in submissions.ended():
                if loss is not None and losses < retries:
                    elsewhere.note(f"Slurm job {job_id} {loss}; goes on as another one from its last checkpoint")
                    submissions.submit(elsewhere, losses + 1)
                    continue
                if loss is not None:
                    elsewhere.note(f"Slurm job {job_id} {loss}; gave up, having lost {losses + 1}")
                yield elsewhere.job, status
            time.sleep(PERIOD)
    finally:
        submissions.cancel()


def _study_folder(job: Job) -> Path:
    """The folder that a job's log is in as its name says, such as variant/seed-0."""
    return job.log.parents[job.name.count("/")].absolute()
