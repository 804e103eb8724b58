"""`make bench`: measures gankit, and peers beside it, and prints one table of what was measured and one of goals."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

from benchmarks import comparing, versions
from benchmarks.effort import Effort
from benchmarks.machine import description
from benchmarks.peers import known
from benchmarks.rows import HEADINGS, ITERATION_HEADINGS, Iteration, Row, markdown
from benchmarks.systems import SYSTEMS

Benchmark = Callable[[Effort], Iterator[Row | Iteration]]

OWN = (
    "steps",
    "fading",
    "overhead",
    "loading",
    "starting",
    "evaluating",
    "extracting",
    "allocating",
    "precision",
    "ranks",
)
"""Modules that measure gankit alone."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and print it."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    effort = Effort().smoke() if asked.smoke else Effort()
    effort = replace(effort, **{name: value for name in ("seconds", "runs") if (value := getattr(asked, name))})
    peers = [_peer(parser, text) for text in asked.peer]
    if asked.profile:
        system, resolution = asked.profile
        for profile in comparing.profiles(system, resolution, [path for path, _ in peers], effort):
            print(profile, flush=True)
        return 0
    names = OWN if asked.only is None else _chosen(parser, asked.only)
    chosen: dict[str, Benchmark] = {name: import_module(f"benchmarks.{name}").measure for name in names}
    chosen |= {path.name: partial(versions.measure, path) for path in asked.version}
    chosen |= {known(path).name: partial(comparing.measure, path, of) for path, of in peers}
    print(f"{description()}; {effort.runs} run{'s' * (effort.runs > 1)}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="gankit-bench-") as folder:
        effort = replace(effort, folder=Path(folder))
        found = [each for name, benchmark in chosen.items() for each in _told(name, benchmark(effort))]
    if iterations := [each.cells() for each in found if isinstance(each, Iteration)]:
        print(markdown(ITERATION_HEADINGS, iterations), end="\n\n")
    if rows := [each.cells() for each in found if isinstance(each, Row)]:
        print(markdown(HEADINGS, rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="PATH[:RESOLUTION,...]",
        help="also run the code of this checkout beside gankit's; may be repeated",
    )
    parser.add_argument(
        "--version",
        action="append",
        default=[],
        type=_checkout,
        metavar="PATH",
        help="also run this checkout of another version of gankit beside this one; may be repeated",
    )
    parser.add_argument("--only", metavar="NAME,...", help=f"of {', '.join(OWN)}; empty for peers alone")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each measurement in each run")
    parser.add_argument("--runs", type=int, metavar="N", help="how often all is measured, in fresh processes")
    parser.add_argument(
        "--profile",
        type=_job,
        metavar="SYSTEM:RESOLUTION",
        help="instead tell where the time of an iteration goes, of gankit and of the peers with that system",
    )
    parser.add_argument("--smoke", action="store_true", help="next to nothing, to see that all works")
    return parser


def _peer(parser: argparse.ArgumentParser, text: str) -> tuple[Path, list[int]]:
    """A checkout and the resolutions at which it is compared."""
    path, _, resolutions = text.partition(":")
    try:
        known(Path(path))
        return Path(path).absolute(), [int(each) for each in resolutions.split(",") if each]
    except ValueError as problem:
        parser.error(str(problem))


def _checkout(text: str) -> Path:
    """A checkout of gankit."""
    path = Path(text).absolute()
    if not (path / "gankit" / "__init__.py").is_file():
        raise argparse.ArgumentTypeError(f"{text} is no checkout of gankit")
    return path


def _job(text: str) -> tuple[str, int]:
    """A system and a resolution."""
    system, _, resolution = text.partition(":")
    if system not in SYSTEMS or not resolution.isdecimal():
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(SYSTEMS)}, a colon and a resolution, not {text}")
    return system, int(resolution)


def _chosen(parser: argparse.ArgumentParser, text: str) -> list[str]:
    """Benchmarks by their names."""
    names = [name for name in text.split(",") if name]
    if unknown := [name for name in names if name not in OWN]:
        parser.error(f"--only: there is no {', '.join(unknown)}; there are {', '.join(OWN)}")
    return names


def _told(name: str, found: Iterator[Row | Iteration]) -> Iterator[Row | Iteration]:
    """The same, told on standard error as it comes."""
    since = time.monotonic()
    for each in found:
        print(f"{name}: {' | '.join(filter(None, each.cells()))}", file=sys.stderr, flush=True)
        yield each
    print(f"{name}: {time.monotonic() - since:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
