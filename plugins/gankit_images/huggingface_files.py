"""Data sets as Hugging Face's `datasets` keeps them, read from the disk; nothing of them is executed."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import datasets
import numpy as np

from gankit import UserError
from gankit.core.cache import lock_of
from gankit.core.files import refuse_irregular
from gankit.core.text import first_of, shortened
from gankit.data.image_files import SUFFIXES
from gankit.data.indexes import file_state
from gankit.data.trees import PackedFile
from gankit_images.array_files import refuse_gaps
from gankit_images.records import Labels, Records, labels_of, numbered, refuse_large

PARTS = frozenset({"train", "training", "validation", "valid", "val", "dev", "test", "testing", "eval"})
"""Words in the names of files that tell which part of a set they are."""
MOST_NAMED = 20
"""Columns or parts that are named."""


class HuggingFaceImages(Records):
    """The image files in a column of a table."""

    def __init__(self, path: Path, split: str | None, image: str | None, label: str | None) -> None:
        """Open the table, of which only what is asked for is read.

        Args:
            path: What `save_to_disk` wrote, or .parquet or .arrow files, or a folder of these.
            split: Which part, where there are several.
            image: The column of the images; None: the only one that can be.
            label: The column of the labels; None: the only one of classes, or that of this name.

        Raises:
            UserError: if there is no such table, part or column, or no image in it.
        """
        self._path, self.passed_over = path, Counter()
        with _failing_as_mistakes(path):
            table = _table(path, split)
            self._features, self._label = table.features, label
            self._column = self._image_column(image)
            self._table = table.with_format(None)
            self._images = self._table.select_columns([self._column])
            if isinstance(self._features[self._column], datasets.Image):
                self._images = self._images.cast_column(self._column, datasets.Image(decode=False))
            self._images.data.validate(full=True)  # what points elsewhere would crash the process
            states = [file_state(Path(file["filename"])) for file in table.cache_files]
        if not len(self):
            raise UserError(f"there are no images in {path}")
        self._key = repr(("huggingface", self._column, len(self), states))
        self._lock = Lock()  # nobody promises that several threads may read at once

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._images)

    def __str__(self) -> str:
        """The path."""
        return str(self._path)

    def key(self) -> str:
        """The names of the files, their sizes and when they were written, and the column."""
        return self._key

    def name(self, position: int) -> str:
        """The number of the row."""
        return f"{self._column} {position}"

    def file(self, position: int) -> PackedFile:
        """What the row holds, or the file on this disk that it names."""
        try:
            with self._lock:
                value = self._images[position][self._column]
        except Exception as problem:  # each format fails in ways of its own
            raise OSError(_first_line(problem)) from problem
        content, named = (value["bytes"], value["path"]) if isinstance(value, dict) else (value, None)
        if content is None:
            if not named:
                raise OSError("the row has no image")
            file = (self._path if os.path.isdir(self._path) else self._path.parent) / named
            refuse_irregular(file)
            refuse_large(file.stat().st_size)
            return PackedFile(str(file), file.read_bytes())
        refuse_large(len(content))
        suffix = Path(named or "").suffix.lower()
        return PackedFile(f"{self}/{self.name(position)}{suffix if suffix in SUFFIXES else ''}", content)

    def labels(self) -> Labels:
        """The column of labels."""
        column = self._label_column()
        place = f"column {column} of {self}"
        with _failing_as_mistakes(self._path):
            rows = self._table.select_columns([column])
            rows.data.validate(full=True)
            values = rows[:][column]
        feature = self._features[column]
        if None in values:
            raise UserError(f"labels: {place} has none for image {values.index(None)}")
        if isinstance(feature, datasets.ClassLabel):
            numbers = np.array(values, np.int64)
            if numbers.max() < len(feature.names):
                refuse_gaps(np.append(numbers, len(feature.names)), place)
            return Labels(numbers, [*feature.names])
        if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
            return numbered(np.array(values, np.int64), place)
        if all(isinstance(value, str) and value for value in values):
            return labels_of(values, place)
        raise UserError(f"labels: {place} holds {shortened(repr(values[0]), 60)}, not whole numbers or text")

    def _image_column(self, asked: str | None) -> str:
        fitting = [name for name, feature in self._features.items() if _holds_images(feature)]
        named = first_of(fitting, MOST_NAMED) or "none"
        if asked is not None and asked not in fitting:
            raise UserError(f"{self._path} has no column {asked!r} of images; there are {named}")
        if asked is None and len(fitting) != 1:
            which = "; `image` says which" if fitting else f", but {first_of(self._features, MOST_NAMED)}"
            raise UserError(f"{self._path}: columns of images are {named}{which}")
        return asked or fitting[0]

    def _label_column(self) -> str:
        columns = [name for name in self._features if name != self._column]
        named = first_of(columns, MOST_NAMED) or "none"
        if self._label is not None:
            if self._label not in columns:
                raise UserError(f"labels: {self} has no column {self._label!r}; there are {named}")
            return self._label
        classes = [name for name in columns if isinstance(self._features[name], datasets.ClassLabel)]
        if len(classes) != 1:
            classes = [name for name in columns if name == "label"]
        if len(classes) != 1:
            raise UserError(f"labels: `label` says which column of {self} holds them: {named}")
        return classes[0]


def download(name: str, config: str | None, path: Path) -> None:
    """Get a set from the hub and save it, unless another process has meanwhile.

    Raises:
        UserError: if it cannot be had.
    """
    draft = path.with_name(f".{path.name}.download")
    path.parent.mkdir(parents=True, exist_ok=True)
    with lock_of(path):
        if path.exists():
            return
        shutil.rmtree(draft, ignore_errors=True)
        try:
            datasets.load_dataset(name, config, cache_dir=str(draft / "cache")).save_to_disk(draft / "set")
            (draft / "set").rename(path)
        except Exception as problem:  # there are many ways not to reach it
            raise UserError(f"datasets cannot get {name}: {_first_line(problem)}") from problem
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _table(path: Path, split: str | None) -> datasets.Dataset:
    """The table of a part."""
    if (path / "dataset_dict.json").is_file():
        parts = sorted(each.name for each in path.iterdir() if (each / "state.json").is_file())
        return datasets.Dataset.load_from_disk(str(path / _part(parts, split, path)))
    if (path / "state.json").is_file():
        table = datasets.Dataset.load_from_disk(str(path))
        if split is not None and table.split is not None and str(table.split) != split:
            raise UserError(f"{path} is the part {table.split}, not {split!r}")
        return table
    files = _files_of_part(path, split)
    if files[0].suffix.lower() == ".parquet":
        table = datasets.Dataset.from_parquet([str(file) for file in files])
        assert isinstance(table, datasets.Dataset)
        return table
    return datasets.concatenate_datasets([datasets.Dataset.from_file(str(file)) for file in files])


def _files_of_part(path: Path, split: str | None) -> list[Path]:
    """The files of one format that are a part of a set."""
    if os.path.isfile(path):
        there = [path]
    elif os.path.isdir(path):
        there = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    else:
        raise UserError(f"there is no folder or file {path}")
    for suffix in (".parquet", ".arrow"):
        if files := [file for file in there if file.suffix.lower() == suffix]:
            if files == [path]:
                return files
            parts = {file: _words(file.relative_to(path)) & PARTS for file in files}
            if any(parts.values()):
                part = _part(sorted({word for words in parts.values() for word in words}), split, path)
                return [file for file in files if part in parts[file]]
            return files
    raise UserError(
        f"{path}: `datasets` has not saved this; expected a folder that save_to_disk wrote, or .parquet or .arrow files"
    )


def _words(file: Path) -> set[str]:
    return {*re.split(r"[^a-z]+", str(file.with_suffix("")).lower())}


def _part(parts: Sequence[str], split: str | None, path: Path) -> str:
    """Which of several parts is meant."""
    if split is None and len(parts) == 1:
        return parts[0]
    if (asked := split or "train") not in parts:
        raise UserError(f"{path} has no part {asked!r}; `split` may be {first_of(parts, MOST_NAMED) or 'nothing'}")
    return asked


def _holds_images(feature: Any) -> bool:
    if isinstance(feature, dict):
        return feature.keys() == {"bytes", "path"}
    return isinstance(feature, datasets.Image) or getattr(feature, "dtype", "") in ("binary", "large_binary")


@contextmanager
def _failing_as_mistakes(path: Path) -> Iterator[None]:
    """Have whatever the library fails with be a mistake of the set, and its bars and warnings be silent."""
    shown, level = datasets.are_progress_bars_disabled(), datasets.utils.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.utils.logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as problem:  # each format fails in ways of its own
        raise UserError(f"{path}: cannot be read: {_first_line(problem)}") from problem
    finally:
        datasets.utils.logging.set_verbosity(level)
        if not shown:
            datasets.enable_progress_bars()


def _first_line(problem: Exception) -> str:
    return str(problem).splitlines()[0] if str(problem) else type(problem).__name__
