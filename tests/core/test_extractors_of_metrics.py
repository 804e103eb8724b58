"""Metrics through several extractors in one evaluation, and presets that stand for several metrics."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import pytest
from support.measuring import digits
from support.tiny import CPU, tiny

from gankit import MetricPreset
from gankit.cli import main
from gankit.config.checks import problems
from gankit.core.component import as_options
from gankit.core.errors import UserError
from gankit.core.progress import Progress
from gankit.core.registry import register, restored
from gankit.data.images import Batch
from gankit.evaluation.evaluator import Evaluator
from gankit.evaluation.names import is_spread
from gankit.kinds.callbacks import Row
from gankit.runs.start import begin
from gankit_fidelity.extractors import Digits

NOW = Progress(0, 1, 1, 1, 8, 1.0, 0)
THROUGH_CLOTHING = {"use": "fid", "extractor": "fashion-mnist"}


class Noise:
    """Images to be measured."""

    network = None

    def __init__(self) -> None:
        self.drawn = Counter[tuple[int, int]]()
        """How often images of a seed were, from which number on."""

    def sample(self, first: int, count: int, seed: int) -> Batch:
        import torch

        self.drawn[seed, first] += 1
        draws = torch.Generator().manual_seed(seed * 1000 + first)
        return Batch(torch.rand(count, 1, 8, 8, generator=draws) * 2 - 1, None)


def measured(**evaluation: Any) -> dict[str, Row]:
    options = tiny(evaluation={"extractor": "digits", "images": 24, **evaluation}).evaluation
    return {row.name: row for row in Evaluator(options, digits(), CPU).evaluate(Noise(), NOW)}


def test_each_number_is_what_its_extractor_alone_gives_and_says_which_that_is() -> None:
    metrics = ["fid", THROUGH_CLOTHING, {"use": "kid", "extractor": "fashion-mnist", "suffix": "b", "subset_size": 12}]
    both = measured(metrics=metrics, seeds=2, bootstrap=3)
    alone = measured(metrics="fid", seeds=2, bootstrap=3)
    clothing = measured(
        metrics=["fid", {"use": "kid", "subset_size": 12}], extractor="fashion-mnist", seeds=2, bootstrap=3
    )
    assert {name: both[name] for name in alone} == alone
    names = {"fid": "fid_fashion-mnist", "kid": "kid_b"}
    expected = {}
    for name, row in clothing.items():
        metric, _, rest = name.partition("_")
        expected[f"{names[metric]}{'_' * bool(rest)}{rest}"] = (row.value, row.protocol)
    assert {name: (row.value, row.protocol) for name, row in both.items() if name not in alone} == expected
    assert (both["fid"].protocol or {})["extractor"] != (both["fid_fashion-mnist"].protocol or {})["extractor"]
    assert (both["fid_fashion-mnist"].protocol or {})["metric"] == {"use": "fidelity/fid"}
    spreads = {name for name in both if is_spread(name, both)}
    assert {"kid_b_std", "kid_b_seeds_std", "fid_fashion-mnist_error"} <= spreads
    assert not {"kid_b", "fid_fashion-mnist", "fid_fashion-mnist_floor"} & spreads


def test_images_are_made_once_for_all_extractors() -> None:
    metrics = ["fid", THROUGH_CLOTHING]
    options = tiny(evaluation={"extractor": "digits", "images": 70, "metrics": metrics, "seeds": 2}).evaluation
    noise = Noise()
    Evaluator(options, digits(), CPU).evaluate(noise, NOW)
    assert noise.drawn == dict.fromkeys([(0, 0), (0, 64), (1, 0), (1, 64)], 1)


class Blinking(Digits):
    """Fails at the second batch, for good."""

    seen: ClassVar[int] = 0

    def load(self, device: Any) -> Any:
        extract = super().load(device)

        def failing(images: Any) -> Any:
            Blinking.seen += 1
            if Blinking.seen > 1:
                raise RuntimeError("it blinked")
            return extract(images)

        return failing


@pytest.mark.parametrize("first", [True, False])
def test_one_that_fails_takes_nothing_from_others(first: bool, capsys: pytest.CaptureFixture[str]) -> None:
    Blinking.seen = 0
    with restored():
        register("test", "blinking", Blinking)
        blinking = {"use": "fid", "extractor": "blinking"}
        metrics = [blinking, "fid", THROUGH_CLOTHING] if first else ["fid", THROUGH_CLOTHING, blinking]
        found = measured(metrics=metrics, images=70)
    (said,) = capsys.readouterr().err.splitlines()
    assert "metric fidelity/fid failed at 0 images: RuntimeError: it blinked" in said
    assert found == measured(metrics=["fid", THROUGH_CLOTHING], images=70)


def test_options_of_before_say_nothing_new() -> None:
    (metric,) = tiny(evaluation={"metrics": "fid"}).evaluation.metrics
    assert as_options(metric) == {"use": "fidelity/fid"}


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ([{"use": "swd", "extractor": "digits"}], "it looks through no extractor; leave this out"),
        ([{"use": "fid", "suffix": "A_b"}], "suffix"),
        (["modren"], "no metric is called 'modren'. Did you mean 'modern'?"),
    ],
)
def test_mistakes(tmp_path: Path, metrics: list[Any], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(quickstart(tmp_path)), "--set", f"evaluation.metrics={json.dumps(metrics)}"]) == 2
    assert said in capsys.readouterr().err


def quickstart(folder: Path) -> Path:
    from support.command import QUICKSTART

    (folder / "file.yaml").write_text(f"extends: {QUICKSTART}\n")
    return folder / "file.yaml"


BEHIND_A_PRESET = """\
extends: FILE
evaluation:
  metrics:
    - classic
    - {use: modern, extractor: {use: classifier, weights: gone.safetensors}}
    - {use: swd, extractor: digits}
