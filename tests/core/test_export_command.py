"""gankit export, and the folders that it writes and sends."""

from __future__ import annotations

import json
import os
import pickle
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path

import pytest
import torch
from PIL import Image
from support.command import gankit_here
from support.hub import TOKEN, hub_on_loopback
from support.tiny import tiny
from support.untrained import untrained

import gankit
from gankit.core.errors import UserError
from gankit.exports.card import CardOptions, model_card
from gankit.exports.folder import write_folder
from gankit.generators.exported import write_export
from gankit.generators.loading import load
from gankit.runs.start import begin


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run up to 8x8 that was measured at the end of each stage."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    evaluation = {"metrics": ["fid"], "extractor": "digits", "images": 16}
    begin(tiny(evaluation=evaluation, checkpoints={"keep": 9}), folder).train()
    return folder


def refused(arguments: Sequence[object], folder: Path) -> str:
    """The one line that is said of a mistake."""
    done = gankit_here(["export", *arguments], folder)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.costly
def test_every_form_gives_the_generators_images(run: Path, tmp_path: Path) -> None:
    generator = load(run, device="cpu")
    z = generator.latents([3, 4])
    wanted = generator(z, noise="fixed")

    for form in ("safetensors", "pt2", "onnx"):
        done = gankit_here(["export", run, "--to", form, "-o", f"deep/generator.{form}"], tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"wrote deep/generator.{form}" in done.stderr
    done = gankit_here(["export", run, "--to", "diffusers", "-o", "folder"], tmp_path)
    assert done.returncode == 0, done.stderr

    for place in ("deep/generator.safetensors", "folder"):
        assert torch.equal(load(tmp_path / place, device="cpu")(z, noise="fixed"), wanted)
    module = torch.export.load(tmp_path / "deep" / "generator.pt2").module()
    assert torch.allclose(module(z), wanted, atol=1e-5)
    assert (tmp_path / "deep" / "generator.onnx").stat().st_size > 1000
    assert {file.name for file in (tmp_path / "deep").iterdir()} == {
        f"generator.{f}" for f in ("safetensors", "pt2", "onnx")
    }


def test_a_folder_says_what_it_holds(run: Path, tmp_path: Path) -> None:
    done = gankit_here(["export", run, "--to", "diffusers", "-o", "my-digits", "--licence", "CC BY 4.0"], tmp_path)
    assert done.returncode == 0, done.stderr

    folder = tmp_path / "my-digits"
    assert {file.name for file in folder.iterdir()} == {"README.md", "config.json", "model.safetensors", "samples.png"}
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: other\nlicense_name: CC BY 4.0\nlibrary_name: gankit\n")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for label, images in (("4x4", 32), ("8x8", 96)):
        fid, floor = (
            next(row["value"] for row in rows if row["name"] == name and row["images"] == images)
            for name in ("fid", "fid_floor")
        )
        found = re.search(rf"^\| {label} \| {images} \| (\S+) \| (\S+) \|$", card, re.MULTILINE)
        assert found is not None, card
        assert [float(cell) for cell in found.groups()] == pytest.approx([fid, floor], rel=1e-3)
    assert "measured with images 16, reals 16" in card
    assert "| loss | {use: wgan/wgan} |" in card
    assert "| real images shown | 96 of 96 |" in card
    assert card.rstrip().endswith("## Licence\n\nCC BY 4.0")
    config = json.loads((folder / "config.json").read_text())
    assert config["_class_name"] == "TrainedGenerator"
    assert (config["latent"], config["shape"], config["stage"]) == (8, [1, 8, 8], 2)
    with Image.open(folder / "samples.png") as picture:
        assert picture.size == (8 * 64 + 7 * 2, 8 * 64 + 7 * 2)
    assert str(run) not in "".join(each.read_text("latin-1") for each in folder.iterdir())


def test_the_lines_of_a_card_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = untrained(tiny(data={"use": "digits", "labels": True}))
    write_folder(tmp_path / "digits", generator, "Nothing is known.", CardOptions("digits"))
    (code,) = re.findall(r"```python\n(.*?)```", (tmp_path / "digits" / "README.md").read_text(), re.DOTALL)
    assert "label='0'" in code

    with chdir(tmp_path):
        exec(code, {})

    assert capsys.readouterr().out == "torch.Size([16, 1, 8, 8])\n"


def test_a_card_of_an_earlier_checkpoint_tells_of_what_it_has_seen(run: Path, tmp_path: Path) -> None:
    done = gankit_here(["export", run, "--to", "diffusers", "-o", "early", "--stage", "1"], tmp_path)
    assert done.returncode == 0, done.stderr

    card = (tmp_path / "early" / "README.md").read_text()
    assert "| 4x4 | 32 |" in card
    assert "| 8x8 | 96 |" not in card
    assert load(tmp_path / "early").shape == (1, 4, 4)


def test_a_card_without_a_run_says_so(run: Path, tmp_path: Path) -> None:
    write_export(tmp_path / "digits.safetensors", load(run))
    done = gankit_here(["export", "digits.safetensors", "--to", "diffusers", "-o", "again"], tmp_path)
    assert done.returncode == 0, done.stderr

    card = (tmp_path / "again" / "README.md").read_text()
    assert "what its run has measured is not in that" in card
    assert "license: unknown\n" in card
    assert card.rstrip().endswith("unknown: ask who trained it")


def test_names_of_others_change_nothing_in_a_card() -> None:
    generator = untrained(tiny(data={"use": "digits", "labels": True}))
    generator.classes = ("<script>", *generator.classes[1:])
    generator.origin["plugins"] = {"mine": {"file": "mine`.py"}}

    card = model_card(generator, "not | known", CardOptions("a`'\n```", "mit\n---\n# x"))

    assert "- not \\| known" in card
    assert "<script>" not in card.replace("label='<script>'", "")
    assert "plugins=['mine`.py']" in card
    assert card.count("\n---\n") == 1
    assert len(re.findall("^```", card, re.MULTILINE)) == 2
    assert "\n# x" not in card


def test_what_was_there_stays_if_it_cannot_be_written(run: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("kept")

    said = refused([run, "--to", "diffusers", "-o", "full"], tmp_path)
    assert said == "-o: the folder full is not empty; name a new one"
    assert "not of a file: file" in refused([run, "--to", "diffusers", "-o", "file"], tmp_path)
    assert "cannot write file/new" in refused([run, "--to", "diffusers", "-o", "file/new"], tmp_path)
    assert "ends in .pt2, not empty" in refused([run, "--to", "pt2", "-o", "empty"], tmp_path)

    assert gankit_here(["export", run, "--to", "diffusers", "-o", "empty"], tmp_path).returncode == 0
    assert len([*(tmp_path / "empty").iterdir()]) == 4
    assert (tmp_path / "file").read_text() == "kept"
    assert {place.name for place in tmp_path.iterdir()} == {"full", "empty", "file"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "onx", "-o", "a.onnx"], r"--to: expected safetensors, .*, not 'onx'. Did you mean 'onnx'?"),
        (["--to", "onnx"], "-o: name what to write"),
        (["--to", "onnx", "-o", "a.pt2"], "-o: expected the name of a file that ends in .onnx, not a.pt2"),
        (["--to", "safetensors", "-o", "a.safetensors", "--noise", "none"], "--noise: goes with pt2 and onnx"),
        (["--to", "pt2", "-o", "a.pt2", "--truncation", "3"], "--truncation: expected a number from 0 to 2, not 3"),
        (["--to", "pt2", "-o", "a.pt2", "--truncation", "0.5"], "--truncation: the mapping of this generator keeps no"),
        (["--to", "pt2", "-o", "a.pt2", "--cutoff", "1"], "--cutoff: expected a number of styles"),
        (["--to", "pt2", "-o", "a.pt2", "--licence", "MIT"], "--licence: goes with diffusers and hub:USER/NAME"),
        (
            ["--to", "pt2", "-o", "a.pt2", "--stage", "7"],
            "--stage: there is no stage 7; the run has stages 1 (4x4), 2 (8x8)",
        ),
        (["--to", "pt2", "-o", "a.pt2", "--which", "slow"], "has no generator 'slow'"),
        (["--to", "hub:name"], "hub:name: expected hub:USER/NAME"),
        (["--to", "hub:me/digits", "-o", "a"], "-o: what is sent to the Hub is written nowhere else"),
    ],
)
def test_mistakes(arguments: list[str], said: str, run: Path, tmp_path: Path) -> None:
    assert re.search(said if ".*" in said else re.escape(said), refused([run, *arguments], tmp_path))
    assert not [*tmp_path.iterdir()]


