"""Shards as WebDataset has them: tar archives whose neighbouring members of one name are a sample."""

from __future__ import annotations

import itertools
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gankit import UserError
from gankit.core.text import printable
from gankit.data.image_files import ENDINGS
from gankit.data.indexes import file_state, kept_index
from gankit.data.progress import PreparationProgress
from gankit.data.trees import PackedFile
from gankit_images.records import Labels, Records, label_text, labels_of, refuse_large
from gankit_images.tar_files import Member, members, read_at

IMAGES = [ending.removeprefix(".") for endings in ENDINGS.values() for ending in endings]
"""Endings of images, the preferred first."""
MOST_SHARDS = 100_000
"""Files that braces may name."""
BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"([0-9]+)\.\.([0-9]+)")


def shards_at(path: Path) -> list[Path]:
    """The shards that a path means: a .tar, those in a folder, or what braces and wildcards name, in natural order.

    Raises:
        UserError: if there are none, or one that braces name is missing.
    """
    from gankit_images.classes import in_natural_order

    if os.path.isfile(path):
        return [path]
    if os.path.isdir(path):
        found = [name for name in os.listdir(path) if name.lower().endswith(".tar") and not name.startswith(".")]
        if not found:
            packed = [name for name in os.listdir(path) if ".tar." in name or name.lower().endswith(".tgz")]
            hint = f"; {min(packed)} is compressed: unpack it to a plain .tar" if packed else ""
            raise UserError(f"there is no .tar in {path}{hint}")
        return [path / name for name in in_natural_order(found)]
    shards: list[Path] = []
    for each in _expanded(str(path)):
        if re.search(r"[*?\[]", each) and not os.path.exists(each):
            import glob

            shards += map(Path, in_natural_order(glob.glob(each)))
        elif os.path.isfile(each):
            shards.append(Path(each))
        else:
            raise UserError(f"there is no file {each}")
    if not shards:
        raise UserError(f"there are no shards {path}")
    return shards


def _expanded(pattern: str) -> Iterator[str]:
    """What a pattern means whose braces hold numbers, {000..012}, or names, {train,test}.

    Raises:
        UserError: if these are too many.
    """
    texts, choices, count = [], [], 1
    end = 0
    for found in BRACES.finditer(pattern):
        if numbers := RANGE.fullmatch(found[1]):
            first, last = sorted(map(int, numbers.groups()))
            choice: Sequence[int | str] = range(first, last + 1)
            width = len(numbers[1]) if numbers[1].startswith("0") else 0
        else:
            choice, width = found[1].split(","), 0
        count *= len(choice)
        texts.append(pattern[end : found.start()])
        choices.append([f"{each:0{width}}" if isinstance(each, int) else each for each in choice[: MOST_SHARDS + 1]])
        end = found.end()
        if count > MOST_SHARDS:
            raise UserError(f"{pattern} names {count:,} files, more than {MOST_SHARDS:,}")
    for chosen in itertools.product(*choices):
        yield "".join(text + each for text, each in zip(texts, chosen, strict=True)) + pattern[end:]


class _Sample(NamedTuple):
    """Where the image of a sample lies, and its label."""

    shard: int
    start: int
    place: int
    size: int
    label: int = 0
    label_size: int = -1
    """-1 without one."""


