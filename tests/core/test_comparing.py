"""Which runs are one variant, what variants are called, how they differ, and how they are compared."""

from __future__ import annotations

import math
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.recorded import PROTOCOL, measured, recorded, study

from gankit import UserError
from gankit.kinds.callbacks import Row
from gankit.results.comparison import Comparison, VariantResult, compare_runs
from gankit.results.differences import differing
from gankit.results.finder import gather
from gankit.results.groups import NOT_TRAINED, group_runs, told_apart_by
from gankit.results.report import build_report
from gankit.results.run_results import read_run
from gankit.results.run_tables import print_metrics
from gankit.results.significance import Method, Verdict
from gankit.runs.may_change import MAY_CHANGE

CONV: dict[str, Any] = {"use": "pggan/conv"}


def labels(*places: Path) -> dict[str, list[int]]:
    return {variant.label: [run.seed for run in variant.runs] for variant in group_runs(gather(places))}


def run(path: Path, fid: float = 1.0, **options: Any) -> Path:
    return recorded(path, [*measured(1000, 1, 4, fid=fid), *measured(3000, 2, 8, fid=fid)], **options)


def at(comparison: Comparison, resolution: int, label: str, metric: str = "fid") -> VariantResult:
    (stage,) = [one for one in comparison.stages if (one.resolution, one.metric) == (resolution, metric)]
    (result,) = [one for one in stage.results if one.variant.label == label]
    return result


def test_a_study_has_a_variant_for_each_folder_and_a_run_for_each_seed(tmp_path: Path) -> None:
    study(tmp_path / "losses", {"hinge": [1, 2], "wgan": [3, 4]})
    assert labels(tmp_path / "losses") == {"loss=hinge": [0, 1], "loss=wgan": [0, 1]}


def test_variants_of_several_studies_are_told_apart_by_them(tmp_path: Path) -> None:
    study(tmp_path / "small", {"hinge": [1], "wgan": [3]})
    study(tmp_path / "large", {"hinge": [1]}, depth=8)
    assert set(labels(tmp_path / "small", tmp_path / "large")) == {
        "small/loss=hinge",
        "loss=wgan",
        "large/loss=hinge",
    }


def test_what_changes_nothing_of_training_makes_no_variant(tmp_path: Path) -> None:
    other = {"observers": [{"use": "aim"}], "checkpoints": {"every": 9}, "evaluation": {"every": 5}}
    run(tmp_path / "a", seed=0, training={"batch": 8, "device": "cpu", "threads": 1}, plugins=["/here/p.py"])
    run(tmp_path / "b", seed=1, training={"batch": 8, "device": "cuda"}, plugins=["/there/p.py"], **other)
    assert labels(tmp_path) == {"tiny": [0, 1]}


def test_variants_of_a_study_differ_in_what_it_varies_even_if_that_changes_nothing_of_training(tmp_path: Path) -> None:
    for seed in (0, 1):
        for parts in (8, 32):
            options: dict[str, Any] = {"batch": 32, "micro_batch": parts, "threads": seed + 1}
            named: dict[str, Any] = {"name": "parts", "variant": f"micro_batch={parts}", "seed": seed}
            run(tmp_path / "parts" / named["variant"] / f"seed-{seed}", training=options, **named)

    groups = group_runs(gather([tmp_path / "parts"]))

    told = {"micro_batch=32": "32", "micro_batch=8": "8"}
    assert differing(told_apart_by(groups)) == {"training.micro_batch": told}


def test_what_makes_no_variant_is_said_where_runs_are_refused_for_it(tmp_path: Path) -> None:
    paths = [run(tmp_path / str(parts), seed=0, training={"micro_batch": parts}) for parts in (8, 32)]
    with pytest.raises(
        UserError, match=r"training\.micro_batch makes no variant of them: to compare by that, run a study"
    ):
        group_runs(gather(paths))


def test_what_may_change_within_a_run_makes_no_variant() -> None:
    # averaged generators make other images by it
    measured_otherwise = {"training.average.statistics", "training.averages.*.statistics"}
    assert set(MAY_CHANGE) - measured_otherwise <= set(NOT_TRAINED)


