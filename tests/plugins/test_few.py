"""A few images of a data set are trained on, and those that are left are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.sources import write_idx
from support.tiny import CPU, tiny

from gankit.api.measuring import evaluate
from gankit.config.checks import problems
from gankit.core.errors import UserError
from gankit.core.progress import Progress
from gankit.data.images import Batch, RealImages, to_network_range
from gankit.evaluation.evaluator import Evaluator
from gankit.evaluation.reference import split
from gankit_images.datasets import Digits, FashionMnist
from gankit_images.few import Few


def few(**options: Any) -> Few:
    return Few.model_validate({"of": {"use": "digits", "labels": True}, "images": 200, **options})


def found(data: Any) -> list[bytes]:
    return [image.tobytes() for image in data.load(8).images]


def test_a_few_and_those_that_are_left_are_all_there_are() -> None:
    some, left, whole = found(few()), found(few().test_part()), found(Digits())

    assert (len(some), len(left)) == (200, 1597)
    assert sorted(some + left) == sorted(whole)
    assert found(few(seed=1)) != some
    assert np.bincount(np.asarray(few().load(8).labels)).min() > 0
    assert few().class_names() == Digits(labels=True).class_names()


def test_they_are_the_same_at_every_resolution() -> None:
    labels = [few().load(resolution).labels for resolution in (8, 16)]

    np.testing.assert_array_equal(labels[0], labels[1])


def test_the_test_part_of_the_whole_stays_what_it_is(tmp_path: Path) -> None:
    write_idx(tmp_path, "train", images=20)
    write_idx(tmp_path, "t10k", images=30, seed=1)
    whole = FashionMnist(path=tmp_path)

    assert Few(of=whole, images=5).test_part() == whole.test_part()


def test_more_than_there_are_are_refused() -> None:
    with pytest.raises(UserError, match=r"images: expected fewer than all, of which there are 1,797, not 2,000"):
        few(images=2000).load(8)


def test_images_are_compared_with_the_test_part_and_copies_looked_for_among_those_trained_on() -> None:
    reals = RealImages(few(), [8])
    parts = split(reals, 100, 0, reals.test_part, compares_with_test=True)

    assert parts.training.reals is reals
    assert len(parts.training.chosen) == 200
    assert {id(each.reals) for each in (parts.reference, parts.held_out)} == {id(reals.test_part)}
    assert not {*parts.reference.chosen} & {*parts.held_out.chosen}


def numbers(reals: str, of: np.ndarray) -> dict[str, Any]:
    """What is measured of some images beside a few digits."""
    experiment = tiny(
        data=few(),
        evaluation={"metrics": ["fid", "nearest-neighbor"], "images": 200, "extractor": "digits", "reals": reals},
    )

    class Some:
        network = None

        def sample(self, first: int, count: int, seed: int) -> Batch:
            import torch

            return Batch(to_network_range(torch.from_numpy(of[first : first + count])))

    evaluator = Evaluator(experiment.evaluation, RealImages(few(), [8]), CPU)
    return {row.name: row for row in evaluator.evaluate(Some(), Progress(0, 1, 1, 1, 8, 1.0, 0))}


def test_copies_of_the_few_are_perfect_beside_these_and_not_beside_others() -> None:
    copies = few().load(8).images

    training, test = numbers("training", copies), numbers("test", copies)

    assert training["fid"].value == pytest.approx(0, abs=1e-6)
    assert test["fid"].value > 10 * abs(training["fid"].value)
    assert test["fid_floor"].value == pytest.approx(test["fid"].value, rel=0.5)  # other digits are as far
    assert test["nn_copies"].value == 1
    assert (test["fid"].protocol or {})["reals_are"] == "test part of the data set"
    assert "reals_are" not in (training["fid"].protocol or {})


def test_data_without_a_test_part_are_refused() -> None:
    experiment = tiny(data="digits", evaluation={"reals": "test"})

    [(where, said)] = [each for each in problems(experiment) if "evaluation" in each[0]]
    assert where == ("evaluation", "reals")
    assert said == "digits has no test part; data: {use: few, of: ..., images: N} makes one"
    with pytest.raises(UserError, match=r"digits has no test part to compare with \(--reals\)"):
        evaluate(Digits().load(8).images, "digits", extractor="digits", reals="test")
