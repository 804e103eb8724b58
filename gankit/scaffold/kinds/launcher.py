from collections.abc import Generator, Sequence
from subprocess import DEVNULL, STDOUT, Popen

from gankit import Job, Launcher, hookimpl
from pydantic import Field


class ExampleLauncher(Launcher):
    """One run after the other at a low priority, by the command nice, so that the machine stays usable meanwhile."""

    niceness: int = Field(default=10, ge=0, le=19)
    """How far runs stand back behind other programs."""

    def launch(self, jobs: Sequence[Job]) -> Generator[tuple[Job, int]]:
        """Carry out all jobs in their order; none is under way when one is yielded."""
        for job in jobs:
            yield job, self.carried_out(job)

    def carried_out(self, job: Job) -> int:
        """The exit status of a job; if this is interrupted, the job is told to leave and waited for."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        command = ["nice", "-n", str(self.niceness), *job.command]
        with job.log.open("ab") as log:
            process = Popen(command, stdin=DEVNULL, stdout=log, stderr=STDOUT, start_new_session=True)
        try:
            return process.wait()
        finally:
            process.terminate()  # does nothing once it has ended
            process.wait()


@hookimpl
def gankit_register(register):
    register("example", ExampleLauncher)
