"""The page of gankit report for trained runs: what it needs, and its pictures."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from support.pages import Page, content_of, page_of
from support.tiny import tiny

from gankit.checkpoints.integrity import MANIFEST, found, manifest_text, read_manifest
from gankit.checkpoints.store import load_generator
from gankit.cli import main
from gankit.config.loader import load_experiment
from gankit.data.images import to_uint8
from gankit.data.pictures import grid
from gankit.results.comparison import compare_runs
from gankit.results.finder import gather
from gankit.results.page import drawn
from gankit.results.page.samples import choices
from gankit.results.report import build_report
from gankit.results.tables import significant
from gankit.runs.start import begin
from gankit.training.sampler import sample

pytestmark = pytest.mark.costly


@pytest.fixture(autouse=True)
def _is_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where much else runs, reading real images may take longer than a reader of a page should wait."""
    monkeypatch.setattr(drawn, "PATIENCE", 300.0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two losses, the first with two seeds, the second with latents of another size."""
    folder = tmp_path_factory.mktemp("trained") / "losses"
    about: dict[str, Any] = {"name": "losses", "observers": [{"use": "sample-grid", "every": 20, "count": 4}]}
    about["evaluation"] = {"metrics": ["fid"], "extractor": "digits", "images": 16}
    wider = {**tiny().model_dump()["generator"], "latent": 9}
    for variant, seed, options in (
        ("loss=hinge", 0, {"loss": "hinge"}),
        ("loss=hinge", 1, {"loss": "hinge"}),
        ("wide", 0, {"loss": "wgan", "generator": wider}),
    ):
        begin(tiny(variant=variant, seed=seed, **about, **options), folder / variant / f"seed-{seed}").train()
    return folder


@pytest.fixture(scope="module")
def page(trained: Path) -> Page:
    return page_of(trained)


def test_the_page_needs_no_network_and_no_script(page: Page, trained: Path) -> None:
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe", "object", "embed", "base"})
    drawings = 0
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcset")]
        for address in (attributes[name] for name in ("src", "href") if name in attributes):
            assert address.startswith("#") if tag == "a" else address.startswith("data:image/")
            if address.startswith("data:image/svg"):
                drawings += 1
                for element in ElementTree.fromstring(content_of(address, "image/svg+xml")).iter():
                    assert element.tag.rpartition("}")[2] not in ("script", "image", "foreignObject")
                    links = [value for name, value in element.attrib.items() if name.rpartition("}")[2] == "href"]
                    assert all(link.startswith("#") for link in links)
    assert drawings == 1
    style = (trained.parent / "report.html").read_text().partition("<style>")[2].partition("</style>")[0]
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style
    assert not re.search(r"url\(|@import|//", style)


def test_every_link_leads_somewhere_and_every_picture_is_described(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert links == [f"#{anchor}" for anchor in ids]
    assert len(set(ids)) == len(ids) > 8
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")


def test_the_tables_are_those_of_the_comparison(page: Page, trained: Path) -> None:
    shown = build_report(compare_runs(gather([trained])))
    assert page.text.startswith(f"{shown.title} {shown.title} losses: 2 variants, 3 runs, compared with loss=hinge.")
    for section in shown.sections:
        if section.columns:
            assert page.tables[section.title] == [[column.name for column in section.columns], *section.rows]
        assert all(note in page.text for note in section.notes)


def test_samples_are_those_of_the_run_in_the_middle(page: Page, trained: Path) -> None:
    hinge, _ = choices(compare_runs(gather([trained])))
    values = {run.seed: run.stages[-1].metrics["fid"].value for run in hinge.variant.runs}
    seed = max(values, key=lambda seed: values[seed])
    reason = f"seed {seed}, fid {significant(values[seed])} at 8x8, the worse of 2 seeds"
    run = trained / "loss=hinge" / f"seed-{seed}"
    generator = load_generator(run, load_experiment(run / "experiment.yaml", check=False), torch.device("cpu"))
    images = to_uint8(sample(generator, 0, 32, 0, torch.device("cpu"))).permute(0, 2, 3, 1).numpy()
    shown = page.pixels(f"loss=hinge: {reason}; checkpoint after 96 images, 8x8")
    assert np.array_equal(shown, grid(images, 16, gap=1, scale=2)[:, :, 0])
    assert "other latents than above, of 9 numbers" in page.text


def test_reals_stand_above_samples(page: Page, trained: Path) -> None:
    from gankit.data.images import RealImages

    assert page.captions[0] == "real images, as loss=hinge was trained on"
    reals = RealImages(load_experiment(trained / "wide/seed-0/experiment.yaml", check=False).data, [8])
    images = reals.at(8)[reals.drawn(32, 0)].transpose(0, 2, 3, 1)
    assert np.array_equal(page.pixels("real images"), grid(images, 16, gap=1, scale=2)[:, :, 0])


def test_small_images_are_enlarged_without_blur(page: Page) -> None:
    pictures = [attributes for caption, attributes in page.pictures if "checkpoint" in caption]
    assert len(pictures) == 2
    assert all(one["class"] == "pixels" and int(one["width"]) % (16 * 17 - 1) == 0 for one in pictures)


def test_the_last_picture_of_each_stage_is_shown(page: Page, trained: Path) -> None:
    stages = [caption for caption in page.captions if "after" in caption and "checkpoint" not in caption]
    assert stages == ["4x4 after 32 images", "8x8 after 96 images"] * 2
    expected = np.asarray(Image.open(trained / "wide/seed-0/samples/00000096-8x8.png"))
    assert np.array_equal(page.pixels("8x8 after 96 images"), expected)


def test_equal_runs_give_equal_pages(page: Page, trained: Path, tmp_path: Path) -> None:
    assert main(["report", str(trained), "-o", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_bytes() == (trained.parent / "report.html").read_bytes()


def test_what_cannot_be_shown_is_said(trained: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(trained / "wide/seed-0", tmp_path / "run"))
    for weights in run.glob("checkpoints/*/average.safetensors"):
        weights.write_bytes(weights.read_bytes()[:-1])
    damaged = page_of(run).captions[0]
    assert "as painted in training after 96 images, 8x8, perhaps of other latents, for none could be drawn: " in damaged
    assert "cannot be read as a checkpoint" in damaged
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(trained / "wide/seed-0/checkpoints", run / "checkpoints")
    for checkpoint in found(run / "checkpoints"):  # as gankit 0.1 left them, which kept no options
        manifest = read_manifest(checkpoint)
        del manifest["experiment"]
        (checkpoint / MANIFEST).write_bytes(manifest_text(manifest))
    record = (run / "experiment.yaml").read_text()
    (run / "experiment.yaml").write_text(record.replace("labels: false", "labels: true"))
    page = page_of(run)
    assert "real images are not shown: they are no longer those that the run was trained on" in page.text
    assert "checkpoint after 96 images" in page.captions[0]


def test_without_torch_the_last_pictures_are_shown(trained: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from gankit.cli import main; sys.exit(main(sys.argv[1:]))"
    output = tmp_path / "report.html"
    command = [sys.executable, "-c", code, "report", str(trained), "-o", str(output)]
    assert subprocess.run(command, capture_output=True, text=True).stderr == f"wrote {output}\n"
    found = Page(output.read_text())
    assert found.text.count("for none could be drawn: sampling needs torch, which is not installed") == 2
    assert len(found.pictures) == 2 + 2 * 2
