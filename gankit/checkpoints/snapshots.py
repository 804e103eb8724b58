"""Snapshots: the weights of some averages at moments of a run, out of which others are made; complete or not there.

snapshots/<images>/NAME.safetensors   for each of the averages
snapshots/<images>/manifest.json      where the run stood, their lengths, and the sha256 of each file and of itself
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from gankit.checkpoints.integrity import (
    FORMAT,
    MANIFEST,
    SNAPSHOTS,
    CorruptCheckpointError,
    found,
    manifest_text,
    parsed,
    read_file,
    read_manifest,
    write,
    written_folder,
)
from gankit.checkpoints.store import plain
from gankit.core.failures import warn
from gankit.training.profiles import Profile

LENGTHS = "lengths"
"""What a manifest calls the lengths of the averages, by their names."""


class Snapshot(NamedTuple):
    """Where one lies, and what it says of itself."""

    path: Path
    manifest: dict[str, Any]

    @property
    def profiles(self) -> dict[str, Profile]:
        """Those of its averages, by name; images count from the beginning of the resolution."""
        shown = self.manifest["resolution_images"]
        return {name: Profile(length, shown) for name, length in self.manifest[LENGTHS].items()}

    def weights(self, name: str) -> dict[str, Tensor]:
        """The state_dict of one of its averages, on the CPU.

        Raises:
            CorruptCheckpointError: if it is not what was written.
        """
        file = f"{name}.safetensors"
        return parsed(file, lambda: load_safetensors(read_file(self.path, self.manifest, file)))


def save_snapshot(
    folder: Path, weights: Mapping[str, Mapping[str, Tensor]], position: Mapping[str, Any], lengths: Mapping[str, float]
) -> None:
    """Write one to `folder`/<images>, in place of one that is there; equal weights give equal files.

    Args:
        folder: Where the run's snapshots are; made if it is not there.
        weights: The state_dict of each average.
        position: Where the run stands: plain values, among them `images` and `resolution_images`.
        lengths: Those of the averages.

    Raises:
        OSError: if it cannot be written; those before are as they were.
    """
    folder.mkdir(exist_ok=True)
    with written_folder(folder, f"{position['images']:012d}") as aside:
        files = {f"{name}.safetensors": save_safetensors(plain(state)) for name, state in weights.items()}
        sums = {name: write(aside / name, content) for name, content in files.items()}
        write(aside / MANIFEST, manifest_text({"format": FORMAT, **position, LENGTHS: {**lengths}, "files": sums}))


def snapshots_of(run: Path) -> list[Snapshot]:
    """Those of a run, oldest first; each that is damaged is told on standard error and passed over."""
    whole: list[Snapshot] = []
    for path in found(run / SNAPSHOTS):
        try:
            manifest = read_manifest(path)
            for name in manifest[LENGTHS]:
                if f"{name}.safetensors" not in manifest["files"]:
                    raise CorruptCheckpointError(f"{name}.safetensors is not there")
            whole.append(Snapshot(path, manifest))
        except CorruptCheckpointError as reason:
            warn(f"snapshot {path} is damaged and not used: {reason}")
    return whole
