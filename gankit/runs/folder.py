"""The run folder: the record of a run, which everything else is a view of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Self

from gankit.checkpoints.integrity import SNAPSHOTS, found, leftovers, remove, remove_leftovers
from gankit.core.errors import RunError, UserError
from gankit.core.failures import FailureCounter
from gankit.core.files import read_regular, refuse_irregular, remove_drafts, set_aside, write_at_once
from gankit.runs.rows import METRICS, TIMES, number_as_json, row_as_json
from gankit.runs.status import HOLDER, LOCK, FolderTakenError, RunLock

if TYPE_CHECKING:
    from torch import Tensor

    from gankit.checkpoints.store import Checkpoint
    from gankit.config.experiment import Experiment
    from gankit.kinds.callbacks import Row


EXPERIMENT = "experiment.yaml"
PROVENANCE = "provenance.json"
PLUGINS = "plugins"
BEGUN_WITH = ("lock", "holder", "samples", "checkpoints", PLUGINS, "provenance", "metrics", "experiment")
"""What a run's folder holds before it is one: names up to their first dot, that at the beginning of drafts apart."""


class RunFolder:
    """A folder that holds one run, and this process's hold on it.

    experiment.yaml is written last, so that a folder is a run exactly if it holds one:

        experiment.yaml   the experiment with full component names and every default
        provenance.json   versions, git commit, plugins with their sources' hashes, hardware, command line
        plugins/          copies of the plugins that are single files, which the run goes on with
        metrics.jsonl     losses, metrics and events; nothing in it depends on the clock or the machine's name
        times.jsonl       when things happened, how fast, in how much memory
        samples/          pictures
        checkpoints/      all that is needed to go on, and the weights
        snapshots/        weights of averages whose length is chosen later, if the experiment says so

    Observers may add files of their own.

    Raises:
        UserError: if another process has the folder.
        OSError: if it cannot be written to, or a pipe or device stands where one of these files is expected.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        for name in (EXPERIMENT, PROVENANCE, METRICS, TIMES, LOCK, HOLDER):
            if (self.path / name).exists():  # to write to a pipe would wait for ever
                refuse_irregular(self.path / name)
        self._lock = RunLock(self.path)
        self._clock = FailureCounter(TIMES)

    @classmethod
    def create(cls, path: Path, experiment: Experiment, source: Path | None = None) -> Self:
        """Make `path` the folder of a new run.

        Args:
            path: A folder that is new, empty, or was begun by a process that was killed before it had made it a run.
            experiment: The experiment to be run.
            source: The experiment's file, whose folder's git commit is noted; default: the current folder.

        Raises:
            UserError: if `path` is anything else, another process has it, or it cannot be written to.
        """
        from gankit.runs.provenance import provenance

        refuse_used(path)
        origin = provenance(experiment, source.absolute().parent if source else Path.cwd())
        try:
            path.mkdir(parents=True, exist_ok=True)
            folder = cls(path)
            try:
                refuse_used(path)  # again, now that no other process can make it a run
                remove_drafts(folder.path)
                folder.samples.mkdir(exist_ok=True)
                folder.checkpoints.mkdir(exist_ok=True)
                write_at_once(folder.path / PROVENANCE, (json.dumps(origin, indent=2) + "\n").encode())
                (folder.path / METRICS).touch()
                folder._write_experiment(experiment)
            except BaseException:
                folder.close()
                with suppress(OSError):
                    (folder.path / LOCK).touch()  # tells the next beginning that what is there is ours
                raise
        except OSError as failure:
            raise UserError(f"cannot write the run to {path}: {failure}; choose another folder with --out") from failure
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Take the folder of a run that is there.

        Raises:
            UserError: if there is none, another process has it, or it cannot be written to.
        """
        if not is_run(path):
            raise UserError(f"{path} is not a run: expected a folder with {EXPERIMENT}, as gankit run makes")
        try:
            folder = cls(path)
            for part in (folder.samples, folder.checkpoints):  # which whoever copied the run may have left out
                part.mkdir(exist_ok=True)
            for part in (folder.path, folder.samples):
                remove_drafts(part)
            for part in (folder.checkpoints, folder.path / SNAPSHOTS):
                remove_leftovers(part)
        except OSError as failure:
            raise UserError(f"cannot write to {path}: {failure}") from failure
        return folder

    def close(self) -> None:
        """Let other processes have the folder."""
        self._lock.release()

    def record(self, rows: Sequence[Row]) -> None:
        """Append rows to metrics.jsonl, one JSON object a line.

        Keys stand in the order of `Row`; `protocol` and `note` are left out where there is none. Numbers are written in
        full; those that JSON lacks as the strings "nan", "inf" and "-inf", which Python's `float` reads back.

        Raises:
            RunError: if they cannot be written.
        """
        try:
            self._append(METRICS, [row_as_json(row) for row in rows])
        except OSError as failure:
            raise RunError(f"cannot write to {self.path / METRICS}: {failure.strerror}; {self._remedy()}") from failure

    @property
    def metrics(self) -> bytes:
        """The lines of metrics.jsonl."""
        return read_regular(self.path / METRICS)

    def add_late(self, checkpoint: Checkpoint, rows: Sequence[Row]) -> Checkpoint:
        """Append rows that were measured on checkpoints to what the newest one holds of metrics.jsonl, sealed by it.

        The checkpoint has them first: from it metrics.jsonl is put back if this is cut short.

        Raises:
            RunError: if they cannot be written.
        """
        from gankit.checkpoints import store

        metrics = checkpoint.metrics + _lines(map(row_as_json, rows)).encode()
        about = {fact: known for fact, known in checkpoint.manifest.items() if fact not in ("format", "files")}
        try:
            store.save(self.checkpoints, checkpoint.state, metrics, about)
        except OSError as failure:
            raise RunError(self._no_checkpoint(failure)) from failure
        self.rewind(metrics)
        return checkpoint._replace(metrics=metrics)

    def renew(self, experiment: Experiment) -> None:
        """Hold the beginning of `experiment`, and nothing of the run that was here but its times.

        Raises:
            RunError: if it cannot be written.
        """
        from gankit.runs.provenance import provenance

        for checkpoint in found(self.checkpoints):
            remove(checkpoint)
        self.rewind(b"")
        self.write(PROVENANCE, json.dumps(provenance(experiment, Path.cwd()), indent=2) + "\n")
        self.write_experiment(experiment)

    def rewind(self, metrics: bytes) -> None:
        """Let metrics.jsonl hold these lines and nothing else.

        Raises:
            RunError: if it cannot be written.
        """
        self._replace(METRICS, metrics)

    def save(self, state: Mapping[str, Any], about: Mapping[str, Any], keep: int, best: int | None) -> None:
        """Write a checkpoint with what metrics.jsonl holds, then remove those that are not to be kept.

        Raises:
            RunError: if it cannot be written.
        """
        from gankit.checkpoints import store

        try:
            written = store.save(self.checkpoints, state, self.metrics, about)
            store.prune(self.checkpoints, written, keep, best)
        except OSError as failure:
            raise RunError(self._no_checkpoint(failure)) from failure

    def save_snapshot(
        self, weights: Mapping[str, Mapping[str, Tensor]], position: Mapping[str, Any], lengths: Mapping[str, float]
    ) -> None:
        """Keep the weights of some averages, see `gankit.checkpoints.snapshots`.

        Raises:
            RunError: if they cannot be written.
        """
        from gankit.checkpoints.snapshots import save_snapshot

        try:
            save_snapshot(self.path / SNAPSHOTS, weights, position, lengths)
        except OSError as failure:
            where = self.path / SNAPSHOTS
            raise RunError(f"cannot write a snapshot to {where}: {failure.strerror}; {self._remedy()}") from failure

    def remove_snapshots(self, beyond: int = -1) -> None:
        """Remove those of after so many images: the run goes back behind them, or begins anew."""
        for snapshot in found(self.path / SNAPSHOTS):
            if int(snapshot.name) > beyond:
                remove(snapshot)

    def write(self, name: str, text: str) -> None:
        """Write a file that is either complete or as it was.

        Raises:
            RunError: if it cannot be written.
        """
        self._replace(name, text.encode())

    def keep(self, name: str) -> Path | None:
        """Keep a damaged file, which is about to be written anew, under another name; None if it is not there.

        Raises:
            RunError: if it cannot be renamed.
        """
        try:
            return set_aside(self.path / name)
        except OSError as failure:
            raise RunError(f"cannot rename {self.path / name}: {failure.strerror}; {self._remedy()}") from failure

    def write_experiment(self, experiment: Experiment) -> None:
        """Let experiment.yaml hold this experiment, whose plugins that are single files have copies here.

        Raises:
            RunError: if it cannot be written.
        """
        try:
            self._write_experiment(experiment)
        except OSError as failure:
            raise RunError(f"cannot write to {self.path}: {failure.strerror}; {self._remedy()}") from failure

    def _write_experiment(self, experiment: Experiment) -> None:
        """The same, as it stands in a folder that may be moved or sent to others."""
        from gankit.config.yaml.writer import dump_experiment

        copies = [self._kept(file).relative_to(self.path) for file in experiment.plugins]
        resolved = dump_experiment(experiment.model_copy(update={"plugins": copies}))
        write_at_once(self.path / EXPERIMENT, resolved.encode())

    def _kept(self, file: Path) -> Path:
        """The copy of a plugin; one that holds something else stays beside it, named by its hash."""
        from gankit.discovery.sources import sha256_of

        copy, content = self.path / PLUGINS / file.name, file.read_bytes()
        copy.parent.mkdir(exist_ok=True)
        if copy.exists() and (held := read_regular(copy)) != content:
            write_at_once(copy.with_name(f"{copy.name}.{sha256_of(copy)[:12]}"), held)
        write_at_once(copy, content)
        return copy

    def time(self, event: str, **facts: float | str) -> None:
        """Append an event to times.jsonl: wall-clock time (UTC), its name, `facts`, peak memory in bytes.

        If it cannot be written the run goes on without.
        """
        from gankit.runs.provenance import peak_memory

        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        measured = {name: fact if isinstance(fact, str) else number_as_json(fact) for name, fact in facts.items()}
        entry = {"time": moment, "event": event, **measured, "peak_memory": peak_memory()}
        self._clock.attempt(lambda: self._append(TIMES, [entry]), "to be written")

    def _replace(self, name: str, content: bytes) -> None:
        try:
            write_at_once(self.path / name, content)
        except OSError as failure:
            raise RunError(f"cannot write to {self.path / name}: {failure.strerror}; {self._remedy()}") from failure

    def _append(self, name: str, objects: Sequence[Mapping[str, Any]]) -> None:
        """Append one line for each object in one go, so that readers of a live run see whole lines."""
        lines = _lines(objects)
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(lines)

    def _no_checkpoint(self, failure: OSError) -> str:
        return f"cannot write a checkpoint to {self.checkpoints}: {failure.strerror}; {self._remedy()}"

    def _remedy(self) -> str:
        """What can be done about a disk that is full."""
        return f"make room, then go on from the last checkpoint with: gankit resume {quote(str(self.path))}"


