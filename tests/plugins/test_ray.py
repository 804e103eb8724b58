"""Studies on a Ray cluster: what goes well, and what dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.alone import Alone, alone, children, is_there, kill, until
from support.command import gankit
from support.studying import FATAL, RUNS, STUDY, begin, carriers, checkpoints, files, is_finished, log, straight

from gankit import Job
from gankit.cli import main
from gankit_launchers.cluster import NotSharedError, RemoteJob

HEAD = "127.0.0.2"
PORT = 6399

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs gankit[ray]")


class Cluster:
    """A head without CPUs, and hosts of one CPU each."""

    def __init__(self, processes: Alone, folder: Path) -> None:
        self.processes = processes
        self._folder = folder
        self.hosts: dict[str, subprocess.Popen[str]] = {}
        head = ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={folder}", "--num-cpus=0"]
        self._start(HEAD, *head)
        until(lambda: "Ray runtime started" in self._said(HEAD), what=lambda: self._said(HEAD))

    def join(self, address: str) -> None:
        """Begin another host."""
        self._start(address, f"--address={HEAD}:{PORT}", "--num-cpus=1")
        until(lambda: "Ray runtime started" in self._said(address), what=lambda: self._said(address))

    def _start(self, address: str, *more: str) -> None:
        command = [Path(sys.executable).parent / "ray", "start", f"--node-ip-address={address}", "--block"]
        common = ["--num-gpus=0", "--object-store-memory=80000000", "--disable-usage-stats"]
        output = self._folder / address
        self.hosts[address] = self.processes.begin([*command, *common, *more], output, self._folder)

    def _said(self, address: str) -> str:
        return (self._folder / address).read_text()

    def carrier(self, run: str) -> tuple[int, str]:
        """The process that carries out a run, and the host that it is on."""
        found: list[tuple[int, str]] = []

        def look() -> bool:
            found[:] = [(id, name) for name, host in self.hosts.items() for id in carriers(host.pid, run)]
            return bool(found)

        until(look)
        return found[0]

    def above(self, host: str, name: str) -> dict[int, str]:
        """The processes of a host whose command lines hold `name`."""
        return {id: line for id, line in children(self.hosts[host].pid).items() if name in line}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("ray")
    environment = {"GANKIT_CACHE": str(folder / "cache"), "RAY_ADDRESS": f"{HEAD}:{PORT}", "OMP_NUM_THREADS": "1"}
    with alone(environment) as processes:
        cluster = Cluster(processes, folder)
        for address in ("127.0.0.3", "127.0.0.4"):
            cluster.join(address)
        yield cluster


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return straight(tmp_path_factory.mktemp("straight"))


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def finished(study: subprocess.Popen[str], folder: Path) -> None:
    assert study.wait(180) == 0, (folder / "said").read_text() + "".join(log(folder, run) for run in RUNS)
    assert all(is_finished(folder, run) for run in RUNS)


@needs_ray
@pytest.mark.slow
def test_runs_are_carried_out_on_the_hosts_side_by_side(
    cluster: Cluster, expected: dict[str, bytes], tmp_path: Path
) -> None:
    study = begin(cluster.processes, tmp_path, "launcher=ray")
    hosts = {cluster.carrier(run)[1] for run in RUNS}
    finished(study, tmp_path)
    assert hosts == {"127.0.0.3", "127.0.0.4"}
    assert files(tmp_path / "study") == expected


@needs_ray
@pytest.mark.slow
def test_a_run_whose_worker_is_killed_waits_for_its_orphan_and_goes_on(
    cluster: Cluster, expected: dict[str, bytes], tmp_path: Path
) -> None:
    study = begin(cluster.processes, tmp_path, "launcher=ray")
    run = RUNS[0]
    until(lambda: checkpoints(tmp_path, run) > 1)
    orphan, _ = cluster.carrier(run)
    kill(orphan, signal.SIGSTOP)
    assert not is_finished(tmp_path, run)
    kill(parent(orphan))
    until(lambda: f"waiting for process {orphan} " in log(tmp_path, run), what=lambda: log(tmp_path, run))
    assert is_there(orphan)
    kill(orphan, signal.SIGCONT)
    finished(study, tmp_path)
    said = log(tmp_path, run)
    assert said.index("lost its worker") < said.index("SIGTERM: saving a checkpoint, then leaving")
    assert not is_there(orphan)
    assert files(tmp_path / "study") == expected


@needs_ray
@pytest.mark.slow
def test_a_run_whose_host_is_lost_goes_on_elsewhere(
    cluster: Cluster, expected: dict[str, bytes], tmp_path: Path
) -> None:
    study = begin(cluster.processes, tmp_path, "launcher=ray")
    run = RUNS[1]
    until(lambda: checkpoints(tmp_path, run) > 1)
    carrier, host = cluster.carrier(run)
    (raylet,) = [id for id, line in cluster.above(host, "raylet/raylet").items() if "--raylet_socket_name" in line]
    assert not is_finished(tmp_path, run)
    kill(raylet)
    finished(study, tmp_path)
    until(lambda: not is_there(carrier))
    assert "lost its worker" in log(tmp_path, run)
    events = (tmp_path / "study" / run / "times.jsonl").read_text()
    assert '"resumed"' in events
    assert files(tmp_path / "study") == expected
    cluster.hosts.pop(host).terminate()
    cluster.join("127.0.0.5")


@needs_ray
@pytest.mark.slow
def test_sigterm_lets_the_runs_save_and_leaves_nothing_behind(
    cluster: Cluster, expected: dict[str, bytes], tmp_path: Path
) -> None:
    study = begin(cluster.processes, tmp_path, "launcher=ray")
    until(lambda: all(checkpoints(tmp_path, run) for run in RUNS))
    under_way = [cluster.carrier(run)[0] for run in RUNS]
    for process in under_way:
        os.kill(process, signal.SIGSTOP)  # or they would be done before they are told to leave
    study.terminate()
    time.sleep(5)
    for process in under_way:
        os.kill(process, signal.SIGCONT)
    assert study.wait(60) == 143
    assert not any(map(is_there, under_way))
    for run in RUNS:
        assert "left at" in log(tmp_path, run)
        assert not is_finished(tmp_path, run)
    finished(begin(cluster.processes, tmp_path, "launcher=ray"), tmp_path)
    assert files(tmp_path / "study") == expected


@needs_ray
@pytest.mark.slow
def test_when_gankit_is_killed_ray_ends_the_runs_and_the_same_command_goes_on(
    cluster: Cluster, expected: dict[str, bytes], tmp_path: Path
) -> None:
    study = begin(cluster.processes, tmp_path, "launcher=ray")
    until(lambda: all(checkpoints(tmp_path, run) > 1 for run in RUNS))
    under_way = [cluster.carrier(run)[0] for run in RUNS]
    study.kill()
    study.wait()
    until(lambda: not any(map(is_there, under_way)))
    assert not all(is_finished(tmp_path, run) for run in RUNS)
    finished(begin(cluster.processes, tmp_path, "launcher=ray"), tmp_path)
    assert files(tmp_path / "study") == expected


@needs_ray
@pytest.mark.slow
def test_a_run_that_kills_its_worker_every_time_has_failed(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "fatal.py").write_text(FATAL)
    text = STUDY.replace("loss: [hinge], seed: [0, 1]", "loss: [fatal], seed: [0]") + "plugins: [./fatal.py]\n"
    study = begin(cluster.processes, tmp_path, "launcher={use: ray, retries: 1}", text=text)
    assert study.wait(120) == 1
    assert log(tmp_path, "loss=fatal/seed-0").count("lost its worker") == 2
    said = (tmp_path / "said").read_text()
    assert "1 of 1 runs failed" in said
    assert "loss=fatal/seed-0 failed: gankit: lost its worker (WorkerCrashedError); gave up after 1 retries" in said
    assert "loss=fatal/seed-0 (killed by SIGKILL)" in said


@needs_ray
@pytest.mark.slow
def test_what_no_host_has_is_said_and_waited_for(cluster: Cluster, tmp_path: Path) -> None:
    study = begin(cluster.processes, tmp_path, "launcher={use: ray, cpus: 3, gpus: 1}")
    expected = "no host of the Ray cluster has 3 CPUs and 1 GPU; waiting for one that does"
    until(lambda: expected in (tmp_path / "said").read_text())
    study.terminate()
    assert study.wait(60) == 143


@needs_ray
def test_without_a_cluster_it_says_how_to_start_one(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    closed = "127.0.0.1:1"
    ended = gankit(["run", "study.yaml", "--set", f"launcher={{use: ray, address: '{closed}'}}"], tmp_path)
    assert ended.returncode == 2
    assert f"launcher: found no Ray cluster at {closed}: [Errno 111] Connection refused" in ended.stderr
    assert "ray start --head" in ended.stderr
    ended = gankit(["run", "study.yaml", "--set", "launcher=ray"], tmp_path, {**os.environ, "RAY_ADDRESS": closed})
    assert "found no Ray cluster as RAY_ADDRESS says" in ended.stderr


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("cpus: 0", "launcher.cpus"),
        ("gpus: -1", "launcher.gpus"),
        ("retries: -1", "launcher.retries"),
        ("adress: a", "launcher.adress: unknown option. Did you mean 'address'?"),
    ],
)
def test_options_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, said: str
) -> None:
    (tmp_path / "study.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    assert main(["run", "study.yaml", "--set", f"launcher={{use: ray, {option}}}"]) == 2
    assert said in capsys.readouterr().err


def test_a_missing_extra_is_named_before_anything_begins(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY + "launcher: ray\n")
    without = "import sys; sys.modules['ray'] = None; from gankit.cli import main; sys.exit(main())"
    for command, code in (("run", 2), ("validate", 0)):
        ended = subprocess.run(
            [sys.executable, "-c", without, command, "study.yaml"], cwd=tmp_path, capture_output=True, text=True
        )
        assert ended.returncode == code
        assert "the launcher needs Ray: pip install 'gankit[ray]'" in ended.stdout + ended.stderr
    assert not (tmp_path / "runs").exists()


def test_a_host_that_does_not_see_the_study_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = Job("a/seed-0", [sys.executable, "-c", ""], Path("study/a/seed-0.log"))
    remote = RemoteJob.of(job, threads=1)
    assert remote.begin().wait() == 0
    job.log.unlink()
    with pytest.raises(NotSharedError, match=rf"does not see {tmp_path}/study/a/seed-0.log"):
        remote.begin()
