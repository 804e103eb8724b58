"""When a run is evaluated, by which protocol, and with which uncertainty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command import rows
from support.crashing import files
from support.measuring import Brightness, Made, at, digits, evaluator, registered
from support.tiny import tiny
from torch import Tensor, full

from gankit import Callback, Observer
from gankit.config.checks import problems
from gankit.config.experiment import Experiment
from gankit.core.errors import RunError
from gankit.core.progress import Progress
from gankit.core.registry import register, restored
from gankit.discovery.manager import plugins
from gankit.evaluation.reference import split
from gankit.kinds.callbacks import RunContext
from gankit.runs.start import begin, resume

pytestmark = pytest.mark.costly

MEASURED: dict[str, Any] = {"metrics": ["fid"], "extractor": "digits", "images": 64}


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of its own."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    with restored():
        yield


def measured(run: Path, **changes: Any) -> list[dict[str, Any]]:
    begin(tiny(evaluation=MEASURED | changes), run).train()
    return [row for row in rows(run) if "protocol" in row]


def test_the_cheaper_protocol_has_names_of_its_own(tmp_path: Path) -> None:
    found = measured(tmp_path / "run", every=40, quick={"images": 16, "metrics": "is"})
    assert [(row["images"], row["name"], row["protocol"]["images"]) for row in found] == [
        (32, "fid", 64),
        (32, "fid_floor", 64),
        (40, "is_quick", 16),
        (40, "is_std_quick", 16),
        (80, "is_quick", 16),
        (80, "is_std_quick", 16),
        (96, "fid", 64),
        (96, "fid_floor", 64),
    ]


def test_the_best_of_the_full_protocol_is_not_looked_for_in_the_cheaper_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation = MEASURED | {"every": 40, "quick": {"images": 16, "metrics": "is"}}
    begin(tiny(evaluation=evaluation, checkpoints={"best": "fid"}), tmp_path / "known").train()
    assert "checkpoints.best" not in capsys.readouterr().err
    begin(tiny(evaluation=evaluation, checkpoints={"best": "fdi"}), tmp_path / "unknown").train()
    said = capsys.readouterr().err
    assert said.count("checkpoints.best: the evaluation gave no fdi") == 1
    assert "Did you mean 'fid'?" in said


def test_alphas_are_evaluated_when_a_fade_comes_past_them(tmp_path: Path) -> None:
    found = measured(tmp_path / "run", alphas=[0.2, 0.5])  # the fade goes from 32 to 64 images, in batches of 8
    assert [row["images"] for row in found if row["name"] == "fid"] == [32, 48, 56, 96]


def test_numbers_of_several_seeds_are_means_with_their_spread(tmp_path: Path) -> None:
    together = measured(tmp_path / "run", seeds=3)
    alone = [measured(tmp_path / f"{seed}", seed=seed) for seed in range(3)]

    def of(found: list[dict[str, Any]], name: str) -> float:
        return next(row["value"] for row in reversed(found) if row["name"] == name)

    fids = [of(found, "fid") for found in alone]
    assert len(set(fids)) == 3
    assert of(together, "fid") == pytest.approx(np.mean(fids), rel=1e-12)
    assert of(together, "fid_seeds_std") == pytest.approx(np.std(fids, ddof=1), rel=1e-9)
    assert of(together, "fid_floor") == pytest.approx(np.mean([of(found, "fid_floor") for found in alone]), rel=1e-12)


def test_the_bootstrap_estimates_the_standard_error_of_a_mean() -> None:
    def generate(first: int, count: int) -> Tensor:
        levels = np.random.default_rng(0).normal(0, 0.3, 1000)[first : first + count]
        return full((count, 1, 4, 4), 0.0) + Tensor(levels)[:, None, None, None]

    with registered():
        measuring = evaluator(Brightness(), images=400, bootstrap=300)
        found = {row.name: row.value for row in measuring.evaluate(Made(generate), at(4))}
    spread = np.random.default_rng(0).normal(0, 0.3, 1000)[:400].clip(-1, 1).std(ddof=1) * 127.5
    assert found["brightness_error"] == pytest.approx(spread / np.sqrt(400), rel=0.15)


def test_a_process_beside_comes_to_the_same_numbers(tmp_path: Path) -> None:
    options = {"every": 48, "quick": {"images": 32}, "seeds": 2, "bootstrap": 4}
    here = measured(tmp_path / "here", **options)
    begin(tiny(evaluation=MEASURED | options | {"background": True}), tmp_path / "beside", rehearsed=True).train()
    beside = [row for row in rows(tmp_path / "beside") if "protocol" in row]
    assert here
    assert sorted(here, key=str) == sorted(beside, key=str)


TIED = """
from torch import nn

