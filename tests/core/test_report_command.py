"""gankit report: one page that needs nothing else, and says what the folders of the runs say."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from support.browser import drawn, has_chromium
from support.pages import page_of
from support.recorded import measured, recorded, study

from gankit.cli import main
from gankit.discovery.manager import plugins
from gankit.kinds.callbacks import Row
from gankit.results.tables import significant

pytestmark = pytest.mark.costly

PROVENANCE = {
    "started": "2026-01-02T03:04:05+00:00",
    "command": ["gankit", "run", "a b.yaml"],
    "git": {"commit": "abc123", "dirty": False},
    "versions": {"gankit": "0.1.0", "torch": "2.5.0"},
    "plugins": {"gan": {"distribution": "gankit", "version": "0.1.0", "path": "/x", "sha256": "0123"}},
    "stages": [[4, 1000, 0], [8, 2000, 0]],
    "hardware": {"cpu": "Abacus", "memory": 2**33, "gpus": []},
}


def test_every_number_is_that_of_the_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = study(tmp_path / "s", {"hinge": [5, 6, 7], "wgan": [4.0, math.nan, 6.1], "least": [5.1, 5.5, 7.1]})
    found, numbers = page_of(place, "--holm"), 0
    assert main(["compare", str(place), "--format", "json", "--holm"]) == 0
    for stage in json.loads(capsys.readouterr().out)["stages"]:
        size = f"{stage['resolution']}x{stage['resolution']}"
        ((title, (head, *lines)),) = [pair for pair in found.tables.items() if pair[0].startswith(f"fid at {size} ")]
        assert stage["floor"] is None or f"noise floor {significant(stage['floor'])}" in title
        assert [line[0].removesuffix(" (baseline)") for line in lines] == [one["variant"] for one in stage["variants"]]
        for line, one in zip(lines, stage["variants"], strict=True):
            apart, shown = one["difference"], dict(zip(head, line, strict=True))
            assert shown["n"].split(" of ")[0] == str(one["n"])
            expected: dict[str, float] = {key: one[key] for key in ("mean", "std", "best")}
            if apart is not None:
                expected |= {"difference": apart["value"], "detectable": apart["detectable"]}
                assert float(shown["Holm's p"]) == pytest.approx(apart["p_holm"], rel=0.05)
                assert shown["verdict"] == one["verdict"]
            assert {key: shown[key] for key in expected} == {key: significant(value) for key, value in expected.items()}
            intervals = [of["interval"] for of in (one, apart) if of is not None]
            halves = [cell for name, cell in zip(head, line, strict=True) if name == "±95%" and cell != "-"]
            assert halves == [significant((high - low) / 2) for low, high in intervals]
            numbers += len(expected) + len(halves)
    assert numbers == 2 * (3 * 4 + 2 * 3)


MEASURING = """
<iframe width=1200 height=900 srcdoc="{page}"></iframe>
<script>
addEventListener("load", () => {{
  const inside = document.querySelector("iframe").contentDocument
  inside.querySelectorAll("details").forEach(folded => folded.open = true)
  const boxes = [inside.documentElement, ...inside.querySelectorAll(".scroll")]
  document.body.textContent = "beyond " + JSON.stringify(boxes.map(box => box.scrollWidth - box.clientWidth))
}})
</script>
"""


@pytest.mark.slow
@has_chromium
def test_tables_fit_into_a_window_of_1200_pixels(tmp_path: Path) -> None:
    place = tmp_path / "losses"
    for number, loss in enumerate(("non-saturating", "least-squares", "hinge", "wgan-gp")):
        for seed in range(3):
            about: dict[str, Any] = {"name": "losses", "variant": f"loss={loss},batch=16,optimizer=adam+lr-0.004"}
            about |= {"loss": {"use": f"gan/{loss}"}, "regularizers": [{"use": "gan/gp", "weight": number}]}
            about |= {"training": {"optimizer": {"discriminator": {"betas": [0.0, number], "lr": number / 7}}}}
            path = place / about["variant"] / f"seed-{seed}"
            recorded(path, measured(1000 + number, 1, 4, fid=10.123 + number * seed), [(4, 1000)], seed=seed, **about)
            (path / "provenance.json").write_text(json.dumps({**PROVENANCE, "stages": [[4, 1000, 0]]}))
    page_of(place, "--holm")
    wrapped = tmp_path / "measuring.html"
    wrapped.write_text(MEASURING.format(page=escape((tmp_path / "report.html").read_text())))
    shown = drawn(wrapped.as_uri(), tmp_path / "profile", what="beyond [")
    beyond = json.loads(shown.partition("beyond ")[2].partition("]")[0] + "]")
    assert len(beyond) > 6
    assert set(beyond) == {0}


def test_names_and_notes_are_text(tmp_path: Path) -> None:
    event = Row(900, 1, 4, "rollback", 1.0, note="</td><img src=x onerror=alert(1)>")
    for name in ("<b>bold</b>", "[x]&amp;'\"$"):
        rows = [*measured(1000, 1, 4, fid=1.0), event]
        recorded(tmp_path / "runs" / name.replace("/", "|"), rows, [(4, 1000)], name=name, loss=name)
    found = page_of(tmp_path / "runs")
    assert {"b", "i"}.isdisjoint(tag for tag, _ in found.tags)
    for shown in ("<b>bold</b>", "[x]&amp;'\"$"):
        assert [line[0] for line in found.tables["Cost of a run"]].count(shown) == 1
        assert any(caption.startswith(f"{shown}: seed 0") for caption in found.captions)
    assert [line[3] for line in found.tables["What happened in training"][1:]] == [event.note] * 2


def test_runs_that_were_killed_or_failed_are_told_of(tmp_path: Path) -> None:
    place = study(tmp_path / "s", {"hinge": [5, 6]})
    about: dict[str, Any] = {"name": "s", "variant": "loss=hinge", "loss": {"use": "gan/hinge"}}
    recorded(place / "loss=hinge/seed-2", [*measured(1000, 1, 4, fid=0.3)], seed=2, **about)
    (place / "loss=hinge/seed-2/metrics.jsonl").open("a").write('{"images": 12')
    failed = [("failed", {"reason": "no memory <left>"})]
    recorded(place / "loss=hinge/seed-3", [Row(500, 1, 4, "nan", 1.0, note="lost")], times=failed, seed=3, **about)
    found = page_of(place)
    assert "loss=hinge/seed-2: cut short at 1,000 of 3,000 images; fid 0.3000 at 4x4 after 1,000" in found.text
    assert found.tables["What happened in training"][1:] == [
        ["loss=hinge/seed-3", "500", "nan", "lost"],
        ["loss=hinge/seed-3", "500", "failed", "no memory <left>"],
    ]
    assert re.search(
        r"loss=hinge: seed 1, fid 6.000 at 8x8, the worse of 2 seeds; no samples: .* no checkpoint yet", found.text
    )
    assert "img" in [tag for tag, _ in found.tags]


def test_runs_without_any_number_make_a_page(tmp_path: Path) -> None:
    recorded(tmp_path / "runs" / "a", [])
    found = page_of(tmp_path / "runs")
    assert "tiny: seed 0, no number yet; no samples" in found.text
    assert "img" not in [tag for tag, _ in found.tags]


def test_where_runs_come_from_is_told_and_where_they_differ(tmp_path: Path) -> None:
    place = study(tmp_path / "s", {"hinge": [5, 6], "wgan": [4, 5]})
    for path in place.glob("*/*"):
        (path / "provenance.json").write_text(json.dumps(PROVENANCE))
    other = {**PROVENANCE, "git": {"commit": "def456", "dirty": True}}
    other["plugins"] = {"gan": {"distribution": "gankit", "version": "0.1.0", "path": "/y", "sha256": "4567"}}
    (place / "loss=wgan/seed-1/provenance.json").write_text(json.dumps({**PROVENANCE, "resumed": [other]}))
    (place / "loss=hinge/seed-0/provenance.json").write_text("{")
    tables = page_of(place).tables
    assert tables["Runs"][1][:3] == ["loss=hinge/seed-0", "cut short", "-"]
    assert tables["Runs"][4][2:] == ["2026-01-02 03:04:05, resumed once", "-", "gankit run 'a b.yaml'"]
    some = "loss=hinge/seed-1, loss=wgan/seed-0"
    assert tables["Not the same in all runs"][1:] == [
        ["git.commit", "abc123", some],
        ["git.commit", "abc123, then def456", "loss=wgan/seed-1"],
        ["git.dirty", "false", some],
        ["git.dirty", "false, then true", "loss=wgan/seed-1"],
    ]
    alike = {line[0]: line[1] for line in tables["The same in all runs"]}
    assert alike | {"versions.torch": "2.5.0", "hardware.memory": "8.0 GiB", "hardware.gpus": "none"} == alike
    assert [line[2:] for line in tables["Plugins"][1:]] == [
        ["0123", "loss=hinge/seed-1, loss=wgan"],
        ["4567", "loss=wgan/seed-1"],
    ]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A place that holds no folders of runs and is read by a plugin."""
    reader = tmp_path / "reader.py"
    reader.write_text(
        "from pathlib import Path\nfrom gankit import hookimpl\nfrom gankit.kinds.callbacks import Row\n"
        "from gankit.results.run_results import RunResults, last_evaluations\n\n"
        "@hookimpl\ndef gankit_read_runs(place):\n"
        "    rows = [Row(9, 1, 4, 'fid', 2.0, {'images': 10, 'data': 'x'})]\n"
        "    options = {'name': 'tracked', 'loss': 'wgan'}\n"
        "    return [RunResults(Path('gone/away'), last_evaluations(rows), options, rows)]\n"
    )
    (tmp_path / "elsewhere").mkdir()
    with plugins.restored():
        plugins.load_file(reader)
        yield tmp_path / "elsewhere"


