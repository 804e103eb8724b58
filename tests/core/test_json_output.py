"""What commands say to programs: as the schemas say that are documented, and nothing beside it; how commands end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file
from support.answers import check
from support.command import SMALL, gankit_here
from support.flat import DENSE, EXPERIMENT, theirs
from support.lift import PLUGIN
from support.recorded import measured, recorded, study
from support.styled import styled

from gankit.cli import COMMANDS, main
from gankit.cli.answers import ANSWERS
from gankit.cli.exit_codes import EXIT_CODES
from gankit.cli.json_output import answer_schema
from gankit.config.yaml.writer import dump_experiment

pytestmark = pytest.mark.costly

VALID = {
    "run": ["run", "all.yaml", "--out", "run", "--resume"],
    "resume": ["resume", "run"],
    "validate": ["validate", "quickstart.yaml"],
    "expand": ["expand", "study.yaml"],
    "estimate": [
        "estimate",
        "quickstart.yaml",
        *SMALL,
        "--set",
        "growth={use: fixed, resolution: 4, images: 64}",
        "--budget",
        "1e-6",
    ],
    "prepare": ["prepare", "quickstart.yaml"],
    "data": ["data", "quickstart.yaml", "-o", "sheet.png"],
    "cache": ["cache"],
    "compare": ["compare", "losses"],
    "diff": ["diff", "run", "run"],
    "leaderboard": ["leaderboard", "losses"],
    "track": ["track", "run", "--to", "tensorboard"],
    "report": ["report", "losses", "-o", "report.html"],
    "runs": ["runs", "losses", "run"],
    "evaluate": ["evaluate", "run", "--metrics", "fid", "--images", "16"],
    "average": ["average", "run", "--length", "0.1", "-o", "average.safetensors"],
    "sample": ["sample", "run", "-n", "2", "-o", "grid.png"],
    "interpolate": ["interpolate", "run", "--seeds", "1,2", "--steps", "2", "-o", "way.gif"],
    "mix": ["mix", "run", "--rows", "1", "--columns", "2", "-o", "mixed.png"],
    "film": ["film", "run", "-o", "film.gif"],
    "project": ["project", "run", "target.png", "--steps", "2", "-o", "found"],
    "directions": ["directions", "run", "--count", "1", "-o", "directions.npz"],
    "import": ["import", "w.safetensors", "--experiment", "flat.yaml", "-o", "imported.safetensors"],
    "export": ["export", "run", "--to", "safetensors", "-o", "exported.safetensors"],
    "plugins": ["plugins", "--trace"],
    "explain": ["explain", "growth/progressive"],
    "schema": ["schema"],
    "init": ["init"],
    "new-plugin": ["new-plugin", "my-loss"],
    "completion": ["completion", "bash"],
}
"""Something that each command can do in the folder `place`."""
OTHERS = [
    pytest.param(["run", "study.yaml"], marks=pytest.mark.slow),
    ["validate", "study.yaml"],
    ["expand", "quickstart.yaml"],
    ["estimate", "study.yaml", "--budget", "1e-6"],
    ["average", "run", "--sweep", "0.1", "--metrics", "fid", "--images", "16"],
    ["cache", "--clear"],
    ["compare", "losses", "-o", "tables.csv", "--holm"],
    ["explain", "loss"],
    ["explain", "training"],
    ["explain", "training.batch"],
    ["explain", "--schedule", "quickstart.yaml"],
    ["init", "--all"],
    ["film", "run", "--growth", "--seeds", "1", "--steps", "2", "-o", "growth.gif"],
]
"""Further ways of theirs."""
WRONG = {
    **{command: [command, "missing.yaml"] for command in ("run", "validate", "expand", "estimate", "prepare", "data")},
    **{command: [command, "missing"] for command in ("resume", "compare", "runs", "evaluate")},
    **{
        command: [command, "missing", *VALID[command][2:]]
        for command in ("average", "sample", "interpolate", "mix", "film", "project", "directions", "import", "export")
    },
    "diff": ["diff", "missing", "missing"],
    "leaderboard": ["leaderboard", "missing"],
    "track": ["track", "missing", "--to", "tensorboard"],
    "report": ["report", "missing", "-o", "report.html"],
    "cache": ["cache", "more"],
    "plugins": ["plugins", "--plugin", "missing.py"],
    "explain": ["explain", "los"],
    "schema": ["schema", "--plugin", "missing.py"],
    "init": ["init", "more"],
    "new-plugin": ["new-plugin", "My Loss"],
    "completion": ["completion", "cmd"],
}
"""A mistake that can be made with each command."""
STUDY = """\
extends: all.yaml
name: study
growth: {use: fixed, resolution: 4, images: 16}
checkpoints: {snapshots: null}
training: {average: {use: exponential}, averages: {}}
matrix: {seed: [0, 1]}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A folder with a run, runs of a study, and files to begin with; and the lines that the run has said."""
    place = tmp_path_factory.mktemp("json")
    power = {"use": "power", "length": 0.15}
    averages = {"average": power, "averages": {"short": {**power, "length": 0.05}}}
    experiment = styled(
        name="all",
        training={"batch": 8, "device": "cpu", **averages},
        checkpoints={"every": 32, "snapshots": 2},
        evaluation={"metrics": ["fid"], "extractor": "digits", "images": 16},
        observers=["progress", {"use": "sample-grid", "every": 16, "count": 4}],
    )
    (place / "all.yaml").write_text(dump_experiment(experiment))
    (place / "study.yaml").write_text(STUDY)
    assert gankit_here(["init"], place).returncode == 0
    (place / "flat.py").write_text(DENSE)
    (place / "flat.yaml").write_text(EXPERIMENT)
    save_file(theirs(), place / "w.safetensors")
    study(place / "losses", {"hinge": [5.0, 6.0], "wgan": [4.0, float("nan")]})
    done = gankit_here(["run", "all.yaml", "--out", "run", "--json"], place)
    assert done.returncode == 0, done.stderr
    assert gankit_here(["sample", "run", "--seeds", "1", "-o", "samples"], place).returncode == 0
    (place / "samples" / "seed000001.png").rename(place / "target.png")
    return place, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def place(made: tuple[Path, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANKIT_CACHE", str(made[0] / "cache"))
    return made[0]


def named(arguments: list[str]) -> str:
    return " ".join(arguments)[:40]


def parsed(out: str, command: str) -> list[Any]:
    """The one object, or the lines, that were printed."""
    return [json.loads(line) for line in out.splitlines()] if command in ("run", "resume") else [json.loads(out)]


@pytest.mark.parametrize("arguments", [*VALID.values(), *OTHERS], ids=named)
def test_what_is_printed_is_as_the_schema_says(arguments: list[str], place: Path) -> None:
    (place / "quickstart.yaml").rename(place / "kept.yaml") if arguments == ["init"] else None
    done = gankit_here([*arguments, "--json"], place)
    assert done.returncode == 0, done.stderr
    answers = parsed(done.stdout, arguments[0])
    check(answers, ANSWERS[arguments[0]])
    assert all(isinstance(answer, dict) and "error" not in answer for answer in answers)


def test_all_commands_are_tried() -> None:
    assert VALID.keys() == WRONG.keys() == ANSWERS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_schema_is_printed_by_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([command, "--json-schema"])
    assert leaving.value.code == 0
    assert json.loads(capsys.readouterr().out) == answer_schema(ANSWERS[command])


@pytest.mark.parametrize("arguments", WRONG.values(), ids=named)
def test_a_mistake_ends_with_2_and_is_said_in_one_line(arguments: list[str], tmp_path: Path) -> None:
    done, plain = (gankit_here([*arguments, *more], tmp_path) for more in (["--json"], []))
    assert done.returncode == plain.returncode == 2
    assert "Traceback" not in plain.stderr
    assert done.stderr.splitlines()[-1:] == plain.stderr.splitlines()[-1:]
    assert plain.stdout == ""
    (answer,) = [json.loads(line) for line in done.stdout.splitlines()]
    check([answer], ANSWERS[arguments[0]])
    assert answer["error"]["exit_code"] == 2
    assert answer["error"]["mistakes"]
    assert answer["error"]["message"].split(";")[0] in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_what_cannot_be_read_on_the_command_line_is_a_mistake_too(command: str, tmp_path: Path) -> None:
    done = gankit_here([command, "--jsno", "--json"], tmp_path)
    assert done.returncode == 2
    (mistake,) = json.loads(done.stdout)["error"]["mistakes"]
    required = "required" in mistake["message"]
    assert required or mistake["hint"] in ("--json", None)


def test_all_mistakes_of_a_file_are_told_with_their_places(place: Path) -> None:
    file = "extends: quickstart.yaml\nsed: 3\nloss: hing\ndiscriminator: {channels: {4: many}}\nbatch: 4\n"
    (place / "wrong.yaml").write_text(file)
    done = gankit_here(["run", "wrong.yaml", "--json", "--set", "evaluation.metrics=[fdi]"], place)
    assert done.returncode == 2
    told = {mistake["option"]: mistake for mistake in json.loads(done.stdout)["error"]["mistakes"]}
    hints = {option: mistake["hint"] for option, mistake in told.items()}
    assert hints == {
        "sed": "seed",
        "loss": "hinge",
        "discriminator.channels.4": None,
        "batch": "training.batch",
        "evaluation.metrics.0": "fid",
    }
    where = {option: [told[option][key] for key in ("file", "line", "column")] for option in told}
    assert where["sed"] == ["wrong.yaml", 2, 1]
    assert where["loss"] == ["wrong.yaml", 3, 7]
    assert where["discriminator.channels.4"] == ["wrong.yaml", 4, 31]
    assert where["evaluation.metrics.0"] == [None, None, None]
    assert told["evaluation.metrics.0"]["argument"] == "--set evaluation.metrics=[fdi]"
    assert told["discriminator.channels.4"]["message"] == "expected a whole number, not 'many'"


def test_a_run_says_how_it_goes_on_line_by_line(made: tuple[Path, list[dict[str, Any]]]) -> None:
    place, lines = made
    check(lines, ANSWERS["run"])
    assert [line["event"] for line in lines[:1] + lines[-1:]] == ["started", "ended"]
    assert lines[0] == {
        **{"event": "started", "folder": str(place / "run"), "name": "all", "variant": None, "seed": 0},
        **{"images": 0, "total": 80, "stages": 3},
    }
    at = [line for line in lines if line["event"] == "progress"]
    assert [line["images"] for line in at if line["images"] in (16, 48, 80)][-3:] == [16, 48, 80]
    assert all(line["total"] == 80 for line in at)
    said = [row for line in lines if line["event"] == "rows" for row in line["rows"]]
    recorded = [json.loads(line) for line in (place / "run" / "metrics.jsonl").read_text().splitlines()]
    metrics = [row for row in recorded if "protocol" in row]
    assert [{key: value for key, value in row.items() if value is not None} for row in said] == metrics
    last = {(row["resolution"], row["name"]): row["value"] for row in recorded if row.get("protocol")}
    ended = lines[-1]
    assert (ended["folder"], ended["status"]) == (str(place / "run"), "finished")
    assert {(row["resolution"], row["name"]): row["value"] for row in ended["metrics"]} == last


@pytest.mark.slow
def test_what_a_program_is_told_changes_no_run(made: tuple[Path, list[dict[str, Any]]], place: Path) -> None:
    assert gankit_here(["run", "all.yaml", "--out", "quiet"], place).returncode == 0
    assert gankit_here(["diff", "run", "quiet"], place).returncode == 0


def test_1_is_for_what_could_not_be_done(place: Path) -> None:
    unlike = recorded(place / "unlike", measured(1000, 1, 4, fid=3.0))
    other = recorded(place / "other", measured(1000, 1, 4, fid=4.0))
    done = gankit_here(["diff", unlike, other, "--json"], place)
    assert done.returncode == 1
    assert json.loads(done.stdout)["numbers"] == [{"name": "fid", "here": 3.0, "there": 4.0}]
    (other / "metrics.jsonl").write_text("{}\n")
    done = gankit_here(["compare", unlike, other, "--json"], place)
    assert done.returncode == 1
    assert [damaged["folder"] for damaged in json.loads(done.stdout)["damaged"]] == [str(other)]
    guarded = ["--set", "observers=[{use: guard, every: 1, against: not-finite}]", "--set", "loss=wgan"]
    diverging = ["--set", "training.optimizer={use: adam, lr: 1e6}", "--no-rehearsal", "--out", "diverged"]
    done = gankit_here(["run", "all.yaml", *guarded, *diverging, "--json"], place)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    check(lines, ANSWERS["run"])
    assert lines[-1]["error"]["exit_code"] == 1
    assert "was stopped" in lines[-1]["error"]["message"]
    assert lines[-1]["error"]["mistakes"] == []
    (event,) = [row for line in lines if line.get("event") == "rows" for row in line["rows"] if row["note"]]
    assert event["name"] == "guard.not-finite"


@pytest.mark.slow
def test_a_run_that_is_terminated_says_so_last(place: Path) -> None:
    command = [sys.executable, "-m", "gankit", "run", "all.yaml", "--out", "terminated", "--json"]
    long = ["--set", "growth={use: fixed, resolution: 4, images: 100M}", "--set", "training.averages={}"]
    kept = ["--set", "checkpoints.snapshots=null", "--set", "training.average=exponential"]
    with subprocess.Popen(
        [*command, *long, *kept], cwd=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "started"
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        *_, last = process.stdout
    assert process.returncode == 143
    check([json.loads(last)], ANSWERS["run"])
    assert json.loads(last)["error"]["message"] == EXIT_CODES[143]


def test_exit_codes_are_told_by_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert all(f"{code}: {meaning}" in said for code, meaning in EXIT_CODES.items())


def test_nothing_but_json_is_printed_whatever_a_plugin_prints(place: Path) -> None:
    (place / "chatty.py").write_text(f"{PLUGIN}\nprint('hello')\n")
    done = gankit_here(["validate", "quickstart.yaml", "--plugin", "chatty.py", "--json"], place)
    assert json.loads(done.stdout)["name"] == "quickstart"
    assert done.stderr == "hello\n"
