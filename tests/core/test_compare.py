"""gankit compare, as a user calls it."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.recorded import PROTOCOL, measured, recorded, study
from support.tiny import tiny

from gankit.cli import main
from gankit.runs.start import begin

FIDS = {"hinge": [5.0, 6.0, 7.0], "wgan": [4.0, 4.9, 6.1]}


@pytest.fixture
def losses(tmp_path: Path) -> Path:
    """A study of two losses and three seeds."""
    return study(tmp_path / "losses", FIDS)


@pytest.fixture
def compare(capsys: pytest.CaptureFixture[str]) -> Any:
    """What the command prints; it must not complain."""

    def compare(*arguments: object) -> str:
        assert main(["compare", *map(str, arguments)]) == 0
        printed = capsys.readouterr()
        assert [line for line in printed.err.splitlines() if not line.startswith("wrote ")] == []
        return printed.out

    return compare


def cells(printed: str, begin: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines() if line.startswith(begin)]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["compare", *map(str, arguments)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


def test_each_stage_tells_the_better_variant_from_the_baseline(losses: Path, compare: Any) -> None:
    shown = compare(losses)
    assert "fid at 4x4 after 1,000 images: lower is better; noise floor 0.02000" in shown
    wgan, hinge = cells(shown, "loss=")[:2]
    assert wgan == ["loss=wgan", "1–2", "3", "5.000", "2.617", "1.054", "4.000", "-1.000", "0.2484", "better", "0.3264"]
    assert hinge == ["loss=hinge", "(baseline)", "1–2", "3", "6.000", "2.484", "1.000", "5.000", "-", "-", "-", "-"]
    assert "First place shared by: loss=wgan, loss=hinge" in shown
    assert "seed by seed (paired t-test)" in shown
    assert "with 3 seeds, 80% of such studies would find a true difference of 0.3264; smaller ones mostly" in shown
    assert "measured with images 1000, extractor digits@3f, seed 0" in shown
    assert cells(shown.partition("What differs")[2], "loss=") == [["loss=hinge", "hinge"], ["loss=wgan", "wgan"]]


def test_ranks_that_seeds_tell_apart_are_said_in_every_format(tmp_path: Path, compare: Any) -> None:
    study(
        tmp_path / "losses", {"a": [5.0, 5.2, 5.4], "b": [5.1, 5.3, 5.2], "c": [40.0, 40.3, 40.1], "d": [math.nan] * 3}
    )
    shown = {form: compare(tmp_path, "--format", form) for form in ("terminal", "markdown", "html", "csv", "json")}
    assert [line[1:3] for line in cells(shown["terminal"], "loss=")[1:4]] == [["1–2", "3"], ["3", "3"], ["-", "0"]]
    assert "| loss=c | 3 | 3 | 40.13 |" in shown["markdown"]
    assert '<td>loss=b</td><td class="number">1–2</td>' in shown["html"]
    for form in ("terminal", "markdown", "html"):
        assert "First place shared by: loss=a, loss=b" in shown[form].replace("\\", "")
    *_, a, b, c, d = csv.DictReader(io.StringIO(shown["csv"]))
    assert [(one["rank_low"], one["rank_high"]) for one in (a, b, c, d)] == [
        ("1", "2"),
        ("1", "2"),
        ("3", "3"),
        ("", ""),
    ]
    final = json.loads(shown["json"])["stages"][-1]
    assert final["first_place"] == ["loss=a", "loss=b"]
    assert [one["rank"] for one in final["variants"]] == [[1, 2], [1, 2], [3, 3], None]


def test_another_baseline_turns_the_verdict_round(losses: Path, compare: Any) -> None:
    shown = compare(losses, "--baseline", "loss=wgan")
    assert "worse" in shown
    assert "better " not in shown.replace("is better", "")


def test_single_runs_show_values_and_no_empty_columns(tmp_path: Path, compare: Any) -> None:
    study(tmp_path / "losses", {"hinge": [5.0], "wgan": [4.0]})
    shown = compare(tmp_path)
    assert cells(shown, "loss=")[:2] == [["loss=wgan", "4.000", "-1.000"], ["loss=hinge", "(baseline)", "5.000", "-"]]
    for absent in ("rank", "First place", "std", "95%", "verdict", "detectable"):
        assert absent not in shown
    assert "one seed each" in shown


def test_one_variant_alone_is_compared_with_nothing(tmp_path: Path, compare: Any) -> None:
    study(tmp_path / "losses", {"hinge": [5.0, 6.0]})
    shown = compare(tmp_path)
    assert cells(shown, "loss=")[0] == ["loss=hinge", "2", "5.500", "6.353", "0.7071", "5.000"]
    for absent in ("baseline", "rank", "First place", "difference", "verdict", "What differs"):
        assert absent not in shown


def test_many_variants_are_said_to_be_compared_pair_by_pair(tmp_path: Path, compare: Any) -> None:
    study(tmp_path / "losses", {f"l{i}": [5.0 + i, 6.0, 7.0] for i in range(4)})
    assert "--holm" in compare(tmp_path)
    corrected = compare(tmp_path, "--holm")
    assert "Holm's p" in corrected
    assert "verdicts are by Holm's correction" in corrected
    assert "--holm" not in corrected
    assert "--holm" not in compare(study(tmp_path / "few", {"a": [1.0, 2.0], "b": [1.0, 3.0], "c": [2.0, 1.0]}))


def test_what_is_not_complete_is_listed(losses: Path, compare: Any) -> None:
    about: dict[str, Any] = {"name": "losses", "variant": "loss=hinge", "loss": {"use": "gan/hinge"}}
    rows = [*measured(1000, 1, 4, fid=0.3), *measured(2000, 2, 8, fid_quick=50.0)]
    recorded(losses / "loss=hinge" / "seed-3", rows, seed=3, **about)
    recorded(losses / "loss=hinge" / "seed-4", [], times=[("failed", {"why": "x"})], seed=4, **about)
    shown = compare(losses)
    assert "loss=hinge/seed-3: cut short at 2,000 of 3,000 images; fid_quick 50.00 at 8x8 after 2,000" in shown
    assert "loss=hinge/seed-4: failed at 0 of 3,000 images; no evaluation yet" in shown
    assert "Welch" in shown, "at 4x4 seeds are no longer the same"


def test_unlike_lengths_of_training_are_shown(tmp_path: Path, compare: Any) -> None:
    for images in (1000, 1500):
        recorded(tmp_path / f"{images}", measured(images, 1, 4, fid=1.0), [(4, images)], growth={"images": images})
    shown = compare(tmp_path)
    assert cells(shown, "1000 (baseline)") == [["1000", "(baseline)", "1,000", "1.000", "-"]]
    assert cells(shown, "1500 ")[0] == ["1500", "1,500", "1.000", "0.000"]


def test_diverged_seeds_are_counted(tmp_path: Path, compare: Any) -> None:
    study(tmp_path / "losses", {"hinge": [5.0, 6.0, 7.0], "wgan": [4.0, math.nan, 6.1]})
    shown = compare(tmp_path)
    assert "loss=wgan: 2 of 3 seeds gave a number" in shown
    assert cells(shown, "loss=wgan ")[0][:6] == ["loss=wgan", "1–2", "2", "of", "3", "5.050"]


def test_cost_is_shown_by_variant(tmp_path: Path, compare: Any) -> None:
    for seed, seconds in enumerate((90.0, 110.0)):
        facts = {"resolution": 4, "seconds": seconds, "images_per_second": 1000 / seconds}
        facts["cpu_seconds"] = 2 * seconds
        times = [("stage", {**facts, "generator_parameters": 1234, "discriminator_parameters": 5678})]
        recorded(tmp_path / f"{seed}", measured(1000, 1, 4, fid=1.0), [(4, 1000)], times, seed=seed)
    cost = compare(tmp_path).partition("Cost of a run")[2]
    assert cells(cost, "tiny") == [["tiny", "2", "1,000", "100", "200", "10.10", "1,234", "5,678"]]


def test_work_of_cpus_that_older_runs_did_not_note_is_no_zero(tmp_path: Path, compare: Any) -> None:
    facts = {"resolution": 4, "seconds": 90.0, "images_per_second": 1000 / 90}
    recorded(tmp_path / "old", measured(1000, 1, 4, fid=1.0), [(4, 1000)], [("stage", facts)])
    cost = compare(tmp_path).partition("Cost of a run")[2]
    assert cells(cost, "tiny") == [["tiny", "1", "1,000", "90", "-", "11.11", "-", "-"]]


@pytest.mark.parametrize("option", ["", "--format=markdown", "--format=html"])
def test_all_formats_say_the_same(losses: Path, compare: Any, option: str) -> None:
    about: dict[str, Any] = {"name": "losses", "variant": "loss=hinge", "loss": {"use": "gan/hinge"}}
    recorded(losses / "loss=hinge" / "seed-3", [], seed=3, **about)
    shown = compare(losses, *([option] if option else []))
    terminal = compare(losses)
    words = [word for word in terminal.split() if not set(word) <= {"─"}]
    plain = " ".join(Texts(shown).texts) if option.endswith("html") else shown.replace("\\", "")
    assert [word for word in words if word not in plain] == []


class Texts(HTMLParser):
    """All text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("form", ["terminal", "markdown", "html"])
