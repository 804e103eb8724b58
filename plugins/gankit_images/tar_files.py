"""What lies where in tar archives, which are read where they are: nothing of them is ever written to the disk."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gankit import UserError
from gankit.core.files import refuse_irregular
from gankit.core.text import printable, shortened

BLOCK = 512
"""Bytes of a header, and of what contents are filled up to."""
MOST_SAID = 2**20
"""Bytes that may come before a member to tell its name and size."""
ZEROS = bytes(BLOCK)
"""What an archive ends with."""
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
"""How archives begin that are packed as a whole, so that no member can be had without all before it."""
SAYING = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE}
"""Members that tell of others."""


class Member(NamedTuple):
    """Something in an archive."""

    name: str
    start: int
    """Where the first header is that tells of it."""
    place: int
    """Where its content begins."""
    size: int
    """Bytes of its content."""
    is_file: bool
    """Whether it is a file, and not a folder, a link or a device."""
    is_folder: bool


def members(file: Path, start: int = 0) -> Iterator[Member]:
    """All members of an archive from one on, of which nothing but headers is read.

    Args:
        file: The archive, uncompressed.
        start: Where the first header of that one is.

    Raises:
        UserError: if it cannot be read, is damaged or cut, or holds what no shard does.
    """
    with opened(file) as descriptor:
        length = os.fstat(descriptor).st_size
        _refuse_compressed(file, os.pread(descriptor, 6, 0))
        here, first, said = start, start, {}
        while here < length:
            block = os.pread(descriptor, BLOCK, here)
            if block == ZEROS:
                return
            try:
                header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except (tarfile.HeaderError, ValueError) as problem:
                what = "damaged, cut or no tar archive" if here else "no tar archive, or damaged"
                raise UserError(f"{file} is {what}: no header at byte {here:,} ({problem})") from None
            content = here + BLOCK
            name = said.get("path", header.name)
            size = header.size if header.type in SAYING else _size(said.get("size"), header.size)
            if header.type == tarfile.GNUTYPE_SPARSE or "GNU.sparse" in said:
                raise UserError(f"{file}: {_short(name)} is sparse; pack the shard again without (tar has --sparse)")
            has_content = header.isreg() or header.type in SAYING or header.type not in tarfile.SUPPORTED_TYPES
            end = content + (size if has_content else 0)
            if size < 0 or end > length:
                raise UserError(
                    f"{file} is damaged or cut: {_short(name)} should end at byte {end:,}, but there are {length:,}"
                )
            if header.type in SAYING:
                if header.size > MOST_SAID:
                    raise UserError(f"{file}: a header of {header.size:,} bytes at {here:,} is more than any needs")
                said |= _said(header.type, os.pread(descriptor, header.size, content))
            else:
                yield Member(name.rstrip("/"), first, content, size, header.isreg(), header.isdir())
                said = {}
            here = content + -(-(end - content) // BLOCK) * BLOCK
            first = first if said else here


def read_at(file: Path, place: int, size: int) -> bytes:
    """So many bytes of an archive.

    Raises:
        OSError: if they cannot be read, or are no longer there.
    """
    refuse_irregular(file)
    descriptor = os.open(file, os.O_RDONLY)
    try:
        content = os.pread(descriptor, size, place)
    finally:
        os.close(descriptor)
    if len(content) != size:
        raise OSError(f"{file} has become shorter")
    return content


@contextmanager
def opened(file: Path) -> Iterator[int]:
    """A file by its descriptor.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        refuse_irregular(file)
        descriptor = os.open(file, os.O_RDONLY)
    except OSError as failure:
        raise UserError(f"{file}: cannot be read: {failure.strerror}") from failure
    try:
        yield descriptor
    except OSError as failure:
        raise UserError(f"{file}: cannot be read: {failure.strerror}") from failure
    finally:
        os.close(descriptor)


def _refuse_compressed(file: Path, beginning: bytes) -> None:
    for magic, how in COMPRESSED.items():
        if beginning.startswith(magic):
            raise UserError(
                f"{file} is compressed by {how}, so that no image can be read without all before it; "
                "shards are read as plain .tar: unpack it, as by gunzip"
            )


def _said(kind: bytes, content: bytes) -> dict[str, str]:
    """What a member tells of the next."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        return {"path": content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    if kind in (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE):
        return {}
    found, here = {}, 0
    while here < len(content):  # each is LENGTH NAME=VALUE\n
        length, _, _ = content[here : here + 20].partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(content) - here:
            break
        name, _, value = content[here + len(length) + 1 : here + int(length) - 1].partition(b"=")
        if name in (b"path", b"size"):
            found[name.decode()] = value.decode("utf-8", "surrogateescape")
        elif name.startswith(b"GNU.sparse"):
            found["GNU.sparse"] = ""
        here += int(length)
    return found


def _size(said: str | None, of_header: int) -> int:
    """Bytes of a member, as the extended header has it where there is one."""
    return int(said) if said is not None and said.isascii() and said.isdecimal() and len(said) < 19 else of_header


def _short(name: str) -> str:
    return shortened(printable(name), 100)