class Boom:
    """What must never be unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("boom",)


def test_what_is_no_generator_is_refused(run: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.safetensors"
    write_export(whole, load(run))
    content = whole.read_bytes()
    hostile = {
        "cut.safetensors": content[: len(content) // 2],
        "empty.safetensors": b"",
        "pickled.safetensors": pickle.dumps(Boom()),
        "long.safetensors": (2**63).to_bytes(8, "little") + content[8:],
        "other.pt2": content,
        "weights.pt": pickle.dumps(Boom()),
    }
    for name, wrong in hostile.items():
        (tmp_path / name).write_bytes(wrong)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "model.safetensors").write_bytes(content[:100])
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe.safetensors")
    before = {*tmp_path.iterdir()}

    for place in (*hostile, "folder", "empty", "missing", "pipe.safetensors", "hub:", "hub:../x", "hub:a/b/c"):
        assert place.removesuffix(".pt").split("/")[0] in refused([place, "--to", "pt2", "-o", "out.pt2"], tmp_path)
    assert {*tmp_path.iterdir()} == before


def in_hubs_care(tmp_path: Path, address: str, code: str, **others: str) -> subprocess.CompletedProcess[str]:
    """Python that knows the Hub by this address, with a cache of its own and without a token."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    own = {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", code]
    return subprocess.run(
        words, cwd=tmp_path, env=environment | own | others, capture_output=True, text=True, check=False, timeout=120
    )


