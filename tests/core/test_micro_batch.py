"""Batches that are computed in parts, one after the other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from support.parts import double_precision, largest_difference, weights, with_training
from support.tiny import tiny, trainer
from torch import Tensor

from gankit import UserError
from gankit.config.checks import problems
from gankit.config.parts import description_of_parts
from gankit.core.registry import restored
from gankit.training import parts, update
from gankit.training.draws import DrawsOfPart
from gankit.training.trainer import Trainer

PLAIN = {"regularizers": ["gradient-penalty", "drift"]}


def drawn(x: Tensor) -> dict[str, Tensor]:
    """What modules draw for images [N, C, H, W], in many ways."""
    count = len(x)
    return {
        "uniform": torch.rand(count, 3),
        "normal": torch.randn((count, 2, 4, 4)),
        "by keyword": torch.randn(size=(count, 7)),
        "integers": torch.randint(10, (count,)),
        "integers from": torch.randint(2, 10, (count, 3)),
        "normal of": torch.normal(0.0, 1.0, (count, 3)),
        "normal of each": torch.normal(x, x.abs()),
        "double": torch.randn(count, 1, 4, 4, device="cpu", dtype=torch.float64),
        "uniform like": torch.rand_like(x),
        "normal like": torch.randn_like(x),
        "into": torch.empty(count, 5).normal_(),
        "into like": torch.empty_like(x).uniform_(),
        "dropout": F.dropout(x, 0.3),
        "dropout in place": F.dropout(x.clone(), 0.5, True, True),
        "module": torch.nn.Dropout(0.2)(x),
        "maps": F.dropout2d(x, 0.5),
        "by chance": torch.bernoulli(x.sigmoid()),
        "classes": torch.multinomial(x.flatten(1).abs(), 2),
        "classes of one": torch.multinomial(torch.ones(6), count, replacement=True),
        "gumbel": F.gumbel_softmax(x.flatten(1)),
        "two batches": torch.randn(2 * count, 3).unflatten(0, (2, count)).transpose(0, 1),
        "half a batch": torch.randn(count // 2, 3),
    }


@pytest.mark.parametrize("of", [2, 3, 6])
def test_parts_draw_what_the_whole_batch_draws(of: int) -> None:
    x = torch.randn(12, 4, 4, 4).to(memory_format=torch.channels_last)
    torch.manual_seed(1)
    whole = drawn(x)
    for number in range(of):
        torch.manual_seed(1)
        with DrawsOfPart(12 // of, number, of):
            part = drawn(x.chunk(of)[number])
        for name, expected in whole.items():
            assert torch.equal(part[name], expected.chunk(of)[number]), name


def test_parts_draw_alike_what_all_images_share() -> None:
    found = []
    for number in range(2):
        torch.manual_seed(1)
        with DrawsOfPart(4, number, 2):
            found.append(
                (
                    torch.rand(()),
                    torch.rand(1),
                    torch.rand(1, 1, 1, 1),
                    torch.randn(7),
                    torch.randperm(4),
                    torch.randn(4),
                )
            )
    (*shared, own), (*again, other) = found
    assert all(torch.equal(one, two) for one, two in zip(shared, again, strict=True))
    assert not torch.equal(own, other)


def test_gradients_reach_what_a_part_drops_out_of() -> None:
    x = torch.randn(2, 3, requires_grad=True)
    with DrawsOfPart(2, 0, 2):
        dropped = F.dropout(x, 0.5)
    (gradient,) = torch.autograd.grad(dropped.sum(), x)
    assert torch.equal(gradient, (dropped != 0) * 2.0)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_an_augmentation_adapts_to_the_whole_batch(size: int) -> None:
    """Of the signs of all scores and the number of all images, not of one part's."""
    augment = {"use": "ada", "transforms": ["blit", "brightness", "noise"], "interval": 2, "over": 100, "start": 0.5}
    experiment = tiny(**PLAIN, augment=augment, training={"batch": 8, "optimizer": {"eps": 1e-3}})
    with double_precision():
        whole, in_parts = trainer(experiment), trainer(with_training(experiment, micro_batch={0: size}))
        for _ in range(4):
            recorded, of_parts = whole.iteration(), in_parts.iteration()
            for name in ("ada.p", "ada.r", "loss.discriminator"):
                torch.testing.assert_close(of_parts[name], recorded[name])
    assert largest_difference(whole, in_parts) < 1e-9
    assert float(whole.memory["augment.0"]["p"]) not in (0.5, 0.0)


def test_a_table_says_how_many_are_computed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[list[int]] = []
    splits = parts.parts_of

    def noted(images: int, most: int | None, ranks: Any) -> Any:
        found = splits(images, most, ranks)
        sizes.append([part.count for part in found])
        return found

    monkeypatch.setattr(update, "parts_of", noted)
    made = trainer(tiny(**PLAIN, training={"batch": {4: 8, 8: 4}, "micro_batch": {4: 16, 8: 2}}))
    while made.images < 96:
        made.iteration()
    assert sizes[0] == [8]
    assert sizes[-1] == [2, 2]