def test_folders_may_be_called_anything(tmp_path: Path, compare: Any, form: str) -> None:
    for name in ("[red]a|b", "<b>&_c_"):
        options = dict.fromkeys(("loss", "augment", "data"), len(name))
        recorded(tmp_path / name, measured(1000, 1, 4, fid=1.0), [(4, 1000)], **options)
    shown = compare(tmp_path, "--format", form)
    expected = {
        "terminal": ("[red]a|b", "<b>&_c_"),
        "markdown": (r"| \[red\]a\|b", r"| \<b\>&\_c\_ "),
        "html": ("<td>[red]a|b", "<td>&lt;b&gt;&amp;_c_"),
    }[form]
    assert all(text in shown for text in expected)
    heads = {"terminal": "[red]a|b", "markdown": r"\[red\]a\|b", "html": "<th>[red]a|b</th>"}
    assert heads[form] in shown.partition("What differs")[2], "variants are columns where more options differ"
    assert form != "html" or "<b>" not in shown


def test_markdown_tables_have_equal_lines(losses: Path, compare: Any) -> None:
    lines = compare(losses, "--format=markdown").splitlines()
    tables = "\n".join(line if line.startswith("|") else "" for line in lines).split("\n\n")
    counts = [{line.count("|") for line in table.strip().splitlines()} for table in tables if table.strip()]
    assert len(counts) == 4
    assert all(len(count) == 1 for count in counts)


