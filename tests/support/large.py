"""A program that measures 50,000 images of 32x32 pixels by the metrics it is given, and prints the memory it took.

That is resident memory in bytes, beside what libraries and the extractor take.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from importlib import import_module

import torch
from support.tiny import CPU

from gankit import Metric
from gankit.core.component import named
from gankit.data.images import Batch
from gankit.discovery.manager import plugins
from gankit.evaluation.images import Extraction, ImageSet, ImageSource, Need, Samples
from gankit_fidelity.extractors import Digits

LIBRARIES = ["scipy.linalg", "scipy.stats", "torch_fidelity.metric_fid", "torch_fidelity.metric_isc"]
LIBRARIES += ["torch_fidelity.metric_kid", "gankit_prdc.neighbors", "gankit_memorization.metrics"]
LIBRARIES += ["gankit_pggan.sliced_wasserstein", "gankit_pggan.structural_similarity"]


def taken() -> int:
    """The most resident memory so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(names: list[str]) -> None:
    for library in LIBRARIES:
        import_module(library)
    plugins.load_installed()
    metrics: list[Metric] = [named(Metric, name) for name in names]
    extract = Digits().load(CPU)
    keep: frozenset[Need] = frozenset(need for metric in metrics for need in metric.needs)
    extraction = Extraction(extract, {}, keep)
    extract(torch.zeros(64, 3, 32, 32, dtype=torch.uint8))

    def population(seed: int, count: int) -> ImageSet:
        def batches() -> Iterator[Batch]:
            generator = torch.Generator().manual_seed(seed)
            for _ in range(count // 50):
                coarse = torch.randn(50, 3, 8, 8, generator=generator)
                yield Batch(torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear"))

        return ImageSet(ImageSource(count, 32, batches), extraction)

    before = taken()
    reals = population(1, 50_000)
    samples = Samples(population(0, 50_000), reals, reals, population(2, 10_000), reals)
    for name, metric in zip(names, metrics, strict=True):
        started = time.process_time()
        numbers = metric.evaluate(samples)
        print(f"{name}: {numbers}, {time.process_time() - started:.0f} s", file=sys.stderr)
        print(f"so far {(taken() - before) / 2**20:.0f} MiB", file=sys.stderr)
    print(taken() - before)


if __name__ == "__main__":
    main(sys.argv[1:])
