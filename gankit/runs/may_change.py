"""Options that may be other ones when a run goes on, for whoever goes by them and whoever tells of them."""

from __future__ import annotations

MAY_CHANGE = (
    *("observers", "evaluation", "checkpoints"),
    *("training.device", "training.micro_batch", "training.processes"),
    *("training.average.statistics", "training.averages.*.statistics"),
)
"""Options of which none changes what is trained, but that statistics of a batch are those of parts of it, which is
told."""
HOW_READ = ("max_megapixels", "range")
"""Options of a data set, if it has them, that say how image files are read: they may change as long as the images come
out the same."""
IN_ALL = (*MAY_CHANGE, "data.path", *(f"data.{option}" for option in HOW_READ))
"""Both, and where the images of folders and archives lie."""


def listed_options(options: tuple[str, ...] = IN_ALL) -> str:
    """Options as a sentence lists them."""
    return f"{', '.join(options[:-1])} and {options[-1]}"
