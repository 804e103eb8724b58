"""The quick start as a whole: its digits look like digits to the extractor."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from support.command import QUICKSTART, gankit, rows


@pytest.mark.slow
def test_the_quick_start_grows_readable_digits_of_all_ten_kinds(tmp_path: Path) -> None:
    began = time.monotonic()
    done = gankit(["run", QUICKSTART, "--out", "run"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 300
    final = {row["name"]: row for row in rows(tmp_path / "run") if row["resolution"] == 16 and "protocol" in row}
    assert final["fid"]["value"] < final["fid_blurred_0.6"]["value"]
    assert final["fid"]["protocol"]["images"] == final["fid_blurred_0.6"]["protocol"]["images"] == 898
    assert {row["resolution"] for row in rows(tmp_path / "run") if row["name"] == "fid_floor"} == {4, 8, 16}
    assert min(digits_found(tmp_path / "run")) >= 10


def digits_found(run: Path) -> list[int]:
    """How many of 500 samples the extractor takes for each digit."""
    from gankit.checkpoints.store import load_generator
    from gankit.config.loader import load_experiment
    from gankit.data.images import to_uint8
    from gankit.training.sampler import sample

    cpu = torch.device("cpu")
    experiment = load_experiment(run / "experiment.yaml", check=False)
    images = to_uint8(sample(load_generator(run, experiment, cpu), 0, 500, 1, cpu)).expand(-1, 3, -1, -1)
    return np.bincount(experiment.evaluation.extractor.load(cpu)(images).logits.argmax(1), minlength=10).tolist()