def spectral(**training: Any) -> Trainer:
    network = {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 4}, "norm": ["spectral", "batch"]}
    generator = network | {"mapping": "normalized", "stem": "pggan", "latent": 8}
    discriminator = network | {"head": "pggan", "norm": "spectral"}
    options = {"generator": generator, "discriminator": discriminator, "loss": "hinge", "regularizers": []}
    return trainer(tiny(**options, training={"batch": 6, **training}))


def test_buffers_that_are_the_same_in_all_parts_stay_so_to_the_bit() -> None:
    """Of spectral norms, which depend on weights alone; a third of three times a number may be another."""
    whole, in_parts = spectral(), spectral(micro_batch=2)
    whole._update("discriminator", whole._batch())
    in_parts._update("discriminator", in_parts._batch())
    ours, theirs = weights(in_parts), weights(whole)
    vectors = [name for name in ours if name.endswith((".u", ".v"))]
    assert vectors
    for name in vectors:
        assert torch.equal(ours[name], theirs[name])


def test_running_statistics_are_means_over_parts() -> None:
    whole, in_parts = spectral(), spectral(micro_batch=2)
    whole._update("discriminator", whole._batch())
    in_parts._update("discriminator", in_parts._batch())
    ours, theirs = weights(in_parts), weights(whole)
    (first, *_) = (name for name in ours if name.endswith("running_mean"))
    torch.testing.assert_close(ours[first], theirs[first])  # of what no norm has acted on yet
    counts = [name for name in ours if name.endswith("num_batches_tracked") and name.startswith("generator")]
    assert all(torch.equal(ours[name], theirs[name]) for name in counts)


def test_what_a_lazy_penalty_remembers_begins_anew_in_each_part() -> None:
    options = {"regularizers": [{"use": "path-length", "every": 2, "decay": 0.5, "shrink": 2}], "loss": "hinge"}
    with restored(), double_precision():
        training = {"batch": 8, "optimizer": {"eps": 1e-3}}
        whole = trainer(tiny(**options, training=training))
        in_parts = trainer(tiny(**options, training={**training, "micro_batch": 4}))
        recorded, of_parts = whole.iteration(), in_parts.iteration()
    torch.testing.assert_close(in_parts.memory["regularizers.0"], whole.memory["regularizers.0"])
    torch.testing.assert_close(of_parts["path_length"], recorded["path_length"])


def test_a_batch_that_does_not_split_into_equal_parts_is_refused() -> None:
    (found,) = problems(tiny(**PLAIN, training={"batch": {4: 8, 8: 12}, "micro_batch": 8}))
    assert found[0] == ("training", "micro_batch")
    assert found[1] == "a batch of 12 (at 8x8) does not split into parts of 8; 4 would do"


def test_a_wrong_part_is_told_once_for_all_stages() -> None:
    """At its own option, though layers over the batch could not split such parts either."""
    told = [(("training", "micro_batch"), "a batch of 32 does not split into parts of 5; 4 would do")]
    assert problems(tiny(regularizers="minibatch-stddev", training={"batch": 32, "micro_batch": 5})) == told
    told = [
        (("training", "micro_batch"), "batches of 8 (at 4x4), 12 (at 8x8) do not split into parts of 5; 4 would do")
    ]
    assert problems(tiny(**PLAIN, training={"batch": {4: 8, 8: 12}, "micro_batch": 5})) == told


def test_each_wrong_part_of_a_table_is_told_at_its_resolution() -> None:
    found = problems(tiny(**PLAIN, training={"batch": 8, "micro_batch": {4: 3, 8: 5}}))
    assert found == [
        (("training", "micro_batch", 4), "a batch of 8 (at 4x4) does not split into parts of 3; 2 would do"),
        (("training", "micro_batch", 8), "a batch of 8 (at 8x8) does not split into parts of 5; 4 would do"),
    ]


@pytest.mark.parametrize(
    ("training", "option", "said"),
    [
        ({"batch": 12, "micro_batch": 6}, "micro_batch", "a part of 6 does not split into groups of 4; 4 would do"),
    ],
)
def test_parts_have_whole_groups(training: dict[str, int], option: str, said: str) -> None:
    found = problems(tiny(regularizers="minibatch-stddev", training=training))
    assert found == [(("training", option), f"minibatch-stddev: {said}")]


def test_statistics_of_a_batch_are_told_to_be_those_of_its_parts() -> None:
    said = description_of_parts(tiny(training={"batch": 16, "micro_batch": 4}))
    assert said is not None
    assert "parts of 4 images" in said
    assert "minibatch-stddev" in said
    assert description_of_parts(tiny(training={"batch": 4, "micro_batch": 4})) is None
    assert description_of_parts(tiny(**PLAIN, training={"batch": 16, "micro_batch": 4})) is None


def test_a_part_of_one_image_is_told_in_the_singular() -> None:
    said = description_of_parts(tiny(training={"batch": 16, "micro_batch": 1}))
    assert said is not None
    assert "parts of 1 image, of" in said


def test_no_part_is_empty() -> None:
    with pytest.raises((UserError, ValueError), match="micro_batch"):
        tiny(training={"batch": 8, "micro_batch": 0})