class Shards(Records):
    """The images of some shards, one a sample."""

    def __init__(self, path: Path, image: str | None) -> None:
        """Look up what lies where, unless that is known.

        Args:
            path: As in `shards_at`.
            image: The ending of the images; None: in each sample the first that there is of `IMAGES`.

        Raises:
            UserError: if a shard is missing or damaged, or there are no images.
        """
        self._shards, self._image = shards_at(path), image and image.removeprefix(".").lower()
        self._top = Path(os.path.commonpath([shard.parent for shard in self._shards]))
        try:
            states = [file_state(shard) for shard in self._shards]
        except OSError as failure:
            raise UserError(f"{failure.filename}: cannot be read: {failure.strerror}") from failure
        self._key = repr(("shards", self._image, states))
        index = kept_index([self._key], lambda: _index(self._shards, self._image))
        self.passed_over = Counter(dict(zip(index["others"].tolist(), index["counts"].tolist(), strict=True)))
        self._samples = [index[name] for name in _Sample._fields]
        if not len(self):
            looked_for = f".{self._image}" if self._image else ", ".join(f".{ending}" for ending in IMAGES)
            others = ", ".join(f"{count:,} {what}" for what, count in self.passed_over.most_common(5)) or "nothing"
            raise UserError(f"there are no images in {path}; looked for {looked_for}; found {others}")

    def __len__(self) -> int:
        """Number of samples that have an image."""
        return len(self._samples[0])

    def __str__(self) -> str:
        """The folder that all shards lie in."""
        return str(self._top)

    def key(self) -> str:
        """The names of the shards, their sizes and when they were written."""
        return self._key

    def name(self, position: int) -> str:
        """The shard, and the name in it."""
        sample = self._sample(position)
        member = next(members(self._shards[sample.shard], sample.start))
        return f"{self._shards[sample.shard].relative_to(self._top)}/{member.name}"

    def file(self, position: int) -> PackedFile:
        """What the member holds."""
        sample = self._sample(position)
        refuse_large(sample.size)
        content = read_at(self._shards[sample.shard], sample.place, sample.size)
        return PackedFile(f"{self}/{self.name(position)}", content)

    def labels(self) -> Labels:
        """What the .cls of each sample holds."""
        return labels_of([self._label(position) for position in range(len(self))], str(self))

    def _label(self, position: int) -> str:
        sample = self._sample(position)
        if sample.label_size < 0:
            raise UserError(
                f"labels: {printable(self.name(position))} in {self} has no .cls; members of a sample lie side by side "
                "and have one name up to its first dot"
            )
        try:
            content = read_at(self._shards[sample.shard], sample.label, min(sample.label_size, 4096))
        except OSError as failure:
            raise UserError(f"labels: {self._shards[sample.shard]}: {failure.strerror or failure}") from failure
        return label_text(content, lambda: f"the .cls beside {self.name(position)} in {self}")

    def _sample(self, position: int) -> _Sample:
        return _Sample(*(int(column[position]) for column in self._samples))


def _index(shards: Sequence[Path], image: str | None) -> dict[str, np.ndarray]:
    """Where the image of each sample is, in columns; and what else there is."""
    columns, passed_over = [array("q") for _ in _Sample._fields], Counter[str]()
    with PreparationProgress(f"looking up the images of {len(shards):,} shards", len(shards)) as progress:
        for number, shard in enumerate(shards):
            progress.moved_to(number)
            for sample in _samples(number, shard, image, passed_over):
                for column, value in zip(columns, sample, strict=True):
                    column.append(value)
    found = {name: np.array(column, np.int64) for name, column in zip(_Sample._fields, columns, strict=True)}
    others = [printable(what) for what in passed_over]
    return {**found, "others": np.array(others, np.str_), "counts": np.array([*passed_over.values()], np.int64)}


def _samples(number: int, shard: Path, image: str | None, passed_over: Counter[str]) -> Iterator[_Sample]:
    """The samples of a shard that have an image; the other members are counted.

    Raises:
        UserError: if the shard is damaged, or a sample has two members of one ending.
    """
    for _, group in itertools.groupby(_named(shard, passed_over), key=lambda named: named[0]):
        there: dict[str, Member] = {}
        for _, ending, member in group:
            if ending in there:
                raise UserError(f"{shard} holds {printable(member.name)} twice")
            there[ending] = member
        chosen = image if image in there else None if image else next((each for each in IMAGES if each in there), None)
        label = there.get("cls")
        if chosen is not None:
            member = there.pop(chosen)
            labelled = () if label is None else (label.place, label.size)
            yield _Sample(number, member.start, member.place, member.size, *labelled)
        for ending in there:
            passed_over[f".{ending}"] += 1


def _named(shard: Path, passed_over: Counter[str]) -> Iterator[tuple[str, str, Member]]:
    """The files of a shard that are of a sample: with the key of that, the path up to the first dot of the last part.

    The ending is all that comes after, in lower case.
    """
    for member in members(shard):
        folder, _, last = member.name.rpartition("/")
        name, dot, ending = last.partition(".")
        if member.is_folder:
            continue
        if not member.is_file:
            passed_over["links or devices"] += 1
        elif not name:
            passed_over["hidden"] += 1
        elif not dot or (folder + name).startswith("__"):
            passed_over["without ending" if not dot else "of the shard itself"] += 1
        else:
            yield f"{folder}/{name}", ending.lower(), member
