"""Pages that are made from the code are up to date, and what they say of a run's moments is what happens."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
import yaml
from support.blocks import PAGES, ROOT
from support.scripts import loaded
from support.tiny import tiny
from torch import Tensor

import gankit
from gankit import Callback, Observer, testing
from gankit.core.progress import Progress
from gankit.core.registry import register, restored
from gankit.kinds.callbacks import Row, RunContext
from gankit.runs.start import begin, resume

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    return loaded(DOCS / "generate.py")


def test_pages_that_are_made_from_the_code_are_up_to_date(generate: ModuleType) -> None:
    for path, text in generate.pages().items():
        assert (DOCS / path).read_text() == text, f"run: python docs/generate.py ({path})"


def test_every_public_name_is_documented() -> None:
    page = (DOCS / "names.md").read_text()
    for name in gankit.__all__:
        assert re.search(rf"^(### {name}$|- `{name}`|- \[{name}\]|.*`gankit\.{name}` )", page, re.MULTILINE), name
        assert (getattr(gankit, name).__doc__ or "").strip(), f"gankit.{name} has no docstring"
    for name in testing.__all__:
        assert re.search(rf"^- `{name}(\(.*)?`: \w", page, re.MULTILINE), f"gankit.testing.{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", page.read_text()):
        if "://" not in path:
            led = page.parent / path if path else page
            assert led.exists(), path
            assert not anchor or led.suffix != ".md" or anchor in anchors(led.read_text()), f"{path}#{anchor}"


def anchors(page: str) -> set[str]:
    """By what a page's headings are linked to, on GitHub and on the site."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_anchors_are_those_of_headings() -> None:
    page = "# A `b` c: d-e\n```text\n# none\n```\n## Two, both\n"
    assert anchors(page) == {"a-b-c-d-e", "two-both"}


