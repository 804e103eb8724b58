"""From what a user names to the runs that it means."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gankit.config.study import STUDY
from gankit.core.errors import PASSED_ON, UserError
from gankit.core.options import did_you_mean
from gankit.core.text import LONGEST_MESSAGE, printable, shortened
from gankit.results.run_results import RunResults, read_run
from gankit.runs.folder import is_run


class Damaged(NamedTuple):
    """A run that cannot be read."""

    path: Path
    """The run's folder, as it was asked for."""
    reason: str
    """Which of its files is damaged, and how, on one line."""

    def __str__(self) -> str:
        return f"{self.path} is damaged and left out: {self.reason}"


class Gathered(NamedTuple):
    """Runs, each once."""

    runs: list[RunResults]
    damaged: list[Damaged]
    """Those that would be among them if they could be read."""


def gather(places: Sequence[Path]) -> list[RunResults]:
    """The runs of `gather_readable`, of which none may be damaged.

    Raises:
        UserError: if there is no such place, there is no run in it, or one cannot be read.
    """
    runs, damaged = gather_readable(places)
    if damaged:
        raise UserError("\n".join(one.reason for one in damaged))
    return runs


def gather_readable(places: Sequence[Path]) -> Gathered:
    """What the runs that `places` mean have to show, which are as for `find_runs` or such as a plugin can read.

    Run folders come first, as `find_runs` finds them. A place in which there is none is offered to the plugins, which
    may know how to read runs from it: an Aim repository, say. So runs/ is read from its run folders, were they tracked
    in Aim or not, and runs/.aim from Aim; a run that is found in both ways is read from its folder.

    Raises:
        UserError: if there is no such place or no run in it, or a plugin cannot read it.
    """
    folders: dict[Path, Path] = {}
    others: dict[Path, RunResults] = {}
    for place in places:
        try:
            folders |= {path.resolve(): path for path in find_runs([place])} | folders
        except UserError as nothing:
            others |= {run.path.resolve(): run for run in _from_plugins(place, nothing)} | others
    runs: list[RunResults] = []
    damaged: list[Damaged] = []
    for path in folders.values():
        try:
            runs.append(read_run(path, check=True))
        except UserError as reason:
            on_a_line = printable(shortened(" ".join(str(reason).split()), LONGEST_MESSAGE))
            damaged.append(Damaged(path, on_a_line))
    return Gathered([*runs, *(run for path, run in others.items() if path not in folders)], damaged)


def find_runs(places: Sequence[Path]) -> list[Path]:
    """The folders of runs that `places` mean, each once: those of a study in its order, others in that of their names.

    Args:
        places: Runs, studies, folders above either, and files of studies or experiments, which stand for the folder
            that `gankit run` makes of them here.

    Raises:
        UserError: if there is no such place, or no run in it.
    """
    found: dict[Path, Path] = {}
    for place in places:
        below = list(_runs_below(folder_of(place), set()))
        if not below:
            raise UserError(f"{place}: there is no run in {folder_of(place)}")
        for path in below:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def folder_of(place: Path) -> Path:
    """The folder that `place` means: itself, or the one that a file of a study or an experiment is run in.

    Raises:
        UserError: if there is neither.
    """
    if place.is_dir():
        return place
    if not place.exists():
        siblings = [path.name for path in place.parent.iterdir()] if place.parent.is_dir() else []
        hint = did_you_mean(place.name, siblings)
        raise UserError(f"{place}: there is no such folder or file.{hint}", hint)
    from gankit.config.study_loader import name_in

    return Path("runs") / name_in(place)


def _from_plugins(place: Path, nothing: UserError) -> list[RunResults]:
    """The runs that a plugin reads from `place`.

    Raises:
        UserError: `nothing`, if no plugin knows the place; what a plugin says that knows it but cannot read it.
    """
    from gankit.discovery.manager import plugins

    plugins.load_installed()
    try:
        meant = folder_of(place)
    except UserError:  # it is nothing that we know
        meant = place
    failures = dict(plugins.broken)
    refusal: UserError | None = None
    for plugin in plugins.names():
        try:
            found = plugins.call(plugin, "gankit_read_runs", place=meant)
        except UserError as mistake:
            refusal = refusal or mistake
        except PASSED_ON:
            raise
        except BaseException as failure:
            failures[plugin] = plugins.reason(plugin, failure)
        else:
            if isinstance(found, list) and all(isinstance(run, RunResults) for run in found):
                return found
            if found is not None:
                failures[plugin] = "gankit_read_runs gave no list of RunResults"
    if refusal is not None:
        raise refusal
    if failures:
        reasons = "".join(f"\n  plugin {plugin!r}: {why}" for plugin, why in sorted(failures.items()))
        raise UserError(f"{nothing}\nPlugins that might know it have failed:{reasons}")
    raise nothing


def _runs_below(folder: Path, seen: set[str]) -> Iterator[Path]:
    """Every run at or below `folder` not yet `seen`; runs within runs and hidden folders are not looked for."""
    if (real := os.path.realpath(folder)) in seen:  # links may lead in circles
        return
    seen.add(real)
    if is_run(folder):
        yield folder
        return
    try:
        inside = [entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith(".")]
    except FileNotFoundError:  # a study that has not been run yet
        return
    except OSError as failure:
        raise UserError(f"{folder}: cannot be read: {failure.strerror}") from None
    places = {name: place for place, name in enumerate(_variants_of(folder))}
    for name in sorted(inside, key=lambda name: (places.get(name, len(places)), _as_counted(name))):
        yield from _runs_below(folder / name, seen)


def _variants_of(folder: Path) -> list[str]:
    """The variants of the study that was run in a folder, in the order of its file; none if it was none."""
    if not (folder / STUDY).exists():
        return []
    from gankit.config.study_loader import variant_names

    try:
        return variant_names(folder / STUDY)
    except UserError:  # someone has written something else there, and names order runs as well
        return []


def _as_counted(name: str) -> list[tuple[int, str]]:
    """Sorts names so that 2 comes before 10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split("([0-9]+)", name)]


def run_meant(place: Path) -> Path:
    """The only run that a place holds; itself, if there is none in it, for it may be a checkpoint or an export.

    Raises:
        UserError: if it holds several.
    """
    try:
        runs = find_runs([place])
    except UserError:
        return place
    if len(runs) > 1:
        raise UserError(f"{place} holds {len(runs)} runs, such as {runs[0]}; name one of them")
    return runs[0]
