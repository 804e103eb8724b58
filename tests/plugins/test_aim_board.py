"""What a browser draws of gankit's views in Aim."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest
from support.aim_ui import SEEDS, VARIANTS, study, ui
from support.browser import drawn, has_chromium

from gankit_aim.bookmarks import NAME, RESOLUTION, SAMPLES, STUDY, VARIANT, of_metric

pytestmark = [pytest.mark.slow, has_chromium]


def test_there_is_a_line_for_each_variant_in_a_chart_for_each_resolution(tmp_path: Path) -> None:
    study(tmp_path / "runs")
    with ui(tmp_path / "runs") as started:
        addresses = started.addresses()
        board = drawn(addresses[of_metric("fid").name], tmp_path / "profile", what="AggrLine")
        samples = drawn(addresses[SAMPLES.name], tmp_path / "profile", what="00000400-4x4")
    expected = [
        {VARIANT: variant, NAME: "fid", RESOLUTION: resolution, STUDY: "losses"}
        for resolution in (4, 8, 16)
        for variant in VARIANTS
    ]
    assert lines_in(board) == expected, "in this order"
    assert len(re.findall(r'id="AggrArea-', board)) == len(expected)
    titles = re.findall(r"metric\.context\.resolution=(\d+), run\.study=&quot;losses&quot;|resolution=(\d+)", board)
    assert list(dict.fromkeys(first or second for first, second in titles)) == ["4", "8", "16"]

    rows = re.findall(r'run\.variant = (?:&quot;|")([^"&]*)', samples)
    assert list(dict.fromkeys(rows)) == list(VARIANTS)
    captions = re.findall(r">(\d{8}-\d+x\d+)<", samples)
    assert captions[: len(SEEDS)] == ["00002000-16x16"] * len(SEEDS), "the last of every seed come first"
    assert Counter(captions)["00000400-4x4"] == len(VARIANTS) * len(SEEDS)


def test_a_study_alone_opens_on_curves_of_the_metric_that_it_has(tmp_path: Path) -> None:
    study(tmp_path / "runs")
    study(tmp_path / "runs", "patches", metric="swd", has_quick=True)
    with ui(tmp_path / "runs" / "patches") as started:
        (name, address), *_ = started.addresses().items()
        board = drawn(address, tmp_path / "profile", what="AggrLine")
    assert name == "swd by variant and stage in patches"
    assert lines_in(board) == [
        {VARIANT: variant, NAME: name, RESOLUTION: resolution, STUDY: "patches"}
        for resolution in (4, 8, 16)
        for name in ("swd", "swd_quick")
        for variant in VARIANTS
    ]


def lines_in(board: str) -> list[dict[str, object]]:
    """The groups of which there is a line."""
    return [group(key) for key in re.findall(r'id="AggrLine-O-([\w-]*)"', board)]


def group(key: str) -> dict[str, object]:
    """What Aim's user interface calls a group."""
    return json.loads(unquote(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)).decode()))