def test_other_options_make_another_variant_called_by_its_folder(tmp_path: Path) -> None:
    run(tmp_path / "narrow", training={"batch": 8})
    run(tmp_path / "wide", training={"batch": 16})
    assert labels(tmp_path) == {"narrow": [0], "wide": [0]}
    for batch in (8, 16):
        for seed in (3, 4):
            run(tmp_path / "more" / f"batch{batch}" / f"{seed}", seed=seed, training={"batch": batch})
    assert labels(tmp_path / "more") == {"batch8": [3, 4], "batch16": [3, 4]}


def test_names_that_count_seeds_are_one_variant(tmp_path: Path) -> None:
    for seed in (0, 1):
        run(tmp_path / f"toy-{seed}", name=f"toy-{seed}", seed=seed)
    assert labels(tmp_path) == {"toy": [0, 1]}


def test_labels_are_unique_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("x/a/run", "y/a/run"):
        run(tmp_path / place, seed=0, data={"path": place})
    assert set(labels(tmp_path)) == {"x/a/run", "y/a/run"}
    for place in ("z/p0", "z/p1", "z/q0", "z/q1"):
        run(tmp_path / place, seed=int(place[-1]), data={"path": place[2]})
    found = labels(tmp_path / "z")
    assert [*found.values()] == [[0, 1], [0, 1]]
    assert len(found) == 2


def test_equal_runs_of_other_names_are_variants_of_their_own(tmp_path: Path) -> None:
    run(tmp_path / "a", name="before", seed=0)
    run(tmp_path / "b", name="after", seed=0)
    assert labels(tmp_path) == {"before": [0], "after": [0]}


def test_a_seed_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    study(tmp_path / "losses", {"hinge": [1, 2]})
    shutil.copytree(tmp_path / "losses/loss=hinge/seed-1", tmp_path / "losses/loss=hinge/again")
    with pytest.raises(UserError) as refusal:
        labels(tmp_path)
    for part in ("loss=hinge/seed-1", "loss=hinge/again", "both seed 1 of losses/loss=hinge"):
        assert part in str(refusal.value)


def test_seeds_are_paired_and_the_better_is_found(tmp_path: Path) -> None:
    study(tmp_path / "s", {"hinge": [5.0, 6.0, 7.0], "wgan": [4.0, 4.9, 6.1], "least": [5.1, 5.5, 7.1]})
    comparison = compare_runs(gather([tmp_path]), baseline="loss=hinge")
    better, same = at(comparison, 8, "loss=wgan"), at(comparison, 8, "loss=least")
    assert better.difference is not None
    assert (better.difference.method, better.verdict) == (Method.PAIRED, Verdict.BETTER)
    assert better.difference.value == pytest.approx(-1.0)
    assert same.verdict is Verdict.NOT_DISTINGUISHABLE
    assert (better.best, better.summary.n) == (4.0, 3)
    assert at(comparison, 8, "loss=hinge").verdict is None
    assert [stage.label for stage in comparison.stages] == ["4x4", "8x8"]
    assert [one.variant.label for one in comparison.stages[1].results] == ["loss=wgan", "loss=least", "loss=hinge"]
    assert comparison.stages[0].floor == pytest.approx(0.02)


def test_high_values_are_better_where_the_protocol_says_so(tmp_path: Path) -> None:
    for name, scores in {"low": [1.0, 1.1], "high": [2.0, 2.1]}.items():
        for seed, score in enumerate(scores):
            rows = measured(1000, 1, 4, **{"is": score})
            recorded(tmp_path / name / str(seed), rows, [(4, 1000)], seed=seed, loss=name)
    comparison = compare_runs(gather([tmp_path]), baseline="low")
    assert comparison.metrics == ["is"]
    assert [one.variant.label for one in comparison.stages[0].results] == ["high", "low"]
    assert (at(comparison, 4, "high", "is").verdict, at(comparison, 4, "high", "is").best) == (Verdict.BETTER, 2.1)


