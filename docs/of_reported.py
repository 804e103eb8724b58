"""The page of what papers report, out of the comments at the heads of experiments/papers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from in_markdown import MADE, cell

PAPERS = Path(__file__).parents[1] / "experiments" / "papers"
PARTS = ("reported, and of which images", "how it was measured", "what it took", "where that stands")
"""What the sentence says, in this order, with semicolons between."""

ABOUT = """
What the papers themselves report for the files in `experiments/papers/`, each of which says it in the comment at its
head, from where this page is made. **Nobody has trained these files to their end with gankit**; how far they are the
originals, and where not, stands in [the systems](systems.md). What was measured with gankit is in
[the results](results/README.md).

- Read no ranking out of it. The numbers were measured in different ways: with 5,000 images a FID is larger than with
  50,000 by several points, and the lowest of a run, or the best of several runs, is better than what a run ends with.
- *As remembered* stands with what was found in no text, be it the paper, its authors' code or others who quote it.
  Where another text that quotes a number was read in place of the paper, it is named.
- gankit measures `fid` with `evaluation.images` generated images, 50,000 in these files, against as many training
  images, or all if there are fewer, by the [averaged generator](averages.md) at the end of each stage. For the lowest
  of a run set `evaluation.every` ([how numbers are measured](evaluation.md)).
- What a file would take on a machine of one's own, `gankit estimate experiments/papers/FILE` tells
  [beforehand](profiling.md). Several GPUs, and batches that one cannot hold, are a matter of
  [two options](scaling.md).
"""


def page() -> Iterator[str]:
    """A table of all files."""
    yield from ("# What the papers report", "", MADE, *ABOUT.rstrip().splitlines(), "")
    yield f"| experiments/papers/ | {' | '.join(PARTS)} |"
    yield "| --- " * (1 + len(PARTS)) + "|"
    for file in sorted(PAPERS.glob("*.yaml")):
        yield f"| [`{file.stem}`](../experiments/papers/{file.name}) | {' | '.join(map(cell, reported(file)))} |"


def reported(file: Path) -> list[str]:
    """The parts of the sentence "Reported: ...", a paragraph of the comment at the head of a file.

    Raises:
        ValueError: if there is none, or one of other than four parts.
    """
    head = takewhile(lambda line: line.startswith("#"), file.read_text().splitlines())
    paragraphs = "\n".join(line.removeprefix("#").strip() for line in head).split("\n\n")
    said = [paragraph for paragraph in paragraphs if paragraph.startswith("Reported: ")]
    if len(said) != 1:
        raise ValueError(f"{file.name}: {len(said)} paragraphs of its first comment begin with 'Reported: ', not one")
    parts = re.sub(r"\s+", " ", said[0]).removeprefix("Reported: ").removesuffix(".").split("; ")
    if len(parts) != len(PARTS):
        raise ValueError(f"{file.name}: 'Reported: ' has {len(parts)} parts between semicolons, not {'; '.join(PARTS)}")
    return parts
