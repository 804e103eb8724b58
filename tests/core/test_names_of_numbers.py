"""Every number that a metric gives is measured, shown and compared by its name, or its name is refused aloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.measuring import Brightness, at, evaluator, grey, registered
from support.recorded import measured, recorded

from gankit import Metric
from gankit.cli import main
from gankit.core import registry
from gankit.evaluation.images import Samples
from gankit.evaluation.names import is_spread
from gankit.results.comparison import compare_runs
from gankit.results.finder import gather


class Named(Metric):
    """Gives numbers of the names that it is told."""

    names: list[str]

    needs = frozenset({"statistics"})

    def evaluate(self, samples: Samples) -> dict[str, float]:
        return {name: float(samples.generated.statistics.mean[0]) for name in self.names}


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of its own, and the metric as test/named."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    with registered(), registry.restored():
        registry.register("test", "named", Named)
        yield


def given(*metrics: Metric, **options: Any) -> list[str]:
    """The names of the numbers that an evaluation by these metrics gives."""
    return [row.name for row in evaluator(*metrics, images=8, **options).evaluate(grey(4), at(4))]


@pytest.mark.parametrize("name", ["pixel_error", "pixel_std", "pixel_seeds_std", "pixel"])
def test_a_number_of_its_own_is_compared_whatever_its_name_ends_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert given(Named(names=[name])) == [name]
    for seed in (0, 1):
        path = tmp_path / "runs" / f"{seed}"
        recorded(path, measured(1000, 1, 4, **{name: 3.0 + seed}), [(4, 1000)], seed=seed, name="own")
    (stage,) = compare_runs(gather([tmp_path / "runs"])).stages
    assert (stage.metric, stage.results[0].summary.mean) == (name, 3.5)
    assert main(["compare", str(tmp_path / "runs"), "--metric", name]) == 0
    assert "3.500" in capsys.readouterr().out


def test_a_number_beside_another_that_it_is_named_after_is_a_spread(tmp_path: Path) -> None:
    rows = measured(500, 1, 4, a_quick=1.0, a_std_quick=2.0)
    rows += measured(1000, 1, 4, a=1.0, a_std=2.0, a_error=3.0, a_seeds_std=4.0, b_error=5.0)
    recorded(tmp_path / "run", rows, [(4, 1000)])
    assert compare_runs(gather([tmp_path])).metrics == ["a"]
    assert compare_runs(gather([tmp_path]), ["b_error"]).metrics == ["b_error"]
    assert is_spread("a_std_quick", {"a_quick"})
    assert not is_spread("a_std_quick", {"a"})


def test_own_spreads_have_no_spread_of_their_own() -> None:
    assert given(Named(names=["a", "a_std", "b_std"]), seeds=2, bootstrap=2) == [
        *("a", "a_std", "b_std"),
        *("a_seeds_std", "b_std_seeds_std"),
        *("a_error", "b_std_error"),
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a_floor"], "'a_floor' is what gankit calls the noise floor of 'a'"),
        (["a_quick"], "'a_quick' is what gankit calls the cheaper estimate of 'a'"),
        (["a", "a_error"], "'a_error' is what gankit calls the error of 'a'"),
        (["a", "a_seeds_std"], "'a_seeds_std' is what gankit calls the spread of 'a'"),
        (["brightness"], "another metric of this evaluation has given 'brightness' already"),
        (["brightness_std"], "'brightness_std' would be taken for the spread of another metric's number"),
    ],
)
def test_names_that_would_be_mistaken_are_refused_and_the_others_measured(
    capsys: pytest.CaptureFixture[str], names: list[str], said: str
) -> None:
    assert given(Brightness(), Named(names=names)) == ["brightness", "brightness_floor"]
    assert capsys.readouterr().err == (
        f"gankit: metric test/named failed at 96 images: {said}; it is left out (evaluation.metrics.1)\n"
    )


def test_the_order_of_metrics_does_not_let_a_name_be_mistaken(capsys: pytest.CaptureFixture[str]) -> None:
    assert given(Named(names=["brightness_std"]), Brightness()) == ["brightness_std"]
    assert "metric test/brightness failed" in capsys.readouterr().err
