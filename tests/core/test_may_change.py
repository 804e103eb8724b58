"""What may be another option when a run goes on is one list, and who asks for more is told what to do instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support.tiny import tiny

from gankit import UserError
from gankit.cli import main
from gankit.runs.may_change import IN_ALL
from gankit.runs.recorded import allowed_changes

GROWTH = {"use": "progressive", "start": 4, "final": 8, "images": {4: 32, 8: 64}, "fade": 8}


def test_the_help_and_the_page_name_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["resume", "--help"])
    text = (Path(__file__).parents[2] / "docs" / "runs.md").read_text()
    page = text.partition("## What may change")[2].partition("Anything else would make it another run")[0]

    assert re.sub(r"\s+", "", ", ".join(IN_ALL[:-1])) in re.sub(r"\s+", "", capsys.readouterr().out)
    named = {*re.findall(r"`(?:--set )?([a-z_.*]+)(?:=[A-Z]+)?`", page)}
    assert named - {"provenance.json"} == {*IN_ALL}


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"growth": {**GROWTH, "images": {4: 32, 8: 100}}}, "by: gankit resume 'my run' --extend 36"),
        ({"growth": {**GROWTH, "images": {4: 48, 8: 100}}}, "says training.start_from: 'my run'"),
        ({"growth": {**GROWTH, "images": 32}}, "says training.start_from: 'my run'"),
        ({"growth": {**GROWTH, "images": {4: 32, 8: 100}}, "loss": "hinge"}, "says training.start_from: 'my run'"),
        ({"loss": "hinge"}, "says training.start_from: 'my run'"),
    ],
)
def test_what_may_not_change_comes_with_what_to_do_instead(now: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match="a run goes on as it began") as caught:
        allowed_changes(tiny(growth=GROWTH), tiny(**{"growth": GROWTH, **now}), Path("my run"))

    assert str(caught.value).endswith(said)
