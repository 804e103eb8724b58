"""A Slurm of one host, started without systemd, with a configuration, key and ports of its own."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest
from support.alone import Alone, alone, until

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch")

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
MailProg=/bin/true
KillWait=15
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4096
PartitionName=first Nodes=ALL Default=YES DefMemPerCPU=512 State=UP
"""


@contextmanager
def slurm(folder: Path) -> Iterator[Alone]:
    """A network of its own in which a Slurm runs; the test is skipped where its programs are not installed.

    Args:
        folder: Where it keeps everything; its path is short, for sockets.
    """
    lacking = [name for name in DAEMONS if which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if lacking:
        pytest.skip(f"needs {', '.join(lacking)}, of Debian's packages slurm-wlm and munge")
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(host=socket.gethostname(), folder=folder))
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    environment = {
        "SLURM_CONF": str(configuration),
        "GANKIT_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
        "PATH": f"{os.environ['PATH']}:/usr/sbin",
    }
    with alone(environment) as processes:
        files = [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "seed", "log")]
        munged = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge", *files]
        for command in (munged, ["slurmctld", "-D", "-i"], ["slurmd", "-D"]):
            processes.begin(command, folder / f"{command[0]}.log", folder)
            if command is munged:
                until((folder / "munge").exists, 20)

        def said() -> str:
            return "".join((folder / f"{name}.log").read_text() for name in ("munged", "slurmctld", "slurmd"))

        until(lambda: "idle" in processes.ask(["sinfo", "--noheader", "--format=%T"]), 60, what=said)
        yield processes