def test_holm_takes_back_what_only_one_of_many_pairs_shows(tmp_path: Path) -> None:
    fids = {"base": [5.0, 6.0, 7.0], "near": [4.0, 4.7, 6.3], **{f"same{i}": [5.3, 5.5, 7.4] for i in range(4)}}
    study(tmp_path / "s", fids)
    alone, corrected = (compare_runs(gather([tmp_path]), correct=correct) for correct in (False, True))
    one, other = (at(comparison, 8, "loss=near") for comparison in (alone, corrected))
    assert one.p is not None
    assert other.p == pytest.approx(5 * one.p)
    assert (one.verdict, other.verdict) == (Verdict.BETTER, Verdict.NOT_DISTINGUISHABLE)


def test_runs_that_were_cut_short_count_where_they_have_come_to_the_end(tmp_path: Path) -> None:
    study(tmp_path / "s", {"hinge": [1.0, 2.0]})
    rows = [*measured(1000, 1, 4, fid=0.3), *measured(2000, 2, 8, fid=50.0)]
    recorded(tmp_path / "s/loss=hinge/seed-2", rows, name="s", variant="loss=hinge", seed=2, loss={"use": "gan/hinge"})
    comparison = compare_runs(gather([tmp_path]))
    assert at(comparison, 4, "loss=hinge").summary.n == 3
    assert [one[:2] for one in at(comparison, 8, "loss=hinge").seeds] == [(0, 1.0), (1, 2.0)]
    (left,) = comparison.unfinished
    assert (left.run.seed, left.state, [row.value for row in left.last]) == (2, "cut short", [50.0])


def test_a_run_that_was_killed_in_its_last_evaluation_is_not_complete(tmp_path: Path) -> None:
    rows = [*measured(1000, 1, 4, fid=0.3), Row(3000, 2, 8, "loss.generator", 0.5)]
    recorded(tmp_path / "run", rows)
    assert [one.run.cost.images for one in compare_runs(gather([tmp_path])).unfinished] == [3000]


def pyramid(path: Path, **options: Any) -> Path:
    """A finished run whose first metric has a name of its own in each stage."""
    rows = [*measured(1000, 1, 4, swd_4=3.0, swd=3.0), *measured(3000, 2, 8, swd_8=2.0, swd=2.0)]
    return recorded(path, rows, times=[("finished", {})], **options)


def test_without_fid_the_first_metric_of_every_stage_is_compared(tmp_path: Path) -> None:
    pyramid(tmp_path / "swd")
    comparison = compare_runs(gather([tmp_path]))
    assert (comparison.metrics, [stage.label for stage in comparison.stages]) == (["swd"], ["4x4", "8x8"])
    rows = [*measured(1000, 1, 4, swd=3.0, fid=1.0), *measured(3000, 2, 8, swd=3.0, fid=1.0)]
    recorded(tmp_path / "other", rows, seed=1)
    assert compare_runs(gather([tmp_path])).metrics == ["fid"]


def test_a_metric_of_the_cheaper_protocol_alone_is_the_usual_one_until_there_is_another(tmp_path: Path) -> None:
    recorded(tmp_path / "run", measured(500, 1, 4, kid_quick=9.0, kid_std_quick=1.0))
    (left,) = compare_runs(gather([tmp_path])).unfinished
    assert [row.name for row in left.last] == ["kid_quick"]


def test_a_run_is_complete_that_has_come_to_the_end_of_its_own_schedule(tmp_path: Path) -> None:
    pyramid(tmp_path / "swd")
    recorded(tmp_path / "short", measured(1000, 1, 4, swd_4=2.0, swd=2.0), [(4, 1000)], growth={"final": 4})
    comparison = compare_runs(gather([tmp_path]), ["swd_4"])
    assert (comparison.unfinished, comparison.unmeasured) == ([], [])


def test_a_complete_run_that_lacks_what_others_have_is_told_of(tmp_path: Path) -> None:
    study(tmp_path / "s", {"hinge": [1.0, 2.0]})
    about: dict[str, Any] = {"name": "s", "variant": "loss=hinge", "seed": 2, "loss": {"use": "gan/hinge"}}
    recorded(tmp_path / "s/loss=hinge/seed-2", [*measured(1000, 1, 4, fid=0.3), *measured(3000, 2, 8, kid=1)], **about)
    comparison = compare_runs(gather([tmp_path]))
    assert comparison.unfinished == []
    assert [(one.run.seed, one.lacks) for one in comparison.unmeasured] == [(2, ["fid at 8x8"])]
    (section,) = [one for one in build_report(comparison).sections if one.title == "Not measured"]
    assert section.notes == ["loss=hinge/seed-2: no fid at 8x8"]