def _lines(objects: Iterable[Mapping[str, Any]]) -> str:
    """A line of JSON for each."""
    return "".join(json.dumps(entry, allow_nan=False) + "\n" for entry in objects)


def is_run(path: Path) -> bool:
    """Whether `path` is the folder of a run."""
    return (path / EXPERIMENT).is_file()


def clear_leftovers(path: Path) -> None:
    """Remove what a process left in the folder of a run when it was killed, unless another one has the folder."""
    if leftovers(path / "checkpoints"):
        with suppress(OSError, UserError):
            RunFolder.open(path).close()


def refuse_used(path: Path) -> None:
    """Say early that a run cannot be made in `path`.

    Raises:
        FolderTakenError: if `path` holds a run.
        UserError: if it is a folder with anything else in it, or no folder.
    """
    if not path.is_dir():
        if path.exists():
            raise UserError(f"{path} is not a folder; choose a new or empty folder with --out")
        return
    held = sorted(entry.name for entry in path.iterdir())
    if EXPERIMENT in held:
        remedy = (
            "go on with it by --resume, choose another folder with --out or another name with --set name=..., or "
            f"remove it to begin anew: rm -r {quote(str(path))}"
        )
        raise FolderTakenError(f"{path} already holds a run; {remedy}")
    # by a process that was killed before it had made the folder a run; whoever looked since has removed the lock
    is_begun = LOCK in held or HOLDER in held
    foreign = [name for name in held if not is_begun or name.removeprefix(".").partition(".")[0] not in BEGUN_WITH]
    if foreign:
        raise UserError(f"{path} is not empty: it holds {foreign[0]}; choose a new or empty folder with --out")
