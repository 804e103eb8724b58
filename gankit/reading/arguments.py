"""Options of an experiment that are given on the command line, one argument each."""

from __future__ import annotations

import json
import os.path
from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from gankit.options import Options
from gankit.reading.locating import mistakes_of
from gankit.reading.marks import Mark, report
from gankit.reading.nodes import Entry, Scalar, plain, table
from gankit.reading.yamlfile import parse

T = TypeVar("T", bound=Options)


def read_arguments(model: type[T], given: Mapping[str, str | None]) -> T:
    """The options that arguments give, each the YAML of one; those that are None are left out.

    Raises:
        UserError: with every mistake found, each naming its argument.
    """
    entries = {}
    for option, text in given.items():
        if text is not None:
            mark = Mark(f"--{option} {text}")
            entries[option] = Entry(mark, parse(text, mark.source, has_lines=False) or Scalar(mark, None))
    root = table(Mark(""), entries)
    try:
        return model.model_validate(plain(root))
    except ValidationError as failure:
        raise report(mistakes_of(failure, root), first="") from None


def data_argument(text: str, **options: object) -> str:
    """A data set as YAML: `text` itself, or the folder of images that it names.

    Args:
        text: A name, a mapping with its options, or an existing folder.
        options: Of the folder's data set.
    """
    if not os.path.isdir(text):
        return text
    return json.dumps({"use": "folder", "path": os.path.abspath(text), **options})
