"""`make bench` measures what it says, at sizes at which it takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from benchmarks.counting import flops
from benchmarks.fids import Measured, table
from benchmarks.rows import Row, number
from benchmarks.spreads import Spread
from benchmarks.turns import Turns
from benchmarks.work import Job
from PIL import Image

from gankit_images.datasets import DEBIAN_FASHION_MNIST

TESTS = Path(__file__).parents[1]


def bench(*arguments: object, module: str = "benchmarks") -> subprocess.CompletedProcess[str]:
    """The benchmarks, as `make bench` calls them."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=TESTS,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.costly
def test_tables_say_what_was_measured_and_what_falls_short() -> None:
    ended = bench("--smoke", "--only", "steps")
    assert ended.returncode == 0, ended.stderr
    machine, iterations, goals = ended.stdout.strip().split("\n\n")
    assert "torch" in machine
    [pggan] = [line for line in iterations.splitlines() if "PGGAN" in line]
    system, code, milliseconds, images, gigaflops, of_peak, *_ = [
        cell.strip().replace(",", "") for cell in pggan.split("|")[1:]
    ]
    assert code == "gankit"
    assert float(images) == pytest.approx(16 / float(milliseconds) * 1e3, rel=0.02)
    assert 0 < float(of_peak) < 1
    assert float(gigaflops) > 0, system
    [share] = [line for line in goals.splitlines() if "share of the convolution peak" in line]
    assert "≥ 0.85 " in share
    assert "below" in share  # of so narrow a network


def test_seeds_of_a_training_are_one_row_by_their_median() -> None:
    found = [
        Measured("peer", "images", 1e-3, "average", seed, 1000, [10.0, 20.4 + seed], fid, {})
        for seed, fid in [(2, 9.0), (0, 4.0), (1, 5.0)]
    ]
    found.append(Measured("peer", "images", 2e-3, "average", 0, 1000, [9.0], 8.0, {}))
    _, _, row, other = table(found).splitlines()
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        *("peer", "images", "0.001", "average", "1,000", "31", "4.00, 5.00, 9.00", "5.00")
    ]
    assert "8.00" in other


def test_quality_is_compared_with_the_peer_that_grows_alone() -> None:
    ended = bench("--peer", TESTS, module="benchmarks.quality")
    assert ended.returncode == 2
    assert "is no checkout of pytorch_GAN_zoo" in ended.stderr


def test_a_row_says_whether_its_goal_is_met_and_by_how_much_not() -> None:
    spread = Spread.of([[1.0, 1.2], [1.4, 1.6]])
    assert (spread.median, spread.runs) == (pytest.approx(1.3), (pytest.approx(1.1), pytest.approx(1.5)))
    assert spread.quartiles == (pytest.approx(1.15), pytest.approx(1.45))
    assert Row("", spread).is_met is None
    assert Row("", spread, 1.3 - 1e-9).is_met
    assert Row("", spread, 1.25, "lower").cells()[5] == "no: 4% above"
    assert Row("", spread, 2.6, "higher").cells()[5] == "no: 50% below"


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "0.000"), (1e-4, "1.0e-04"), (0.0481, "0.048"), (1.234, "1.23"), (14101.4, "14,101")]
)
def test_numbers_have_three_digits(value: float, said: str) -> None:
    assert number(value) == said


def test_a_small_difference_is_that_of_the_quickest_of_ten_rounds() -> None:
    plain = [1.0 + noise / 10 for noise in range(25)]
    turns = Turns(seconds=[[[each + 0.25 for each in reversed(plain)], plain]])
    of_ten, of_next_ten = (1.0 + 1.5) - 1.0, (1.0 + 0.5) - 2.0
    assert turns.difference(0, 1).median == pytest.approx((of_ten + of_next_ten) / 2 + 0.25)
    assert Turns(seconds=[[[3.0, 5.0], [2.0, 9.0]]]).difference(0, 1).median == 1.0


def test_operations_are_counted_in_all_derivatives_and_in_groups() -> None:
    images, weight = torch.ones(2, 4, 8, 8, requires_grad=True), torch.ones(6, 2, 3, 3, requires_grad=True)

    def work() -> None:
        torch.nn.functional.conv2d(images, weight, padding=1, groups=2).sum().backward()

    once = 2 * (2 * 8 * 8) * 6 * 2 * 3 * 3
    assert flops(work) == 3 * once  # forward, and the gradients of both


def test_the_mean_over_a_cycle_weighs_each_kind_of_iteration() -> None:
    assert Job("", {}, ((0, 1), (4, 3), (1, 12))).mean([16.0, 4.0, 2.0]) == pytest.approx((16 + 12 + 24) / 16)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["fading", "overhead", "loading", "starting", "evaluating", "extracting", "allocating"]
)
def test_each_benchmark_measures(name: str) -> None:
    ended = bench("--smoke", "--only", name, "--runs", 2)
    assert ended.returncode == 0, ended.stderr
    assert "| goal" in ended.stdout