@pytest.mark.parametrize(
    ("baseline", "stages", "note"),
    [
        (measured(1000, 1, 8, fid=1), [(8, 1000)], "has no such stage"),
        (measured(1000, 1, 8, fid=1), [(4, 1000), (8, 3000)], "has not come to the end of this stage"),
        ([*measured(1000, 1, 4, kid=1), *measured(3000, 2, 8, fid=1)], [(4, 1000), (8, 2000)], "has no fid of it"),
    ],
)
def test_why_the_baseline_has_no_number_at_a_stage(
    tmp_path: Path, baseline: list[Row], stages: list[tuple[int, int]], note: str
) -> None:
    recorded(tmp_path / "a", baseline, stages, name="s", variant="a")
    run(tmp_path / "b", name="s", variant="b")
    report = build_report(compare_runs(gather([tmp_path]), ["fid"], "a"))
    (section,) = [one for one in report.sections if one.title.startswith("fid at 4x4")]
    assert f"the baseline, a, {note}" in section.notes


def test_a_finished_run_in_which_nothing_was_measured_is_told_of(tmp_path: Path) -> None:
    recorded(tmp_path / "run", [Row(3000, 2, 8, "loss.generator", 0.5)], times=[("finished", {})])
    comparison = compare_runs(gather([tmp_path]))
    assert (comparison.unfinished, [one.lacks for one in comparison.unmeasured]) == ([], [[]])
    assert ["tiny/seed-0: no evaluation"] in [one.notes for one in build_report(comparison).sections]


def test_reports_begin_with_the_final_resolution(tmp_path: Path) -> None:
    rows = [*measured(1000, 1, 4, fid=0.3, **{"is": 2}), *measured(3000, 2, 8, fid=1, **{"is": 3})]
    recorded(tmp_path / "run", rows)
    titles = [
        section.title.split(" after")[0]
        for section in build_report(compare_runs(gather([tmp_path]), ["is", "fid"])).sections
    ]
    assert titles[:4] == ["is at 8x8", "is at 4x4", "fid at 8x8", "fid at 4x4"]


HALVES: dict[str, Any] = {**PROTOCOL, "images": 30, "reals": 30, "of": "held-out reals"}


def test_floors_of_fewer_images_are_flagged_with_both_counts(tmp_path: Path) -> None:
    rows = [*measured(1000, 1, 4, {**PROTOCOL, "images": 60, "reals": 60}, fid=0.91)]
    rows += measured(1000, 1, 4, {**PROTOCOL, "images": 60, "reals": 0}, **{"is": 2.0})
    recorded(tmp_path / "run", [*rows, *measured(1000, 1, 4, HALVES, fid_floor=1.08)], [(4, 1000)])
    first, *others = build_report(compare_runs(gather([tmp_path]))).sections
    assert first.title.endswith("lower is better; noise floor 1.080 of 30 images, not 60")
    around, warning = others[0].notes[-2:]
    assert around.startswith("measured with images 60, reals 60, floors of images 30, reals 30, extractor")
    assert "with evaluation.images: 30 (gankit evaluate --images 30) both are of as many" in warning
    print_metrics([read_run(tmp_path / "run")], console := Console(file=StringIO(), width=400))
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert around in shown
    assert warning in shown


def test_floors_of_as_many_images_are_not_flagged(tmp_path: Path) -> None:
    rows = measured(1000, 1, 4, {**PROTOCOL, "images": 30, "reals": 30}, fid=0.91)
    recorded(tmp_path / "run", [*rows, *measured(1000, 1, 4, HALVES, fid_floor=1.08)], [(4, 1000)])
    first, how, *_ = build_report(compare_runs(gather([tmp_path]))).sections
    assert first.title.endswith("noise floor 1.080")
    assert how.notes == ["measured with images 30, reals 30, extractor digits@3f, seed 0"]


def test_runs_without_any_evaluation_can_be_told_of(tmp_path: Path) -> None:
    recorded(tmp_path / "run", [])
    comparison = compare_runs(gather([tmp_path]))
    assert (comparison.metrics, comparison.stages, len(comparison.unfinished)) == ([], [], 1)