def test_csv_is_one_line_for_each_stage_and_variant(losses: Path, compare: Any) -> None:
    lines = list(csv.DictReader(io.StringIO(compare(losses, "--format=csv"))))
    assert [(line["resolution"], line["variant"]) for line in lines] == [
        *(("4", "loss=wgan"), ("4", "loss=hinge")),
        *(("8", "loss=wgan"), ("8", "loss=hinge")),
    ]
    wgan, hinge = lines[2:]
    assert float(wgan["mean"]) == 5.0
    assert float(wgan["difference_high"]) == pytest.approx(-1 + 0.248414, abs=1e-6)
    assert (wgan["method"], wgan["verdict"], wgan["p_holm"]) == ("paired", "better", "")
    assert (hinge["is_baseline"], hinge["difference"], hinge["verdict"]) == ("true", "", "")


def test_json_holds_every_seed_with_its_folder_and_protocol(losses: Path, compare: Any) -> None:
    recorded(losses / "loss=nan" / "seed-0", measured(1000, 1, 4, fid=math.nan), name="losses", variant="loss=nan")
    found = json.loads(compare(losses, "--format=json", "--holm"), parse_constant=pytest.fail)
    stage = found["stages"][0]
    assert (stage["metric"], stage["resolution"], stage["better"]) == ("fid", 4, "lower")
    assert stage["protocol"]["extractor"] == PROTOCOL["extractor"]
    wgan = stage["variants"][0]
    assert [(one["seed"], one["value"]) for one in wgan["seeds"]] == [(0, 0.4), (1, 4.9 / 10), (2, 6.1 / 10)]
    assert wgan["seeds"][1]["folder"] == str(losses / "loss=wgan" / "seed-1")
    assert 0 < wgan["difference"]["p"] == wgan["difference"]["p_holm"] < 0.05
    assert stage["variants"][2]["seeds"][0]["value"] == "nan"
    assert found["unfinished"][0]["state"] == "cut short"
    assert {one["variant"]: one["differing"]["loss"] for one in found["variants"]} == {
        "loss=hinge": "hinge",
        "loss=wgan": "wgan",
        "loss=nan": "-",
    }


def test_several_metrics_stand_one_after_another(tmp_path: Path, compare: Any) -> None:
    recorded(tmp_path / "run", measured(1000, 1, 4, fid=1.0, **{"is": 2.0}), [(4, 1000)])
    shown = compare(tmp_path, "--metric", "is", "--metric", "fid")
    assert shown.index("is at 4x4 after 1,000 images: higher") < shown.index("fid at 4x4 after 1,000 images: lower")


@pytest.mark.parametrize("form", ["terminal", "csv"])
def test_tables_can_be_written_to_a_file(losses: Path, compare: Any, form: str) -> None:
    printed = compare(losses, "--format", form)
    assert compare(losses, "--format", form, "-o", losses / "table") == ""
    written = (losses / "table").read_text()
    assert [line.rstrip() for line in written.splitlines()] == [line.rstrip() for line in printed.strip().splitlines()]