class Telling(Callback):
    """Notes each moment by its name, and checks what it is told."""

    told: list[str]

    def __init__(self, run: RunContext) -> None:
        self.run = run
        Telling.told = ["callback"]

    def _note(self, moment: str, progress: Progress | None = None) -> None:
        Telling.told.append(moment)
        assert progress is None or progress == self.run.progress

    def on_stage_start(self, progress: Progress) -> None:
        self._note("on_stage_start", progress)

    def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
        self._note("on_update", progress)
        assert {"loss.discriminator", "loss.generator"} <= scalars.keys()
        assert all(scalar.dim() == 0 and not scalar.requires_grad for scalar in scalars.values())

    def on_evaluation_start(self, progress: Progress) -> None:
        self._note("on_evaluation_start", progress)

    def on_rows(self, rows: list[Row]) -> None:
        self._note("on_rows")
        assert rows
        assert self.run.rows[-len(rows) :] == rows

    def on_stage_end(self, progress: Progress) -> None:
        self._note("on_stage_end", progress)
        assert progress.alpha == 1

    def on_save(self, progress: Progress) -> None:
        self._note("on_save", progress)

    def on_finish(self) -> None:
        self._note("on_finish")
        assert self.run.progress.images >= self.run.progress.total

    def on_close(self) -> None:
        self._note("on_close")

    def state_dict(self) -> dict[str, Any]:
        self._note("state_dict")
        return {"moments": len(self.told)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._note("load_state_dict")
        assert state["moments"] > 0


class Teller(Observer):
    """Tells."""

    def callback(self, run: RunContext) -> Callback:
        return Telling(run)


def order() -> str:
    """The order that the page tells of, as a regular expression for moments with a space after each."""
    text = re.search(r"```text\n(.*?)```", (DOCS / "hooks.md").read_text(), re.DOTALL)
    assert text is not None
    marks = {"[": "(?:", "]": ")?", "{": "(?:", "}*": ")*", "(": "(?:", ")*": ")*", "|": "|"}
    tokens = re.findall(r"[a-z_]+|\}\*|\)\*|\S", text[1])
    return "".join(marks.get(token, f"{token} ") for token in tokens)


@pytest.mark.costly
def test_a_run_tells_its_moments_in_the_order_that_is_documented(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation = {"metrics": ["fid"], "extractor": "digits", "images": 16, "every": 16}
    with restored():
        register("gan", "teller", Teller)  # by the name of a plugin that there is, for the provenance
        experiment = tiny(observers=["gan/teller"], evaluation=evaluation, checkpoints={"every": 24})
        begin(experiment, tmp_path / "run").train()
        first = Telling.told
        again = resume(tmp_path / "run", extend=32)
        assert again is not None
        again.train()
    for told in (first, Telling.told):
        assert re.fullmatch(order(), "".join(f"{moment} " for moment in told)), told
        assert told[-2:] == ["on_finish", "on_close"]
    assert first.count("on_stage_start") == first.count("on_stage_end") == 2
    assert "load_state_dict" in Telling.told
    assert "failed" not in capsys.readouterr().err, "nothing that was checked above was otherwise"


class Appending(Callback):
    """Appends each row to a file of its own, and has the run go back once, as the page on hooks says to."""

    def __init__(self, run: RunContext) -> None:
        self.run, self.path = run, run.folder / "appended.txt"
        self.path.touch()

    def on_rows(self, rows: list[Row]) -> None:
        with self.path.open("a") as file:
            file.writelines(f"{row.images} {row.name}\n" for row in rows if row.note is None)

    def on_update(self, progress: Progress, scalars: Mapping[str, Tensor]) -> None:
        if progress.images >= 56 and self.run.attempt == 0:
            self.run.roll_back("to see what is cut")

    def state_dict(self) -> dict[str, Any]:
        return {"length": self.path.stat().st_size}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        Appender.cut.append(self.path.stat().st_size - state["length"])
        os.truncate(self.path, state["length"])


class Appender(Observer):
    """Appends."""

    cut: ClassVar[list[int]] = []

    def callback(self, run: RunContext) -> Callback:
        return Appending(run)


@pytest.mark.costly
def test_a_file_that_is_appended_to_is_right_after_a_run_went_back_and_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    Appender.cut.clear()
    with restored():
        register("gan", "appender", Appender)
        begin(tiny(observers=["gan/appender"], checkpoints={"every": 24}), folder).train()
        with (folder / "appended.txt").open("a") as file:
            file.write("of after the last checkpoint\n")
        again = resume(folder, extend=32)
        assert again is not None
        again.train()
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    kept = [f"{row['images']} {row['name']}" for row in rows if not row.get("note")]
    assert (folder / "appended.txt").read_text().splitlines() == kept
    went_back, went_on = Appender.cut
    assert went_back > 0, "a checkpoint lay before"
    assert went_on == len("of after the last checkpoint\n")


def test_the_order_is_not_any_order() -> None:
    assert not re.fullmatch(order(), "callback on_save state_dict on_update on_close on_stage_start ")
    assert not re.fullmatch(order(), "callback on_stage_start on_update on_stage_end on_evaluation_start on_close ")


@pytest.fixture(scope="module")
def build_site() -> ModuleType:
    return loaded(DOCS / "build_site.py")


def test_each_page_is_in_the_navigation_once(build_site: ModuleType, tmp_path: Path) -> None:
    site, root = yaml.safe_load((DOCS / "site.yaml").read_text()), DOCS.parent
    nav = build_site.expanded(site["nav"], root, named=[*build_site.pages_of(site["nav"])])
    assert [*build_site.wrong_in(nav, root)] == []
    for page in ("docs/named.md", "docs/forgotten.md"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).touch()
    assert [*build_site.wrong_in([{"A": ["docs/named.md"]}, "docs/named.md", "docs/gone.md"], tmp_path)] == [
        "docs/forgotten.md: is in no navigation; name it in docs/site.yaml",
        "docs/site.yaml: docs/named.md is named 2 times",
        "docs/site.yaml: docs/gone.md is not there",
    ]


def test_what_leads_nowhere_on_a_site_is_found(build_site: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "index.html").write_text('<h1 id="there">b</h1>')
    (tmp_path / "index.html").write_text(
        '<a href="b/#there">1</a> <a href="b/#gone">2</a> <a href="c/">3</a> <img src="d.png"> <a href="https://e.org">4</a>'
    )
    assert [*build_site.dead_ends(tmp_path)] == [
        "index.html: b/#gone names nothing there",
        "index.html: c/ is not there",
        "index.html: d.png is not there",
    ]


@pytest.mark.slow
def test_the_site_is_built_and_refused_with_a_link_to_nowhere(build_site: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("zensical", reason="needs pip install 'gankit[docs]'")
    root = tmp_path / "repository"
    (root / "docs").mkdir(parents=True)
    (root / "docs" / "code.py").write_text("answer = 42\n")
    (root / "docs" / "site.yaml").write_text("site_name: small\nnav: [README.md, docs/a.md]\n")
    (root / "README.md").write_text("# Small\n\n[a](docs/a.md), [code](docs/code.py)\n")
    (root / "docs" / "a.md").write_text("# A\n")
    build_site.build(root, tmp_path / "built")
    assert "answer" in (tmp_path / "built" / "site" / "docs" / "code.py" / "index.html").read_text()
    for wrong in ("[gone](gone.md)", "[gone](README.md#gone)", "![gone](gone.png)"):
        (root / "docs" / "a.md").write_text(f"# A\n\n{wrong}\n")
        with pytest.raises(build_site.SiteError):
            build_site.build(root, tmp_path / "built")
