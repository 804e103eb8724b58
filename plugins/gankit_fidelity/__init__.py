"""FID (Heusel et al. 2017), KID (Bińkowski et al. 2018), IS (Salimans et al. 2016), covered classes, and extractors.

The formulas are torch-fidelity's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from gankit import Component, hookimpl
from gankit_fidelity.commands import add_extractor
from gankit_fidelity.extractors import Digits, FashionMnist, TrainedClassifier
from gankit_fidelity.metrics import (
    BlurredFrechetDistance,
    FrechetDistance,
    FullFrechetDistance,
    InceptionScore,
    IntraClassFrechetDistance,
    KernelDistance,
    ModeCoverage,
    PerceptualPathLength,
)
from gankit_fidelity.pretrained import Clip, DinoV2, Inception


@hookimpl
def gankit_register(register: Callable[[str, type[Component]], None]) -> None:
    """Register every component of this package."""
    register("inception", Inception)
    register("clip", Clip)
    register("dinov2", DinoV2)
    register("digits", Digits)
    register("fashion-mnist", FashionMnist)
    register("classifier", TrainedClassifier)
    register("fid", FrechetDistance)
    register("fid_full", FullFrechetDistance)
    register("fid_blurred", BlurredFrechetDistance)
    register("fid_intra", IntraClassFrechetDistance)
    register("is", InceptionScore)
    register("kid", KernelDistance)
    register("mode-coverage", ModeCoverage)
    register("perceptual-path-length", PerceptualPathLength)


@hookimpl
def gankit_add_commands(add: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Add the commands of this package."""
    add_extractor(add)