SEND_AND_LOAD = f"""
import os, sys
import gankit
from gankit.cli import main
from gankit.generators import hub
hub.SILENCE = float(os.environ.get("SILENCE", hub.SILENCE))
send = ["export", "digits.safetensors", "--to", "hub:me/digits"]
without = main(send)
os.environ["HF_TOKEN"] = "{TOKEN}"
with_token = main(send)
del os.environ["HF_TOKEN"]
try:
    print(gankit.load("hub:me/digits", device="cpu").of_seeds([3]).sum().item())
except gankit.UserError as failure:
    print(failure, file=sys.stderr)
sys.exit(10 * without + with_token)
"""


@pytest.mark.costly
def test_a_folder_is_sent_to_the_hub_and_loaded_from_there(run: Path, tmp_path: Path) -> None:
    generator = load(run, device="cpu")
    write_export(tmp_path / "digits.safetensors", generator)
    with hub_on_loopback() as hub:
        done = in_hubs_care(tmp_path, hub.address, SEND_AND_LOAD)

    assert done.returncode == 20, done.stderr
    assert done.stderr.startswith("hub: there is no token of Hugging Face here; type hf auth login, or set HF_TOKEN\n")
    assert f"sent to {hub.address}/me/digits\n" in done.stderr
    files = hub.repositories["me/digits"]
    assert {*files} == {"README.md", "config.json", "model.safetensors", "samples.png"}
    assert b"gankit.load('hub:me/digits')" in files["README.md"]
    assert float(done.stdout) == pytest.approx(generator.of_seeds([3]).sum().item())
    assert {request.rpartition("/")[2] for request in hub.asked if "/resolve/" in request} == {"model.safetensors"}


@pytest.mark.slow
@pytest.mark.parametrize("listens", [True, False])
def test_where_no_hub_answers_a_line_is_said(listens: bool, run: Path, tmp_path: Path) -> None:
    write_export(tmp_path / "digits.safetensors", load(run))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        if not listens:
            silent.close()
        done = in_hubs_care(tmp_path, address, SEND_AND_LOAD, SILENCE="0.5")

    assert done.returncode == 22, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("hub:me/digits")]
    assert len(lines) == 2
    assert all("the Hub cannot be reached or refuses: " in line for line in lines)


def test_the_hub_is_asked_for_nothing_else_than_a_repository() -> None:
    for place in ("hub:me", "hub:/etc/passwd", "hub:me/..", "hub:me/a b", "hub:me/a?b", "hub:http://x/y"):
        with pytest.raises(UserError, match="expected hub:USER/NAME"):
            gankit.load(place)
