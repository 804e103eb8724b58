"""Results that others have sent are checked and ranked, and nothing of theirs is executed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.recorded import PROTOCOL, measured, recorded
from support.tiny import tiny

from gankit.cli import main
from gankit.runs.start import begin

pytestmark = pytest.mark.costly

EVALUATION: dict[str, Any] = {"metrics": ["fid"], "extractor": "digits", "images": 16}
RUNS = {
    "alice/seed-0": {"loss": "wgan", "seed": 0},
    "alice/seed-1": {"loss": "wgan", "seed": 1},
    "bob/mine": {"loss": "hinge", "seed": 0},
    "bob/other": {"loss": "hinge", "seed": 1},
    "carol": {"loss": "wgan", "seed": 2, "evaluation": {**EVALUATION, "images": 20}},
}
"""What was trained, by the folder in which it is sent; carol measured with more images."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "sent"
    for place, options in RUNS.items():
        begin(tiny(**{"evaluation": EVALUATION, **options}), folder / place).train()
    return folder


@pytest.fixture
def sent(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder sent/ in the current one, to be changed; without checkpoints, as people send them."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, "sent", ignore=shutil.ignore_patterns("checkpoints"))
    return Path("sent")


@pytest.fixture
def ranked(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """What the command says as JSON."""

    def ranked(folder: Path, *arguments: str, code: int = 0) -> Any:
        assert main(["leaderboard", str(folder), "--json", *arguments]) == code
        return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)

    return ranked


def refusals(found: Any) -> dict[str, str]:
    return {one["folder"]: one["reason"] for one in found["refused"]}


def changed(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_each_protocol_is_a_table_of_its_own(sent: Path, ranked: Callable[..., Any]) -> None:
    found = ranked(sent)
    assert (found["metric"], found["refused"]) == ("fid", [])
    both, alone = found["tables"]
    assert {one["entry"] for one in both["entries"]} == {"alice", "bob"}
    assert [one["entry"] for one in alone["entries"]] == ["carol"]
    assert (both["protocol"]["images"], alone["protocol"]["images"]) == (16, 20)
    assert both["first_place"] == [one["entry"] for one in both["entries"]], "two seeds each tell nothing"
    means = [one["mean"] for one in both["entries"]]
    assert means == sorted(means)
    alice = next(one for one in both["entries"] if one["entry"] == "alice")
    row = json.loads(
        [line for line in (sent / "alice/seed-1/metrics.jsonl").read_text().splitlines() if '"fid"' in line][-1]
    )
    assert alice["seeds"][1] == {"seed": 1, "value": row["value"], "images": 96, "folder": "sent/alice/seed-1"}
    assert alice["experiment"] == "sent/alice/seed-0/experiment.yaml"
    assert (alice["n"], alice["rank"]) == (2, [1, 2])
    assert alice["seconds"] > 0
    assert alice["began"] == json.loads((sent / "alice/seed-0/provenance.json").read_text())["started"]
    assert alice["remarks"] == ["no checkpoint was sent that its numbers could be held against"]


def test_seeds_rank_entries_that_are_far_apart(tmp_path: Path, ranked: Callable[..., Any]) -> None:
    for sender, fids in {"a": (5.0, 5.2, 5.1), "b": (90.0, 91.0, 90.5)}.items():
        for seed, fid in enumerate(fids):
            recorded(tmp_path / sender / f"{seed}", measured(1000, 1, 4, fid=fid), [(4, 1000)], seed=seed)
    [table] = ranked(tmp_path)["tables"]
    assert [(one["entry"], one["rank"]) for one in table["entries"]] == [("a", [1, 1]), ("b", [2, 2])]
    assert table["first_place"] == ["a"]


def test_what_was_tampered_with_is_refused_with_the_reason(
    trained: Path, sent: Path, ranked: Callable[..., Any]
) -> None:
    shutil.copytree(trained / "alice", sent / "mallory")
    file = sent / "mallory/seed-0/metrics.jsonl"
    file.write_text(re.sub(r'"name": "fid", "value": [0-9.]+', '"name": "fid", "value": 0.1', file.read_text()))
    changed(sent / "mallory/seed-1/experiment.yaml", "seed: 1", "seed: 7")
    changed(sent / "bob/other/metrics.jsonl", '"images": 96', '"images": 9600')
    shutil.copytree(sent / "alice/seed-0", sent / "zoe")
    found = refusals(ranked(sent, code=1))
    assert "is not what the run had recorded" in found["sent/mallory/seed-0"]
    assert "is not what the run was trained by: seed was 1 and is 7" in found["sent/mallory/seed-1"]
    assert "speaks of 9,600 images, and by provenance.json there are 96" in found["sent/bob/other"]
    assert found["sent/zoe"] == "all its numbers are those of sent/alice/seed-0, so it is the same run"
    assert len(found) == 4


def test_what_is_damaged_or_not_complete_is_refused_and_the_others_are_ranked(
    sent: Path, ranked: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (sent / "alice/seed-0/metrics.jsonl").write_text("junk\n")
    (sent / "alice/seed-1/experiment.yaml").unlink()
    shutil.copytree(sent / "bob/mine", sent / "dave")
    lines = (sent / "dave/metrics.jsonl").read_text().splitlines(keepends=True)
    (sent / "dave/metrics.jsonl").write_text("".join(line for line in lines if '"stage": 1' in line))
    (sent / "bob/mine/provenance.json").unlink()
    found = ranked(sent, code=1)
    reasons = refusals(found)
    assert "metrics.jsonl:1: not a row of metrics" in reasons["sent/alice/seed-0"]
    assert reasons["sent/alice/seed-1"] == "there is no experiment.yaml, so what was trained is not known"
    assert reasons["sent/dave"] == "it is not complete: 40 of 96 images"
    assert len(reasons) == 3
    [bob] = [one for table in found["tables"] for one in table["entries"] if one["entry"] == "bob"]
    assert any("provenance.json is lost" in remark for remark in bob["remarks"])
    assert main(["leaderboard", str(sent)]) == 1
    shown = capsys.readouterr()
    assert "sent/dave is refused: it is not complete: 40 of 96 images" in shown.err
    assert "Refused" in shown.out


def test_what_does_not_fit_is_marked(sent: Path, ranked: Callable[..., Any]) -> None:
    changed(sent / "carol/experiment.yaml", "images: 20", "images: 50000")
    file = sent / "carol/provenance.json"
    about = json.loads(file.read_text())
    about["plugins"]["wgan"]["sha256"] = "0" * 64
    about["plugins"]["theirs"] = {"sha256": "1" * 64}
    file.write_text(json.dumps(about))
    floors = sent / "bob/mine/metrics.jsonl"
    floors.write_text(re.sub(r'"fid_floor", "value": [0-9.]+', '"fid_floor", "value": 0.1', floors.read_text()))
    remarks = {one["entry"]: one["remarks"] for table in ranked(sent)["tables"] for one in table["entries"]}
    assert remarks["carol"][1:] == [
        "experiment.yaml says evaluation.images 50000, and it was measured with 20",
        "other source than here: wgan",
        "plugins that are not installed here: theirs",
        "one seed: nothing can be said of its place",
    ]
    assert any(remark.startswith("its noise floor is 0.1000") for remark in remarks["bob"])


def test_nothing_of_theirs_is_executed_or_followed(sent: Path, ranked: Callable[..., Any]) -> None:
    code = "from pathlib import Path\nPath('executed').touch()\n"
    for place in ("alice/seed-0", "alice/seed-1"):
        (sent / place / "plugins").mkdir()
        (sent / place / "plugins/evil.py").write_text(code)
        changed(sent / place / "experiment.yaml", "plugins: []", "plugins: [plugins/evil.py]")
    file = sent / "alice/seed-1/provenance.json"
    about = json.loads(file.read_text())
    about["plugins"]["evil"] = {"sha256": "0" * 64}
    file.write_text(json.dumps(about))
    secret = Path("secret")
    secret.write_text("a secret\n")
    (sent / "bob/mine/metrics.jsonl").unlink()
    (sent / "bob/mine/metrics.jsonl").symlink_to(secret.resolve())
    (sent / "loop").symlink_to(".")
    found = ranked(sent, code=1)
    assert not Path("executed").exists()
    reasons = refusals(found)
    assert reasons["sent/alice/seed-1"].endswith("plugins/evil.py is not the source that provenance.json names")
    assert reasons["sent/bob/mine"].endswith("is a link that leads out of what was sent")
    assert len(reasons) == 2
    assert not list(sent.rglob(".lock"))


NAME = '"><script>alert(1)</script>\x1b[2J'


def test_the_page_escapes_what_they_wrote_and_leads_to_their_experiments(
    sent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sent / "bob").rename(sent / NAME.replace("/", ""))
    (sent / "carol").rename(sent / "javascript:alert(1)")
    file = sent / "alice/seed-0/provenance.json"
    about = json.loads(file.read_text())
    file.write_text(json.dumps({**about, "started": NAME, "hardware": {"cpu": NAME}}))
    Path("pages").mkdir()
    assert main(["leaderboard", str(sent), "-o", "pages/board.html"]) == 0
    assert capsys.readouterr().out == ""
    page = Path("pages/board.html").read_text()
    assert "<script" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;alert(1)" in page
    links = re.findall(r'<a href="([^"]*)">', page)
    assert "../sent/alice/seed-0/experiment.yaml" in links
    assert "../sent/javascript%3Aalert%281%29/experiment.yaml" in links
    assert all(link.startswith("../sent/") for link in links)
    assert main(["leaderboard", str(sent)]) == 0
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("experiment.yaml", "name: [x]\nseed: 0\n"),
        ("experiment.yaml", "name: x\nseed: {a: 1}\n"),
        ("experiment.yaml", "name: x\nvariant: 3\n"),
        ("experiment.yaml", "name: x\ndata: {1: a, b: c}\n"),
        ("provenance.json", json.dumps({"stages": [[4, 10**400, 0]]})),
        (
            "times.jsonl",
            json.dumps({"event": "stage", "resolution": 4, "seconds": 10**400, "images_per_second": 0}) + "\n",
        ),
        ("times.jsonl", '{"event": "stage", "resolution": 4, "seconds": NaN, "images_per_second": 1e-320}\n'),
    ],
)
def test_odd_content_ends_in_no_traceback(
    tmp_path: Path, file: str, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for sender in ("a", "b"):
        recorded(tmp_path / sender, measured(1000, 1, 4, fid=ord(sender)), [(4, 1000)])
    (tmp_path / "a" / file).write_text(content)
    assert main(["leaderboard", str(tmp_path)]) in (0, 1)
    assert "b " in capsys.readouterr().out


def test_mistakes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: object) -> str:
        assert main(["leaderboard", *map(str, arguments)]) == 2
        return capsys.readouterr().err

    assert "expected a folder that holds what others have sent" in said(tmp_path / "absent")
    assert "there is no run in it" in said(tmp_path)
    recorded(tmp_path / "a", measured(1000, 1, 4, PROTOCOL, fid=1.0), [(4, 1000)])
    assert "Did you mean 'fid'?" in said(tmp_path, "--metric", "fidd")
    assert "its name ends in .html" in said(tmp_path, "-o", "board.csv")


def test_it_imports_nothing_heavy(sent: Path) -> None:
    code = "import json, sys; from gankit.cli import main; main(sys.argv[1:]); print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", code, "leaderboard", str(sent)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    imported = json.loads(printed.splitlines()[-1])
    assert {"torch", "aim", "matplotlib", "scipy.stats", "gankit_wgan"}.isdisjoint(imported)