def test_diverged_seeds_are_counted_apart(tmp_path: Path) -> None:
    study(tmp_path / "s", {"hinge": [1.0, math.nan, 2.0], "wgan": [math.inf, math.nan, math.nan]})
    comparison = compare_runs(gather([tmp_path]))
    hinge, wgan = at(comparison, 8, "loss=hinge"), at(comparison, 8, "loss=wgan")
    assert (hinge.summary.given, hinge.summary.n, hinge.summary.mean) == (3, 2, 1.5)
    assert (wgan.summary.n, wgan.verdict, wgan.best) == (0, Verdict.NO_NUMBER, None)
    assert comparison.stages[1].results[-1].variant.label == "loss=wgan"


def test_unlike_protocols_are_refused_for_what_is_compared_alone(tmp_path: Path) -> None:
    other = {**PROTOCOL, "images": 898}
    for name, protocol in {"a": PROTOCOL, "b": other}.items():
        rows = [*measured(1000, 1, 4, **{"is": 2.0}), *measured(1000, 1, 4, protocol, fid=1.0)]
        recorded(tmp_path / name, rows, [(4, 1000)], loss=name)
    runs = gather([tmp_path])
    assert compare_runs(runs, ["is"]).metrics == ["is"]
    with pytest.raises(UserError, match=r"images: 1000 in .*a, 898 in .*b \(fid at 4x4\)"):
        compare_runs(runs)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"metrics": ["fdi"]}, r"--metric: no run has 'fdi'; there are fid, is\. Did you mean 'fid'\?"),
        ({"metrics": ["fid_floor"]}, r"--metric: no run has 'fid_floor'"),
        ({"baseline": "tiney"}, r"--baseline: there is no variant 'tiney'\. Did you mean 'tiny'\?"),
        ({"baseline": "x"}, r"--baseline: there is no variant 'x'\. There are: tiny\."),
    ],
)
def test_what_is_not_there_is_named_with_the_nearest(tmp_path: Path, asked: dict[str, Any], said: str) -> None:
    recorded(tmp_path / "run", measured(1000, 1, 4, fid=1.0, fid_floor=0.1, **{"is": 2.0}))
    with pytest.raises(UserError, match=said):
        compare_runs(gather([tmp_path]), **asked)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"loss": {"use": "gan/hinge"}}, {"loss": {"use": "wgan/wgan"}}, {"loss": ("hinge", "wgan")}),
        (
            {"loss": {"use": "gan/hinge", "margin": 1}},
            {"loss": {"use": "gan/hinge", "margin": 2}},
            {"loss.margin": ("1", "2")},
        ),
        ({"loss": {"use": "gan/hinge"}}, {"loss": {"use": "other/hinge"}}, {"loss": ("gan/hinge", "other/hinge")}),
        ({"g": {"block": [CONV], "latent": 8}}, {"g": {"block": [CONV] * 2, "latent": 8}},
         {"g.block": ("[conv]", "[conv, conv]")}),
        ({"r": [CONV, {"use": "a/gp", "weight": 1}]}, {"r": [CONV, {"use": "a/gp", "weight": 10}]},
         {"r.1.weight": ("1", "10")}),
        ({"channels": 8}, {"channels": {4: 8, 8: 4}}, {"channels": ("8", "{4: 8, 8: 4}")}),
        ({"augment": None}, {"augment": {"use": "x/shift", "by": 2}}, {"augment": ("null", "{use: shift, by: 2}")}),
        ({"a": 1}, {"a": 1, "b": False}, {"b": ("-", "false")}),
        ({"a": {4: 1}}, {"a": {4: 1}}, {}),
    ],
)  # fmt: skip
def test_differences_are_shown_as_small_as_they_are(one: Any, other: Any, expected: dict[str, tuple[str, str]]) -> None:
    found = differing({"one": one, "other": other})
    assert {path: (by["one"], by["other"]) for path, by in found.items()} == expected


def test_the_default_of_an_option_that_is_not_written_is_shown() -> None:
    found = differing({"a": {"training": {"batch": 8}}, "b": {"training": {"batch": 8, "precision": "bf16"}}})
    assert found == {"training.precision": {"a": "fp32 (the default)", "b": "bf16"}}