OTHERS = '''\
"""What a driver asks of pytorch_GAN_zoo, by a convolution."""

from torch import nn, optim


class ProgressiveGAN:
    def __init__(self, dimLatentVector, baseLearningRate, **options):
        self.netG, self.netD, self.scales = nn.Conv2d(3, 3, 1), nn.Conv2d(3, dimLatentVector, 3), 0
        self.adam = optim.Adam(self.netD.parameters(), betas=[0, 0.99], lr=baseLearningRate)

    def addScale(self, depth):
        self.scales += 1

    def optimizeParameters(self, real):
        assert real.shape == (16, 3, 4 << self.scales, 4 << self.scales)
        self.netD(self.netG(real)).mean().backward()
        self.adam.step()
'''


@pytest.mark.slow
def test_a_peer_iterates_in_turn_with_gankit(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "progressive_gan.py").write_text(OTHERS)
    ended = bench("--smoke", "--only", "", "--peer", f"{tmp_path}:8")
    assert ended.returncode == 0, ended.stderr
    _, iterations, goals = ended.stdout.strip().split("\n\n")
    [theirs] = [line for line in iterations.splitlines() if "| pytorch_GAN_zoo |" in line]
    assert "12 + 224" in theirs  # parameters
    for what in ("equal allocator", "as started", "memory"):
        assert f"pggan 8x8 over pytorch_GAN_zoo, {what}" in goals
    assert "≥ 1.25" in goals


GROWN = '''\
"""What growing asks of pytorch_GAN_zoo: it keeps what it is told."""

import json
from pathlib import Path

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size, self.weight = size, nn.Parameter(torch.zeros(1))

    def setNewAlpha(self, alpha):
        self.alpha = alpha

    def forward(self, latents):
        return self.weight.expand(len(latents), 1, self.size, self.size)


class ProgressiveGAN:
    def __init__(self, baseLearningRate, **options):
        self.rate, self.heights, self.alphas = baseLearningRate, [], []
        self.netD, self.netG, self.avgG = Net(4), Net(4), Net(4)

    def addScale(self, width):
        self.netG.size *= 2
        self.avgG = Net(self.netG.size)

    def updateAlpha(self, alpha):
        self.avgG.module.setNewAlpha(alpha)
        self.alphas.append(alpha)

    def optimizeParameters(self, real):
        self.heights.append(real.shape[2])
        self.netG.weight.data += self.rate

    def getOriginalAvgG(self):
        return self.avgG.module

    def buildNoiseData(self, count):
        Path(__file__).with_name("told.json").write_text(json.dumps([self.heights, self.alphas]))
        return torch.zeros(count, 8), None
'''


GROWTH = """\
growth: {final: 8, images: {4: 64, 8: 120}}
generator: {channels: {4: 8, 8: 8}}
discriminator: {channels: {4: 8, 8: 8}}
"""


@pytest.mark.slow
@pytest.mark.skipif(not DEBIAN_FASHION_MNIST.exists(), reason="apt-get install dataset-fashion-mnist")
def test_a_peer_grows_by_gankits_schedule(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "progressive_gan.py").write_text(GROWN)
    experiment = tmp_path / "experiment.yaml"
    experiment.write_text(f"extends: {TESTS.parent}/experiments/fashion-mnist/pggan.yaml\n{GROWTH}")
    growth = {"peer": str(tmp_path), "experiment": str(experiment), "rate": 0.125, "seconds": None}
    growth |= {"samples": 3, "folder": str(tmp_path / "images")}
    ended = bench(json.dumps(growth), module="benchmarks.peers.gan_zoo_grown")
    assert ended.returncode == 0, ended.stderr
    took = json.loads(ended.stdout)
    assert took["images"] == 6 * 32
    assert len(took["stages"]) == 2
    heights, alphas = json.loads((tmp_path / "models" / "told.json").read_text())
    assert heights == [4] * 2 + [8] * 4
    assert alphas == pytest.approx([1, 1 - 32 / 60, 0])  # of the old layers, over half of the stage
    greys = {}
    for folder in (tmp_path / "images").iterdir():
        assert len([*folder.iterdir()]) == 3
        greys[folder.name] = Image.open(folder / "00002.png").getpixel((7, 7))
    assert greys["average"] == 128  # which the peer alone moves
    assert 128 < greys["half-life"] <= greys["current"] == round(1.75 * 127.5)


@pytest.mark.slow
def test_another_version_iterates_in_turn_with_this_one() -> None:
    ended = bench("--smoke", "--only", "", "--version", TESTS.parent)
    assert ended.returncode == 0, ended.stderr
    assert f"PGGAN, WGAN-GP, 8x8, over {TESTS.parent.name}" in ended.stdout


@pytest.mark.slow
def test_a_profile_names_operations_and_shapes() -> None:
    ended = bench("--smoke", "--profile", "pggan:8")
    assert ended.returncode == 0, ended.stderr
    assert "aten.convolution_backward 16x8x8x8 16x8x8x8 8x8x3x3" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--peer", TESTS], "is no checkout of pytorch_GAN_zoo, mimicry"),
        (["--only", "speed"], "there is no speed; there are steps, fading"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments: list[object], said: str) -> None:
    ended = bench(*arguments)
    assert ended.returncode == 2
    assert said in ended.stderr
