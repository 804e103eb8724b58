"""`make peer-quality`: FIDs of gankit's PGGAN and of pytorch_GAN_zoo's, at equal images and at equal processor time.

For each seed gankit's experiment is run; then the peer's model of the same widths goes through the same images at each
resolution, once by its own learning rate and once by the experiment's. With that of the two which gave its lower median
it is trained again, this time at each resolution for as many processor seconds as gankit's run of the same seed took.
Evaluation counts on neither side. What is finished in the folder is not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.fids import Measured, cells, medians, read, table
from benchmarks.peers import known
from gankit import Experiment
from gankit.core.tables import at
from gankit_basics.optimizers import Adam

REPOSITORY = Path(__file__).parents[2]
EXPERIMENT = REPOSITORY / "experiments" / "fashion-mnist" / "pggan.yaml"
SHARES = {4: 5, 8: 9, 16: 12, 32: 16}
"""Of images at each resolution, as experiments/studies/scales-fashion-mnist.yaml has them."""
PEERS_RATE = 1e-3


class Comparison:
    """Trainings in a folder, each done once."""

    def __init__(self, peer: Path, folder: Path, images: int, samples: int) -> None:
        self._peer, self._folder, self._samples = peer, folder, samples
        self._images = {resolution: images * share // sum(SHARES.values()) for resolution, share in SHARES.items()}

    def measured(self, seeds: Sequence[int]) -> Iterator[Measured]:
        """All generators, as they are finished."""
        ours = {}
        by_images: list[Measured] = []
        for seed in seeds:
            ours[seed] = self._once(f"gankit/seed-{seed}", lambda folder, seed=seed: self._own(folder, seed))
            yield from ours[seed]
            for rate in (PEERS_RATE, ours[seed][0].rate):
                found = self._theirs(seed, rate, None)
                by_images += found
                yield from found
        best = min(medians(by_images), key=lambda group: median(each.fid for each in group))[0]
        for seed in seeds:
            yield from self._theirs(seed, best.rate, ours[seed][0].stages)

    def _own(self, folder: Path, seed: int) -> Iterator[Measured]:
        options = {
            "seed": seed,
            "growth.images": json.dumps(self._images).replace('"', ""),
            "observers": "[progress, guard]",
            "evaluation.metrics": "[]",  # measured afterwards, as the peer's
        }
        changes = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
        _said("-m", "gankit", "run", EXPERIMENT, "--out", folder / "run", *changes)
        times = [json.loads(line) for line in (folder / "run" / "times.jsonl").read_text().splitlines()]
        stages = [row for row in times if row["event"] == "stage"]
        images, seconds = sum(row["images"] for row in stages), [row["cpu_seconds"] for row in stages]
        adam = Experiment.read(folder / "run" / "experiment.yaml").training.optimizer.generator
        assert isinstance(adam, Adam)
        rate = float(at(adam.lr, 0))
        for generator in ("average", "current"):
            [(fid, protocol)] = self._scores([folder / "run"], which=generator)
            yield Measured("gankit", "-", rate, generator, seed, images, seconds, fid, protocol)

    def _theirs(self, seed: int, rate: float, seconds: list[float] | None) -> list[Measured]:
        from benchmarks.peers.gan_zoo_grown import Growth, command

        budget = "seconds" if seconds else "images"

        def train(folder: Path) -> Iterator[Measured]:
            experiment = self._folder / f"gankit/seed-{seed}" / "run" / "experiment.yaml"
            growth = Growth(str(self._peer), str(experiment), rate, seconds, self._samples, str(folder))
            took = json.loads(_said(*command(growth)))
            folders = sorted(each for each in folder.iterdir() if each.is_dir())
            for generator, (fid, protocol) in zip(folders, self._scores(folders), strict=True):
                name = known(self._peer).name
                yield Measured(name, budget, rate, generator.name, seed, took["images"], took["stages"], fid, protocol)

        return self._once(f"peer-equal-{budget}-{rate:g}/seed-{seed}", train)

    def _once(self, name: str, train: Callable[[Path], Iterator[Measured]]) -> list[Measured]:
        """What a training gave, now or before."""
        result = self._folder / name / "result.jsonl"
        if not result.exists():
            result.parent.mkdir(parents=True)
            rows = [json.dumps(asdict(each)) for each in train(result.parent)]
            result.write_text("".join(f"{row}\n" for row in rows))
        return read(result)

    def _scores(self, paths: Sequence[Path], which: str = "average") -> list[tuple[float, dict[str, Any]]]:
        """FID of each, to held-out reals, and how it was measured."""
        options = {"data": "fashion-mnist", "extractor": "fashion-mnist", "metrics": "fid", "reals": "test"}
        options |= {"images": str(self._samples), "which": which}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        answer = json.loads(_said("-m", "gankit", "evaluate", *paths, *words, "--json"))
        found = [
            [row for row in each["rows"] if row["protocol"]["of"] == "generated"][-1] for each in answer["measurements"]
        ]
        return [(row["value"], row["protocol"]) for row in found]


def _said(*words: object) -> str:
    """What a process of this Python says, one thread."""
    paths = [str(REPOSITORY / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for and print the table."""
    parser = argparse.ArgumentParser(prog="make peer-quality ARGS=...", description=__doc__)
    parser.add_argument("--peer", type=Path, required=True, metavar="PATH", help="a checkout of pytorch_GAN_zoo")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder of runs (default: a temporary one)")
    parser.add_argument("--images", type=int, default=42_000, metavar="N", help="of a training")
    parser.add_argument("--samples", type=int, default=10_000, metavar="N", help="images that are measured")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="how many")
    asked = parser.parse_args(arguments)
    try:
        if known(asked.peer).system != "pggan":
            parser.error(f"--peer: {asked.peer} trains no PGGAN")
    except ValueError as problem:
        parser.error(str(problem))
    with tempfile.TemporaryDirectory(prefix="gankit-quality-") as temporary:
        comparison = Comparison(asked.peer.absolute(), asked.out or Path(temporary), asked.images, asked.samples)
        found = []
        for each in comparison.measured(range(asked.seeds)):
            print(" | ".join(cells([each])), file=sys.stderr, flush=True)
            found.append(each)
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
