"""Samples written as they are drawn, however many there are: a file of each, or all of them as one array."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from gankit.core.files import written_at_once
from gankit.data.label_file import folder_names, write_attributes, write_labels
from gankit.data.pictures import as_png

SMALLEST_PNG = 67
"""Bytes that the picture of a single grey pixel takes."""


class SampleBatch(NamedTuple):
    """Some samples."""

    images: np.ndarray
    """uint8 [n, H, W, C]."""
    labels: np.ndarray | None
    """Classes, int64 [n], or the values of attributes, float32 [n, attributes]; None without labels."""
    seeds: Sequence[int] | None = None
    """The seed of each, which files are named by; None: they are numbered as they come."""


def write_images(
    folder: Path,
    batches: Iterable[SampleBatch],
    names: Sequence[str],
    about: Callable[[int | None], Mapping[str, str]] = lambda seed: {},
    attributes: Sequence[str] = (),
) -> None:
    """Write every image as a picture of its own, 000000.png, 000001.png, ..., or by its seed, as seed000120.png.

    Args:
        folder: Where to; made if it is not there.
        batches: The images.
        names: What their classes are called. If there are any, images lie in a folder for each class, called by
            `folder_names`, with a label file beside these.
        about: Texts that are kept in the picture of a seed, or of none.
        attributes: What their attributes are called. If there are any, their values lie beside the images in a
            labels.csv, as a data set of the folder reads them.

    Raises:
        OSError: if one cannot be written.
    """
    places = [folder / name for name in folder_names(names)] or [folder]

    def written() -> Iterator[tuple[str, Any]]:
        number = 0
        for images, labels, seeds in batches:
            of_each = [0] * len(images) if labels is None else labels.tolist()
            for image, label, seed in zip(images, of_each, seeds or [None] * len(images), strict=True):
                file = places[label if names else 0] / (f"{number:06}.png" if seed is None else f"seed{seed:06}.png")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(as_png(image, about=about(seed)))
                number += 1
                yield file.relative_to(folder).as_posix(), label

    folder.mkdir(parents=True, exist_ok=True)
    if names:
        write_labels(folder, names, written())
    elif attributes:
        write_attributes(folder, attributes, written())
    else:
        for _ in written():
            pass


def write_array(
    file: Path,
    shape: Sequence[int],
    batches: Iterable[SampleBatch],
    names: Sequence[str],
    about: Mapping[str, str] | None = None,
    attributes: Sequence[str] = (),
) -> None:
    """Write all images as one array, uint8 [N, H, W, C], that is complete or not there.

    A .npz holds it as `images`; of samples of classes `labels`, int64 [N], and `classes`, their names, are beside it,
    of those with attributes `labels`, float32 [N, attributes], and `attributes`, their names; `seeds`, int64 [N], if
    each has one, and `about`, a JSON text, if there is any.

    Args:
        file: A .npy or .npz.
        shape: That of all images together.
        batches: The images.
        names: What their classes are called; empty without.
        about: What made them.
        attributes: What their attributes are called; empty without.

    Raises:
        OSError: if it cannot be written.
    """
    labels: list[np.ndarray] = []
    seeds: list[int] = []

    def write_to(stream: IO[bytes]) -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": (*shape,)}
        np.lib.format.write_array_header_1_0(stream, header)
        for batch in batches:
            stream.write(np.ascontiguousarray(batch.images).data)
            labels.extend([] if batch.labels is None else [batch.labels])
            seeds.extend(batch.seeds or ())

    file.parent.mkdir(parents=True, exist_ok=True)
    with written_at_once(file) as out:
        if file.suffix.lower() == ".npy":
            write_to(out)
            return
        with zipfile.ZipFile(out, "w") as archive:
            with archive.open(zipfile.ZipInfo("images.npy"), "w", force_zip64=True) as member:  # of no date: same bytes
                write_to(member)
            called = {"attributes": np.array(attributes)} if attributes else {"classes": np.array(names)}
            others = {"labels": np.concatenate(labels), **called} if labels else {}
            others |= {"seeds": np.array(seeds, np.int64)} if seeds else {}
            others |= {"about": np.array(json.dumps(dict(about)))} if about else {}
            for name, array in others.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
