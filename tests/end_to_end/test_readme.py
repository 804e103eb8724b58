"""What the README shows is what there is."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from support.command import SMALL, gankit_here

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def block(first_line: str) -> str:
    """The indented block that begins with this line."""
    start = README.index("    " + first_line)
    (found,) = re.findall(r"(?:    .*\n|\n)+", README[start:])[:1]
    return textwrap.dedent(found).strip() + "\n"


def test_its_experiment_is_valid_and_its_plugin_trains_in_it(tmp_path: Path) -> None:
    experiment, plugin = block("name: digits-wgan"), block("from gankit import Loss, hookimpl")
    assert len(experiment.splitlines()) <= 15
    assert len([line for line in plugin.splitlines() if line]) <= 20
    (tmp_path / "digits.yaml").write_text(experiment)
    (tmp_path / "my_loss.py").write_text(plugin)
    assert gankit_here(["validate", "digits.yaml"], tmp_path).returncode == 0
    run = gankit_here(["run", "digits.yaml", "--plugin", "my_loss.py", "--set", "loss=squared-hinge", *SMALL], tmp_path)
    assert run.returncode == 0, run.stderr
    assert "my_loss/squared-hinge" in (tmp_path / "runs" / "digits-wgan" / "experiment.yaml").read_text()


def test_its_study_is_valid(tmp_path: Path) -> None:
    (tmp_path / "losses.yaml").write_text(block("# losses.yaml").partition("\n\n")[0])
    assert gankit_here(["init"], tmp_path).returncode == 0
    assert "12 runs of 4 variants" in gankit_here(["validate", "losses.yaml"], tmp_path).stdout


def test_mistakes_look_as_shown_where_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "digits.yaml").write_text(
        "name: digits\nsed: 3\ndata: digits\ngrowth: {use: fixed, resolution: 8, images: 10k}\n"
        "generator: {stem: pggan, block: conv, rgb: rgb, channels: 64}\n"
        "discriminator: {block: conv, rgb: rgb, head: pggan, channels: {4: many}}\nloss: wgan\n"
    )
    refused = gankit_here(["validate", "digits.yaml"], tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.strip() in (ROOT / "docs" / "experiments.md").read_text()


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", README))
def test_its_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link.partition("#")[0]).exists()
