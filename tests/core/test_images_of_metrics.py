"""A metric of a plugin makes images of its own as the page of metrics shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.blocks import blocks
from support.measuring import at, evaluator, grey, registered
from support.tiny import CPU, tiny, trainer

from gankit.core.registry import register
from gankit.data.images import RealImages
from gankit.evaluation.evaluator import ImageSampler
from gankit.training.sampler import GeneratorSampler

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


def measured(metric: Any, source: ImageSampler, reals: RealImages) -> dict[str, float]:
    return {row.name: row.value for row in evaluator(metric, reals=reals, images=8).evaluate(source, at(8))}


def test_it_gives_the_same_number_again_and_leaves_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = (block.text for block in blocks(PAGE.read_text()) if "draw_labels" in block.text)
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)
    labelled = trainer(tiny(data={"use": "digits", "labels": True}, regularizers="auxiliary-classifier"))
    labelled.average.grow(8, 1.0)
    with registered():
        register("test", "label-effect", names["LabelEffect"])
        metric, before = names["LabelEffect"](), torch.get_rng_state()
        found = measured(metric, GeneratorSampler(labelled.average, CPU), labelled.reals)
        assert torch.equal(torch.get_rng_state(), before)
        torch.rand(3)
        assert measured(metric, GeneratorSampler(labelled.average, CPU), labelled.reals) == found
        plain = trainer(tiny())
        assert measured(metric, GeneratorSampler(plain.average, CPU), plain.reals) == {"label_effect": 0.0}
        assert measured(metric, grey(8), plain.reals) == {}

    assert found.keys() == {"label_effect"}
    assert found["label_effect"] > 0
    assert "label_effect needs a generator, and folders of images have none" in capsys.readouterr().err
