"""Every file in experiments/papers says what its paper reports, in a form that docs/reported.md is made of."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from support.papers import PAPERS
from support.scripts import loaded

DOCS = PAPERS.parents[1] / "docs"


@pytest.fixture(scope="module")
def of_reported() -> ModuleType:
    return loaded(DOCS / "of_reported.py")


@pytest.mark.parametrize("file", sorted(PAPERS.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_file_says_what_its_paper_reports(of_reported: ModuleType, file: Path) -> None:
    number, measured, took, source = of_reported.reported(file)
    assert all((number, measured, took, source))
    assert any(word in number for word in ("FID", "no number", "nothing")), "a FID, or plainly that there is none"


@pytest.mark.parametrize(
    ("head", "wrong"),
    [
        ("# A GAN.\n", "0 paragraphs"),
        ("# A GAN.\n# Reported: FID 1; a; b; c.\n", "0 paragraphs"),
        ("name: a\n\n# Reported: FID 1; a; b; c.\n", "0 paragraphs"),
        ("# Reported: FID 1; a; b; c.\n#\n# Reported: FID 2; a; b; c.\n", "2 paragraphs"),
        ("# Reported: FID 1; c.\n", "2 parts"),
    ],
)
def test_what_no_table_can_be_made_of_is_refused(
    of_reported: ModuleType, tmp_path: Path, head: str, wrong: str
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(f"{head}name: a\n")
    with pytest.raises(ValueError, match=f"^a.yaml: .*{wrong}"):
        of_reported.reported(file)


def test_a_sentence_may_take_several_lines(of_reported: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "# A GAN.\n#\n# Reported: FID 1.5, no\n# IS; 50,000 images; no cost; table 2.\n#\n# More.\nname: a\n"
    )
    assert of_reported.reported(file) == ["FID 1.5, no IS", "50,000 images", "no cost", "table 2"]
