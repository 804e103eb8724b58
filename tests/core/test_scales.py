"""Images of all scales at once: packed in training, and each what a generator gives that has grown to it."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.discriminators import discriminator_options, own_discriminator
from support.parts import double_precision, largest_difference, unmixed, with_steady_steps, with_training
from support.tiny import CPU, tiny, trainer
from torch import Tensor

import gankit
from gankit import Augmentation, Growth, Stage, UserError
from gankit.api.measurement import ProtocolOptions, measure_subjects, subjects_at
from gankit.checkpoints import store
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.core.errors import ContractError
from gankit.core.progress import progress_in
from gankit.core.registry import register, restored
from gankit.data.images import RealImages, to_network_range
from gankit.evaluation.pair import EvaluatorPair, evaluate_generators
from gankit.kinds.callbacks import Row
from gankit.networks.layers import double, halve
from gankit.networks.scales import Scales
from gankit.results.comparison import compare_runs
from gankit.results.run_results import read_run
from gankit.runs.best import BestEvaluation
from gankit.runs.start import begin, resume
from gankit.training.batch_norm import estimate_statistics
from gankit.training.sampler import GeneratorSampler, sample
from gankit.training.step import AugmentedBatch, Step
from gankit.training.trainer import Trainer

GROWTH = {"use": "all-scales", "start": 4, "final": 16, "images": 48}


def of_scales(join: Any = "concatenate", older: Any = "blend", **changes: Any) -> Experiment:
    """A tiny experiment of all scales from 4x4 to 16x16."""
    network = {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 6, 16: 4}}
    generator = {"mapping": "normalized", "stem": "pggan", "norm": ["equalized", "pixel"], "latent": 8, "join": older}
    judge = {"head": "pggan", "norm": "equalized", "join": join}
    options = {"growth": GROWTH, "generator": network | generator, "discriminator": network | judge}
    return tiny(**{**options, **changes})


@settings(max_examples=30)
@given(
    start=st.sampled_from([1, 2, 3, 4]),
    doublings=st.integers(1, 4),
    aspect=st.sampled_from([1.0, 2.0, 3.0]),
    channels=st.integers(1, 3),
    last=st.booleans(),
)
def test_packing_keeps_every_pixel_and_adds_none(
    start: int, doublings: int, aspect: float, channels: int, last: bool
) -> None:
    scales = Scales(tuple(start << i for i in range(doublings + 1)), aspect)
    images = {each: torch.randn(2, channels, *size) for each, size in scales.sizes.items()}
    if last:
        images = {each: one.contiguous(memory_format=torch.channels_last) for each, one in images.items()}
    packed = scales.pack(images)
    assert packed.shape == (2, channels, 1, sum(one[0, 0].numel() for one in images.values()))
    found = scales.unpack(packed)
    assert list(found) == sorted(images, reverse=True)
    for resolution, one in images.items():
        assert torch.equal(found[resolution], one)
        assert found[resolution].data_ptr() in range(packed.data_ptr(), packed.data_ptr() + 4 * packed.numel())
    assert torch.equal(
        packed.sort(3).values, torch.cat([one.flatten(2) for one in images.values()], 2).sort(2).values[:, :, None]
    )
    with pytest.raises(ContractError, match=r"packed as \[N, C, 1, "):
        scales.unpack(images[start])


@pytest.mark.parametrize("join", ["blend", "sum"])
def test_a_generator_in_training_gives_what_it_gives_grown_to_each_scale(join: str) -> None:
    made = trainer(of_scales(older=join))
    z, network = torch.randn(3, 8), made.generator
    assert network.packs
    packed = network(z)
    network.packs = False
    by_scale = network.scales and network.scales.unpack(packed)
    assert by_scale is not None
    for resolution in (4, 8, 16):
        network.grow(resolution, 1.0)
        assert torch.equal(network(z), by_scale[resolution])


def test_averages_and_whoever_samples_get_the_image_alone() -> None:
    made = trainer(of_scales())
    made.iteration()
    assert made.sample(0, 3, 0).shape == (3, 1, 16, 16)
    assert not any(network.packs for network in made.generators(["average", "current"]).values())


@pytest.mark.parametrize("combine", ["simple", "lin-cat", "cat-lin"])
def test_the_discriminator_takes_each_image_where_its_features_are_as_high(combine: str) -> None:
    made = trainer(of_scales({"use": "concatenate", "combine": combine}))
    judge = own_discriminator(made)
    scales = judge.scales
    assert scales is not None
    images = {each: torch.randn(2, 1, *size) for each, size in scales.sizes.items()}
    x = judge.rgb["16"](images[16], None)
    for resolution in (16, 8):
        features = judge.blocks[str(resolution)](x, None)
        entering = images[resolution // 2]
        if combine == "lin-cat":
            entering = judge.rgb[str(resolution // 2)](entering, None)
        x = torch.cat([entering, features], 1)
        if combine == "cat-lin":
            x = judge.join_modules[str(resolution)].get_submodule("linear")(x)
    expected = judge.head(judge.layers(x), None)[:, 0]
    assert torch.allclose(judge(scales.pack(images)).score, expected, atol=1e-6)
    assert sorted(judge.rgb) == (["16", "4", "8"] if combine == "lin-cat" else ["16"])


def test_joins_at_every_resolution_take_the_images_of_scales_in_place_of_halved_ones() -> None:
    made = trainer(
        of_scales(
            "sum",
            generator={**of_scales().generator.model_dump(), "base": 2, "channels": 4},
            discriminator={**discriminator_options(of_scales("sum")).model_dump(), "base": 2, "channels": 4},
        )
    )
    judge = own_discriminator(made)
    scales = judge.scales
    assert scales is not None
    assert scales.resolutions == (4, 8, 16)
    images = {each: torch.randn(2, 1, *size) for each, size in scales.sizes.items()}
    score = judge(scales.pack(images)).score
    for resolution in images:  # each of them counts, and below the smallest it is halved as ever
        other = {**images, resolution: -images[resolution]}
        assert not torch.equal(judge(scales.pack(other)).score, score)


def test_reals_are_those_of_each_resolution_and_mirrored_alike() -> None:
    reals = RealImages(of_scales().data, [4, 8, 16])
    plain, mirrored = (Trainer(with_training(of_scales(), mirror=mirror), reals, CPU) for mirror in (False, True))
    scales = plain.scales
    assert scales is not None
    chosen = reals.indices(plain.seed, 0, 8)
    shown = scales.unpack(plain._batch().images)
    flipped = scales.unpack(mirrored._batch().images)
    turned = (flipped[16] != shown[16]).flatten(1).any(1)
    assert 0 < int(turned.sum()) < 8
    for resolution, images in shown.items():
        assert torch.equal(images, to_network_range(torch.from_numpy(reals.at(resolution)[chosen])))
        expected = torch.where(turned[:, None, None, None], images.flip(3), images)
        assert torch.equal(flipped[resolution], expected)


class Shifted(Augmentation):
    """Moves each image by up to half its width, makes some brighter, and adds noise."""

    noise: float = 0.0
    """Its standard deviation."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Images [N, C, H, W]."""
        width = images.shape[3]
        moves = torch.randint(width // 2, (len(images),)).tolist()
        moved = torch.stack([image.roll(move, 2) for image, move in zip(images, moves, strict=True)])
        brighter = torch.rand(len(images), 1, 1, 1, dtype=images.dtype)
        return moved + brighter + self.noise * torch.randn_like(images)


class Exchanged(Augmentation):
    """Puts the images of the next sample in the place of each."""

    exchanges_images = True

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Images [N, C, H, W], or packed ones."""
        return images.roll(1, 0)


def step_with(by: Augmentation) -> tuple[Step, Tensor]:
    """A step of packed reals in float64, whose critic augments."""
    made = trainer(of_scales())
    packed = made._batch().images.double()
    networks = made.generator, made.discriminator
    return Step("discriminator", ("a step",), *networks, [by], packed, None, lambda _: {}, scales=made.scales), packed


def test_augmentations_act_alike_on_all_scales() -> None:
    step, packed = step_with(Shifted())
    step.seed("here")
    augmented = step.by_scale(step.augmented(step.augment[0], packed, None, True))
    step.seed("here")
    moves, brighter = torch.randint(8, (8,)).tolist(), torch.rand(8, 1, 1, 1, dtype=torch.float64)
    for before, now in zip(step.by_scale(packed), augmented, strict=True):
        large = before
        while large.shape[2] < 16:
            large = double(large)
        moved = torch.stack([image.roll(move, 2) for image, move in zip(large, moves, strict=True)]) + brighter
        while moved.shape[2] > before.shape[2]:
            moved = halve(moved)
        torch.testing.assert_close(now, moved)


def test_draws_go_on_as_after_one_augmentation() -> None:
    step, packed = step_with(Shifted(noise=0.1))
    step.seed("here")
    step.augmented(step.augment[0], packed, None, True)
    found = torch.rand(3)
    step.seed("here")
    step.augment[0].apply(step.by_scale(packed)[0], AugmentedBatch(None, True, step.progress, {}, step.log))
    assert torch.equal(found, torch.rand(3))


def test_what_exchanges_images_is_given_all_scales_in_one() -> None:
    step, packed = step_with(Exchanged())
    assert torch.equal(step.augmented(step.augment[0], packed, None, True), packed.roll(1, 0))


def test_statistics_of_all_scales_are_estimated() -> None:
    network = trainer(of_scales()).averages["average"].generator
    network.rgb["4"] = torch.nn.Sequential(network.rgb["4"], torch.nn.BatchNorm2d(1))
    network.eval()
    estimate_statistics(network, 0, CPU)
    assert float(network.rgb["4"].get_submodule("1").get_buffer("running_mean").abs()) > 0
    assert not network.packs


def test_parts_of_a_batch_give_the_gradients_of_all_of_it() -> None:
    experiment = with_steady_steps(unmixed(of_scales(augment=["ada/stochastic"])))
    with double_precision():
        whole, parts = trainer(experiment), trainer(with_training(experiment, micro_batch={0: 4}))
        for made in (whole, parts):
            made.iteration()
        assert largest_difference(whole, parts) < 1e-6


WRONG = {
    "discriminator.join": {"discriminator__join": "blend"},
    "generator.join": {"generator__join": "concatenate"},
    "generator.rgb": {"generator__rgb": None},
    "discriminator.base": {"discriminator__base": 8},
    "discriminator.join without scales": {"growth": {"use": "fixed", "resolution": 16, "images": 48}},
}


def with_changes(changes: dict[str, Any]) -> Experiment:
    options = of_scales().model_dump()
    for path, value in changes.items():
        *above, last = path.split("__")
        within = options
        for name in above:
            within = within[name]
        within[last] = value
    return Experiment.model_validate(options)


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_go_with_scales_is_refused_where_it_stands(what: str) -> None:
    found = problems(with_changes(WRONG[what]))
    assert [".".join(map(str, path)) for path, _ in found] == [what.split()[0]]
    [(_, said)] = found
    named = {
        "discriminator.join": "blend takes no image of a smaller scale, of which all-scales gives one at each of 4, 8",
        "generator.join": "concatenate joins in a discriminator alone",
        "generator.rgb": "all-scales has an image at each of 4, 8, 16",
        "discriminator.base": "must be 4, the smallest scale",
        "discriminator.join without scales": "growth fixed has none; growths that have: all-scales",
    }
    assert named[what] in said
    if what == "discriminator.join":
        assert "concatenate" in said
        assert "sum" in said


class Odd(Growth):
    """Has scales that no network can have."""

    has: list[int]
    """Its scales."""
    at: list[int] = [16]
    """Its stages."""

    def stages(self) -> list[Stage]:
        """Those that are named."""
        return [Stage(resolution, 48) for resolution in self.at]

    def scales(self) -> list[int]:
        """Those that are named."""
        return self.has


@pytest.mark.parametrize(
    ("has", "at"), [([16], [16]), ([4, 16], [16]), ([16, 8], [16]), ([4, 8], [16]), ([8, 16], [8, 16])]
)
def test_growths_with_impossible_scales_are_refused(has: list[int], at: list[int]) -> None:
    with restored():
        register("mine", "odd", Odd)
        found = problems(of_scales(growth={"use": "odd", "has": has, "at": at}))
    assert [path for path, _ in found] == [("growth",)]
    assert "impossible scales" in found[0][1]


@pytest.mark.parametrize("final", [4, 6, 12])
def test_scales_double(final: int) -> None:
    with pytest.raises(ValueError, match="final must be start times 2, 4, 8"):
        of_scales(growth={**GROWTH, "final": final})


def test_the_best_checkpoint_is_that_of_the_largest_scale() -> None:
    best = BestEvaluation("fid")

    def rows(images: int, *values: float) -> list[Row]:
        protocol = {"better": "lower"}
        return [Row(images, 1, 4 << i, "fid", value, protocol) for i, value in enumerate(values)]

    assert best.is_beaten(rows(10, 1.0, 2.0, 9.0), True)
    assert best.found == {"value": 9.0, "images": 10, "resolution": 16}
    assert not best.is_beaten(rows(20, 0.5, 0.5, 9.5), True)
    assert best.is_beaten(rows(30, 5.0, 5.0, 8.0), True)
    assert best.images == 30


def test_each_scale_is_measured_by_what_it_alone_shows() -> None:
    made = trainer(of_scales(evaluation={"metrics": ["fid"], "extractor": "digits", "images": 16}))
    pair = EvaluatorPair(made.experiment, made.reals, CPU)
    sources: Any = {"average": GeneratorSampler(made.average, CPU)}
    before = {row.resolution: row.value for row in pair.evaluate(sources, made.progress, True) if row.name == "fid"}
    assert list(before) == [4, 8, 16]
    assert made.average.resolution == 16
    with torch.no_grad():
        made.averages["average"].generator.rgb["8"].get_parameter("bias").add_(0.5)
    after = {row.resolution: row.value for row in pair.evaluate(sources, made.progress, True) if row.name == "fid"}
    assert {each for each in after if after[each] != before[each]} == {8}
    grown = GeneratorSampler(made.average, CPU)
    grown.network.grow(8, 1.0)
    alone = evaluate_generators(pair._full, {"average": grown}, made.progress._replace(resolution=8))
    assert {row.resolution: row.value for row in alone if row.name == "fid"} == {8: after[8]}


MEASURED = {"metrics": ["fid"], "extractor": "digits", "images": 32, "every": 16}


@pytest.mark.slow
def test_a_run_is_measured_at_each_scale_and_compared_there(tmp_path: Path) -> None:
    begin(of_scales(name="scales", evaluation=MEASURED), tmp_path / "scales").train()
    growth = {"use": "progressive", "start": 4, "final": 16, "images": 16, "fade": 0.5}
    grown = tiny(name="grown", growth=growth, evaluation=MEASURED)
    begin(grown, tmp_path / "grown").train()
    found = [read_run(tmp_path / name) for name in ("scales", "grown")]
    rows = [(row.images, row.resolution) for row in found[0].rows if row.name == "fid"]
    assert rows == [(images, scale) for images in (16, 32, 48) for scale in (4, 8, 16)]
    assert [stage.label for stage in found[0].stages] == ["4x4", "8x8", "16x16"]
    assert found[0].last_value("fid") == found[0].stages[-1].metrics["fid"]
    compared = compare_runs(found)
    assert [stage.label for stage in compared.stages] == ["4x4", "8x8", "16x16"]
    assert all(len(stage.results) == 2 for stage in compared.stages)
    [again] = measure_subjects(subjects_at([tmp_path / "scales"], ProtocolOptions(), False, lambda _: None))
    assert [stage.metrics["fid"].value for stage in again.stages] == [
        stage.metrics["fid"].value for stage in found[0].stages
    ]
    [at_8] = measure_subjects(subjects_at([tmp_path / "scales"], ProtocolOptions(resolution=8), False, lambda _: None))
    assert [stage.metrics["fid"] for stage in at_8.stages] == [again.stages[1].metrics["fid"]]


@pytest.mark.slow
def test_a_run_goes_on_to_the_bit(tmp_path: Path) -> None:
    experiment = of_scales(checkpoints={"every": 16, "keep": 9}, evaluation=MEASURED, augment=["apa/apa"])
    begin(experiment, tmp_path / "whole").train()
    begin(experiment, tmp_path / "left").train()
    checkpoints = store.found(tmp_path / "left" / "checkpoints")
    for last in checkpoints[2:]:
        shutil.rmtree(last)
    going_on = resume(tmp_path / "left")
    assert going_on is not None
    going_on.train()
    assert (tmp_path / "left/metrics.jsonl").read_bytes() == (tmp_path / "whole/metrics.jsonl").read_bytes()
    ends = [store.found(tmp_path / name / "checkpoints")[-1] for name in ("left", "whole")]
    for file in sorted(ends[0].glob("*.safetensors")):
        assert file.read_bytes() == (ends[1] / file.name).read_bytes(), file.name


def test_a_trained_generator_shows_its_scales(tmp_path: Path) -> None:
    begin(of_scales(), tmp_path / "run").train()
    generator = gankit.load(tmp_path / "run")
    images = generator.sample(2)
    assert images.shape == (2, 1, 16, 16)
    for smaller in (generator.at(resolution=8), generator.at(stage="8x8")):
        assert smaller.sample(2).shape == (2, 1, 8, 8)
        assert smaller.progress.label == "8x8"
    network = generator.network
    expected = sample(generator.at(resolution=4).network, 0, 2, 0, CPU)
    network.packs = True
    assert network.scales is not None
    torch.testing.assert_close(network.scales.unpack(sample(network, 0, 2, 0, CPU))[4], expected, rtol=0, atol=0)
    with pytest.raises(UserError, match=r"expected one of 4, 8, 16, not 2"):
        generator.at(resolution=2)
    with pytest.raises(UserError, match=r"the run has stage 1 \(16x16\), and the scales 4x4, 8x8, 16x16"):
        generator.at(stage="2x2")


def test_stage_of_all_scales_is_one() -> None:
    stages = of_scales().stages()
    assert stages == [Stage(16, 48)]
    assert progress_in(stages, 1, 0).label == "16x16"
    assert all(above == 2 * below for below, above in pairwise(of_scales().resolutions()))
