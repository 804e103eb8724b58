"""What runs have measured, read from their folders and compared; reading and comparing import no torch."""

from __future__ import annotations

from os import PathLike
from typing import Any

__all__ = ["load_numbers"]


def load_numbers(*places: str | PathLike[str]) -> Any:
    """All numbers of runs as a table, one number a line; for notebooks.

        numbers = gankit.load_numbers("runs/losses")
        fids = numbers[(numbers.metric == "fid") & numbers.complete]
        fids.groupby(["resolution", "variant"]).value.agg(["count", "mean", "std", "min"])

    Args:
        places: What `gankit compare` takes: runs, studies, folders above either, files of studies; default: runs.

    Returns:
        A pandas.DataFrame, or a list of dicts where pandas is not installed. Of each number:

        - run: the run's folder
        - name, variant, seed: of its experiment or study; variant is None outside of studies
        - images: real images shown when it was measured
        - stage, resolution: the number of the stage, from 1, and the height of its images in pixels
        - stage_name: the stage's own name; empty where it has none
        - metric, value: as in metrics.jsonl; losses and events too
        - complete: whether it is of the last evaluation of a stage that has come to its end; False for losses
        - of: "generated", or the reals that were measured instead; None for losses
        - protocol: how it was measured, a dict; None for losses
        - note: what happened, in words; None for anything but events

    Raises:
        UserError: if there is no such place, no run in it, or a run that cannot be read.
    """
    from pathlib import Path

    from gankit.core.failures import warn
    from gankit.results.finder import gather
    from gankit.results.frame import in_a_frame
    from gankit.results.protocols import GENERATED

    columns = ("run", "name", "variant", "seed", "images", "stage", "resolution")
    columns += ("stage_name", "metric", "value", "complete", "of", "protocol", "note")
    numbers = []
    for run in gather([Path(place) for place in places or ("runs",)]):
        for why in run.damage:
            warn(why)
        about = (str(run.path), run.name, run.variant, run.seed)
        final = {id(row) for stage in run.stages if stage.complete for row in stage.metrics.values()}
        for row in run.rows:
            of = None if row.protocol is None else row.protocol.get("of", GENERATED)
            said = (row.name, row.value, id(row) in final, of, row.protocol, row.note)
            number = (*about, row.images, row.stage, row.resolution, run.names.get(row.stage, ""), *said)
            numbers.append(dict(zip(columns, number, strict=True)))
    return in_a_frame(numbers, columns)
