"""The authors' names of weights, at the full size of every bundled experiment that they are for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from support.case import Case
from support.slow import slow_but

from gankit import WeightNames
from gankit.config.loader import load_experiment
from gankit.networks.generator import Generator
from gankit.networks.growing import ImageShape
from gankit_pggan.weight_names import PGGAN
from gankit_r3gan.weight_names import R3GAN
from gankit_stylegan.weight_names import STYLEGAN
from gankit_stylegan2.weight_names import STYLEGAN2

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
CASES = [
    (names, file)
    for folder in ("papers", "small")
    for pattern, names in {"pggan": PGGAN, "stylegan-": STYLEGAN, "stylegan2": STYLEGAN2, "r3gan": R3GAN}.items()
    for file in sorted((EXPERIMENTS / folder).glob(f"{pattern}*.yaml"))
]
FAST = [case for case in CASES if case[1].stem in ("r3gan-ffhq-64", "r3gan-cifar10") or case[1].parent.name == "small"]


def network(file: Path, classes: int = 0) -> Generator:
    """Its generator, without any memory for weights."""
    experiment = load_experiment(file, check=False)
    shape = ImageShape.of(experiment, classes)
    with torch.device("meta"):
        return Generator(experiment.generator, shape)


def called(value: WeightNames | Path) -> str:
    return value.stem if isinstance(value, Path) else value.system


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize(("names", "file"), slow_but(FAST, CASES, together=True), ids=called)
def test_every_weight_has_one_source_of_its_own(names: WeightNames, file: Path, classes: int) -> None:
    made = network(file, classes)
    state = [re.sub(r"parametrizations\.(\w+)\.original$", r"\1", name) for name in made.state_dict()]
    sources = names.sources(made, ())
    assert sources.keys() == {*state} - {"alpha"}
    theirs = [source.name for source in sources.values()]
    assert len({*theirs}) == len(theirs)
    assert {*names.marks} <= {*theirs}


def test_what_the_authors_count_is_what_is_taken() -> None:
    """All of their StyleGAN2 at 1024x1024, the running mean apart."""
    made = network(EXPERIMENTS / "papers" / "stylegan2-ffhq-1024.yaml")
    state = {
        re.sub(r"parametrizations\.(\w+)\.original$", r"\1", name): each for name, each in made.state_dict().items()
    }
    taken = sum(
        state[own].numel() for own, source in STYLEGAN2.sources(made, ()).items() if source.name != "mapping.w_avg"
    )
    of_mapping, of_synthesis, *_ = Case("param_counts")["out.sg2_1024_configF"].tolist()
    assert taken == of_mapping + of_synthesis


def test_kernels_of_stylegan_are_turned_from_128_on() -> None:
    sources = STYLEGAN.sources(network(EXPERIMENTS / "papers" / "stylegan-ffhq-1024.yaml"), ())
    kernel = torch.arange(9.0).view(3, 3, 1, 1)

    def first_corner(own: str) -> float:
        changed = sources[own].changed
        assert changed is not None
        return float(changed(kernel)[0, 0, 0, 0])

    assert [first_corner(f"blocks.{resolution}.conv0.weight") for resolution in (64, 128, 1024)] == [0, 8, 8]
    assert [first_corner(f"blocks.{resolution}.conv1.weight") for resolution in (64, 128, 1024)] == [0, 0, 0]
