"""gankit.load_numbers: runs as a table for notebooks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.recorded import measured, recorded, study

from gankit import UserError
from gankit.kinds.callbacks import Row
from gankit.results import load_numbers


def test_every_number_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    rows = [
        Row(500, 1, 4, "loss.generator", 0.5),
        *measured(500, 1, 4, fid=3.0),
        *measured(1000, 1, 4, fid=2.0, fid_floor=0.1),
        *measured(2000, 2, 8, fid=9.0),
        Row(2000, 2, 8, "rolled-back", 1.0, note="it went wrong"),
    ]
    recorded(tmp_path / "run", rows, name="toy", seed=3)
    table = load_numbers(tmp_path)
    assert [(row["metric"], row["value"], row["complete"], row["of"]) for row in table] == [
        ("loss.generator", 0.5, False, None),
        ("fid", 3.0, False, "generated"),
        ("fid", 2.0, True, "generated"),
        ("fid_floor", 0.1, True, "held-out reals"),
        ("fid", 9.0, False, "generated"),
        ("rolled-back", 1.0, False, None),
    ]
    assert {key: value for key, value in table[2].items() if key != "protocol"} == {
        **{"run": str(tmp_path / "run"), "name": "toy", "variant": None, "seed": 3, "images": 1000, "stage": 1},
        **{"stage_name": "", "resolution": 4, "metric": "fid", "value": 2.0, "complete": True, "of": "generated"},
        "note": None,
    }
    assert table[2]["protocol"]["images"] == 1000
    assert table[0]["protocol"] is None
    assert table[5]["note"] == "it went wrong"


def test_pandas_gets_a_frame(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    study(tmp_path / "losses", {"hinge": [5.0, 6.0], "wgan": [4.0, 4.8]})
    numbers = load_numbers(tmp_path)
    assert isinstance(numbers, pandas.DataFrame)
    fids = numbers[(numbers.metric == "fid") & numbers.complete & (numbers.resolution == 8)]
    means = fids.groupby("variant").value.mean()
    assert means.to_dict() == pytest.approx({"loss=hinge": 5.5, "loss=wgan": 4.4})


def test_runs_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="runs"):
        load_numbers()
    study(tmp_path / "runs" / "losses", {"hinge": [5.0]})
    assert len(load_numbers()) == 3


def test_importing_it_is_cheap() -> None:
    code = "import gankit.results, sys; print({'pandas', 'numpy', 'torch', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pandas" not in done.stdout
    assert "torch" not in done.stdout