def test_a_pipe_is_written_to_and_stays_one(losses: Path, compare: Any) -> None:
    os.mkfifo(pipe := losses / "pipe")
    reader = os.open(pipe, os.O_RDWR)
    compare(losses, "--format=csv", "-o", pipe)
    assert os.read(reader, 100).startswith(b"metric,resolution")
    assert pipe.is_fifo()
    os.close(reader)


def test_no_digit_is_cut_off_in_a_narrow_terminal(losses: Path, compare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = compare(losses)
    monkeypatch.setenv("COLUMNS", "30")
    assert compare(losses).split() == wide.split()


def test_what_cannot_be_compared_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for images in (1000, 898):
        rows = measured(1000, 1, 4, {**PROTOCOL, "images": images}, fid=1.0)
        recorded(tmp_path / f"{images}", rows, [(4, 1000)], seed=images)
    assert "images: 898 in" in refusal(capsys, tmp_path)
    assert "Did you mean 'fid'?" in refusal(capsys, tmp_path, "--metric=fidd")
    assert "Did you mean '1000'?" in refusal(capsys, tmp_path / "100")
    (tmp_path / "none").mkdir()
    assert "there is no run in" in refusal(capsys, tmp_path / "none")
    assert "-o: cannot write" in refusal(capsys, tmp_path / "1000", "-o", tmp_path / "none" / "x" / "y")


@pytest.mark.costly
def test_comparing_imports_nothing_heavy(losses: Path) -> None:
    code = "import json, sys; from gankit.cli import main; main(sys.argv[1:]); print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", code, "compare", str(losses)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    imported = json.loads(printed.splitlines()[-1])
    assert "gankit.results.comparison" in imported
    assert {"torch", "aim", "torch_fidelity", "pandas", "matplotlib", "scipy.stats"}.isdisjoint(imported)


@pytest.mark.costly
def test_trained_runs_are_compared(tmp_path: Path, compare: Any) -> None:
    evaluation = {"metrics": ["fid"], "extractor": "digits", "images": 16}
    for loss in ("wgan", "hinge"):
        for seed in (0, 1):
            begin(tiny(loss=loss, seed=seed, evaluation=evaluation), tmp_path / loss / str(seed)).train()
    found = json.loads(compare(tmp_path, "--format=json"))
    assert found["unfinished"] == []
    assert [variant["variant"] for variant in found["variants"]] == ["hinge", "wgan"]
    assert found["variants"][0]["differing"] == {"loss": "hinge"}
    assert found["variants"][0]["runs"][0]["parameters"]["generator"] > 0
    assert [stage["resolution"] for stage in found["stages"]] == [4, 8]
    rows = [json.loads(line) for line in (tmp_path / "wgan/1/metrics.jsonl").read_text().splitlines()]
    last = [row["value"] for row in rows if row["name"] == "fid"][-1]
    seeds = {one["variant"]: one["seeds"] for one in found["stages"][1]["variants"]}
    assert seeds["wgan"][1]["value"] == last


def test_of_runs_that_were_measured_differently_it_is_told_which_go_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], compare: Any
) -> None:
    """As what to type, a whole study by its folder; and a list that stays short."""
    monkeypatch.chdir(tmp_path)
    study(Path("runs/losses"), FIDS)
    Path("runs/losses/study.yaml").write_text("name: losses\n")
    for name, value in {"a": 1, "b": 1, "c": 2}.items():
        unlike = {**PROTOCOL, **{f"fact{number}": value for number in range(9)}}
        recorded(Path("runs") / name, measured(1000, 1, 4, unlike, fid=1.0), [(4, 1000)], loss={"use": f"gan/{name}"})
    said = refusal(capsys, "runs").splitlines()
    assert said[0].endswith("these runs were measured differently and cannot be compared:")
    assert said[5:] == [
        "  and 14 more differences",
        "these go together:",
        "  gankit compare runs/losses",
        "  gankit compare runs/a runs/b",
    ]
    for line in said[-2:]:
        compare(*line.split()[2:])
    assert refusal(capsys, "runs", "--metric", "fid").endswith("\n  gankit compare --metric fid runs/a runs/b\n")
    alone = "no two of them go together; each can be looked at alone: gankit compare runs/a"
    assert refusal(capsys, "runs/a", "runs/c").splitlines()[-1] == alone
    compare("runs/a")