def test_runs_whose_folders_are_gone_have_tables_and_no_pictures(elsewhere: Path) -> None:
    found = page_of(elsewhere)
    assert found.tables["fid at 4x4 after 9 images: lower is better"][1] == ["tracked", "2.000"]
    assert "seed 0, fid 2.000 at 4x4; no samples: there is no folder gone/away here" in found.text
    assert "not known, for there is no provenance.json: all" in found.text
    assert "loss: wgan" in found.text
    assert [attributes["class"] for tag, attributes in found.tags if tag == "img"] == ["drawing"]


def test_fifteen_runs_take_seconds(tmp_path: Path) -> None:
    place = study(tmp_path / "s", {f"l{i}": [5.0 + i, 6.0, 7.0] for i in range(5)})
    began = time.process_time()
    page_of(place)
    assert time.process_time() - began < 10
    assert (tmp_path / "report.html").stat().st_size < 500_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs", "-o", "nowhere/report.html"], "-o: cannot write nowhere/report.html: there is no folder nowhere"),
        (["runs", "-o", "runs"], "-o: cannot write runs: it is a folder"),
        (["empty", "-o", "x.html"], "empty: there is no run in empty"),
        (["rums", "-o", "x.html"], "rums: there is no such folder or file. Did you mean 'runs'?"),
        (["runs", "-o", "x.html", "--metric", "fdi"], "--metric: no run has 'fdi'; there are fid. Did you mean 'fid'?"),
        (["runs", "-o", "x.html", "--baseline", "loss=hing"], "--baseline: there is no variant 'loss=hing'."),
        (["runs"], "the following arguments are required: -o/--output"),
    ],
)
def test_mistakes_are_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    study(Path("runs"), {"hinge": [1.0]})
    Path("empty").mkdir()
    try:
        code = main(["report", *arguments])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    assert said in capsys.readouterr().err
    assert not Path("x.html").exists()
