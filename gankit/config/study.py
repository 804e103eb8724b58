"""What a study's file says beside its experiment, and the runs that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from gankit.config.evaluation import default
from gankit.config.experiment import NAME, Experiment
from gankit.config.yaml.nodes import Item, Key, Table, plain_value
from gankit.core.errors import UserError
from gankit.core.options import Options, did_you_mean
from gankit.kinds import Launcher

STUDY = "study.yaml"
"""What a study's folder holds: the study as it was run."""
SEED = "seed"
"""The axis that every variant is repeated along."""
EXTENDS = "extends"
"""What a variant says of the experiment that it is."""

Values = Annotated[list[Any], Field(min_length=1)]


class Variants(Options):
    """One experiment in several variants, each with several seeds."""

    matrix: dict[str, Values] = {}
    """Values of options, by their dotted paths, as in {loss: [a, b], training.batch: [16, 32], seed: [0, 1, 2]}: every
    combination is a variant, and all variants are run with every seed."""
    variants: dict[Annotated[str, Field(pattern=NAME)], dict[str, Any] | None] = {}
    """Further variants by the names that you give them, each with the options that it changes, as in {large:
    {training.batch: 64}}, or with a whole experiment that what the study says is written over, as in {other: {extends:
    other.yaml}}."""
    exclude: list[dict[str, Any]] = []
    """Combinations that are left out, as in [{loss: b, training.batch: 32}]; seeds may be named too."""


class StudyOptions(Variants):
    """A study: variants of an experiment, and where their runs are carried out."""

    launcher: Launcher = default("sequential")
    """Where the runs are carried out."""


def said_of_study(root: Table) -> dict[Key, Item]:
    """What of a file is about the study and not about its experiment; null says nothing."""
    fields = StudyOptions.model_fields
    return {key: entry for key, entry in root.entries.items() if key in fields and plain_value(entry.node) is not None}


class StudyVariant(NamedTuple):
    """One way in which the experiment is changed."""

    name: str
    changes: dict[str, Any]
    """What is changed, by the dotted paths of options."""
    experiment: Experiment
    """With the first of its seeds."""


class StudyRun(NamedTuple):
    """One run of a study."""

    variant: StudyVariant
    seed: int

    @property
    def name(self) -> str:
        """Its name within the study, and its folder within the study's."""
        return f"{self.variant.name}/seed-{self.seed}"

    def matches(self, pattern: str) -> bool:
        """Whether its name, or that of its variant, matches a pattern of the shell."""
        return any(fnmatchcase(name, pattern) for name in (self.name, self.variant.name))

    @property
    def experiment(self) -> Experiment:
        """What is run."""
        return self.variant.experiment.model_copy(update={SEED: self.seed})

    @property
    def images(self) -> int:
        """Real images that it shows."""
        return sum(stage.images for stage in self.variant.experiment.stages())


@dataclass(frozen=True)
class Study:
    """A study that was read and checked."""

    name: str
    runs: list[StudyRun]
    launcher: Launcher
    root: Table
    """Its file with all that it and its variants extend, the paths of plugins absolute."""

    @property
    def variants(self) -> list[StudyVariant]:
        """All variants, in the order of the file."""
        return list({run.variant.name: run.variant for run in self.runs}.values())

    def chosen(self, patterns: Sequence[str]) -> list[StudyRun]:
        """The runs whose name, or whose variant's name, matches one of the shell's `patterns`; all without patterns.

        Raises:
            UserError: if that is none.
        """
        matching = [run for run in self.runs if not patterns or any(map(run.matches, patterns))]
        if not matching:
            names = [name for run in self.runs for name in (run.variant.name, run.name)]
            hint = did_you_mean(patterns[0], names) or f" Variants: {', '.join(v.name for v in self.variants)}."
            raise UserError(f"--only: no run matches {' or '.join(patterns)}.{hint}", hint)
        return matching


def extent(runs: Sequence[StudyRun]) -> str:
    """How much there is to do, in words."""
    images = sum(run.images for run in runs)
    variants = len({run.variant.name for run in runs})
    plurals = ["" if count == 1 else "s" for count in (len(runs), variants)]
    return f"{len(runs)} run{plurals[0]} of {variants} variant{plurals[1]}, {images:,} images in all"