from gankit import Block, hookimpl


class Tied(Block):
    def build(self, place):
        first, second = (nn.Conv2d(place.in_channels, place.out_channels, 1) for _ in range(2))
        second.weight = first.weight
        return nn.Sequential(first, second)


@hookimpl
def gankit_register(register):
    register("tied", Tied)
"""


@pytest.mark.slow
def test_weights_that_layers_share_may_be_measured_beside(tmp_path: Path) -> None:
    (tmp_path / "tied.py").write_text(TIED)
    with plugins.restored():
        plugins.load_file(tmp_path / "tied.py")
        generator = tiny().generator.model_dump() | {"base_blocks": ["tied"], "norm": "pixel"}
        options: dict[str, Any] = {"plugins": [tmp_path / "tied.py"], "generator": generator}
        begin(tiny(**options, evaluation=MEASURED | {"background": True}), tmp_path / "run").train()
    assert [row["name"] for row in rows(tmp_path / "run") if "protocol" in row] == ["fid", "fid_floor"] * 2


class Stopper(Observer):
    """Stops the run after so many images."""

    at: int

    def callback(self, run: RunContext) -> Callback:
        return Stopping(run, self.at)


class Stopping(Callback):
    def __init__(self, run: RunContext, images: int) -> None:
        self.run, self.images = run, images

    def on_update(self, progress: Progress, scalars: Any) -> None:
        if progress.images == self.images:
            self.run.stop("enough")


@pytest.mark.parametrize("at", [40])
@pytest.mark.slow
def test_a_run_with_a_process_beside_goes_on_exactly(tmp_path: Path, at: int) -> None:
    register("observers", "stopper", Stopper)
    options: dict[str, Any] = {"evaluation": MEASURED | {"every": 16, "background": True}, "checkpoints": {"every": 16}}
    with pytest.raises(RunError, match="enough"):
        begin(tiny(**options, observers=[Stopper(at=at)]), tmp_path / "run").train()
    resumed = resume(tmp_path / "run", ["observers=[]"])
    assert resumed is not None
    resumed.train()
    begin(tiny(**options), tmp_path / "whole").train()
    assert files(tmp_path / "run") == files(tmp_path / "whole")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"evaluation": MEASURED | {"background": True}, "checkpoints": {"best": "fid"}},
            "which checkpoints.best needs",
        ),
        ({"evaluation": MEASURED | {"bootstrap": 1}}, "a single resample shows no spread"),
        ({"evaluation": MEASURED | {"quick": {"images": 1}}}, "must be at least 2"),
    ],
)
def test_what_does_not_go_together_is_refused(changes: dict[str, Any], said: str) -> None:
    experiment: Experiment = tiny(**changes)
    (problem,) = problems(experiment)
    assert said in problem[1]


def test_held_out_reals_are_there_for_metrics() -> None:
    from gankit import Metric

    class HeldOut(Metric):
        """How much brighter the held-out are than the reference."""

        needs = frozenset({"statistics"})

        def evaluate(self, samples: Any) -> dict[str, float]:
            return {"held_out": samples.held_out.statistics.mean[0] - samples.real.statistics.mean[0]}

    with registered():
        register("test", "heldout", HeldOut)
        (row,) = evaluator(HeldOut()).evaluate(Made(lambda first, count: full((count, 1, 4, 4), 0.0)), at(4))
    parts, images = split(digits(), 100, 0), digits().at(4).astype(float).mean((1, 2, 3))
    assert row.value == pytest.approx(images[parts.held_out.chosen].mean() - images[parts.reference.chosen].mean())