"""


def test_what_is_wrong_with_metrics_stands_where_they_or_their_preset_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "presets.yaml"
    file.write_text(BEHIND_A_PRESET.replace("FILE", str(quickstart(tmp_path))))
    assert main(["validate", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"{file}:5:32: evaluation.metrics.1.extractor: there is no file of weights " in said
    assert f"{file}:6:29: evaluation.metrics.2.extractor: it looks through no extractor" in said
    assert said.endswith("2 mistakes\n")


def test_what_all_metrics_of_a_preset_lack_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Digits, "missing", lambda self, experiment: "its weights are gone")
    through = "evaluation.metrics=[{use: modern, extractor: digits}]"
    set_ = ["--set", through, "--set", "evaluation.extractor=fashion-mnist"]
    assert main(["validate", str(quickstart(tmp_path)), *set_]) == 0
    said = "".join(capsys.readouterr())
    assert said.count("evaluation.metrics.0.extractor: its weights are gone") == 1


def test_a_name_that_is_gankits_own_is_refused_before_training(tmp_path: Path) -> None:
    experiment = tiny(evaluation={"metrics": [{"use": "fid", "suffix": "floor"}], "extractor": "digits", "images": 24})
    with pytest.raises(UserError, match="'fid_floor' is what gankit calls the noise floor of 'fid'"):
        begin(experiment, tmp_path / "run", rehearsed=True)


class Mine(MetricPreset):
    """Two of them."""

    metrics = ("kid", {"use": "fid", "suffix": "again"})


def test_a_preset_stands_for_its_metrics_each_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def names(*metrics: Any) -> list[tuple[str, str]]:
        found = tiny(evaluation={"metrics": list(metrics)}).evaluation.metrics
        return [(as_options(metric)["use"].partition("/")[2], metric.ending) for metric in found]

    assert names("classic", "fid") == [("is", ""), ("fid", "")]
    through = names({"use": "modern", "extractor": "fashion-mnist"}, "classic")
    assert ("fid", "fashion-mnist") in through
    assert through[-2:] == [("fid", ""), ("is", "")]
    with restored():
        register("fidelity", "mine", Mine)
        assert names("mine") == [("kid", ""), ("fid", "again")]
        assert main(["explain", "metric/mine"]) == 0
        assert "It stands for [kid, {use: fid, suffix: again}]." in capsys.readouterr().out
    assert main(["expand", str(quickstart(tmp_path)), "--set", "evaluation.metrics=[classic, swd]"]) == 0
    printed = capsys.readouterr().out
    assert [name for name in re.findall(r"use: (\w+/[\w-]+)", printed) if name.endswith(("/fid", "/is", "/swd"))] == [
        "fidelity/fid",
        "fidelity/is",
        "pggan/swd",
    ]
    assert "classic" not in printed


class Blind(Digits):
    """Sees no images at all."""

    classifies = False

    def takes(self, channels: int) -> bool:
        return False


def test_what_an_extractor_cannot_see_or_tell_is_said_of_it_and_its_metrics() -> None:
    with restored():
        register("test", "blind", Blind)
        experiment = tiny(evaluation={"metrics": ["is", {"use": "fid", "extractor": "blind"}], "extractor": "digits"})
        (problem,) = problems(experiment)
        assert "blind does not see images of 1 channels, so leave out fid (" in str(problem)
        with pytest.raises(UserError, match="fidelity/is needs class logits, which extractor test/blind does not give"):
            measured(metrics=["fid", {"use": "is", "extractor": "blind"}])
