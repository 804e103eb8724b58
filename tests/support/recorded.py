"""Folders of runs that were never trained: all that is read of a run, written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gankit.kinds.callbacks import Row
from gankit.runs.folder import RunFolder

PROTOCOL: dict[str, Any] = {"metric": {"use": "fidelity/fid"}, "images": 1000, "extractor": "digits@3f", "seed": 0}
STAGES = ((4, 1000), (8, 2000))
"""Resolution and real images of each stage."""


def recorded(
    path: Path, rows: Iterable[Row], stages: Sequence[tuple[int, int]] = STAGES, times: Any = (), **options: Any
) -> Path:
    """The folder of a run that has recorded `rows` and goes through `stages`.

    Args:
        path: The folder.
        rows: Of its metrics.jsonl.
        stages: Resolution and real images of each stage.
        times: Lines of its times.jsonl: each event's name and what is said of it.
        options: Of its experiment; `use` stands for a variant's loss.
    """
    path.mkdir(parents=True)
    (path / "experiment.yaml").write_text(yaml.safe_dump({"name": "tiny", **options}))
    (path / "provenance.json").write_text(json.dumps({"stages": [[*stage, 0] for stage in stages]}))
    folder = RunFolder(path)
    folder.record(list(rows))
    for event, facts in times:
        folder.time(event, **facts)
    folder.close()
    return path


def measured(images: int, stage: int, resolution: int, protocol: Any = PROTOCOL, **metrics: float) -> list[Row]:
    """The rows of one evaluation; floors are of reals, and high values of `is` are better."""
    return [
        Row(
            images,
            stage,
            resolution,
            name,
            value,
            {
                **protocol,
                "better": "higher" if name == "is" else "lower",
                "resolution": resolution,
                **({"of": "held-out reals"} if name.endswith("_floor") else {}),
            },
        )
        for name, value in metrics.items()
    ]


def study(folder: Path, fids: Mapping[str, Sequence[float]], **options: Any) -> Path:
    """A study with a loss for each variant, whose seeds have come to these FIDs at the end of both stages."""
    for loss, values in fids.items():
        for seed, value in enumerate(values):
            about: dict[str, Any] = {"name": folder.name, "variant": f"loss={loss}", "seed": seed}
            rows = [*measured(1000, 1, 4, fid=value / 10, fid_floor=0.02), *measured(3000, 2, 8, fid=value)]
            path = folder / f"loss={loss}" / f"seed-{seed}"
            recorded(path, rows, loss={"use": f"gan/{loss}"}, **about, **options)
    return folder
