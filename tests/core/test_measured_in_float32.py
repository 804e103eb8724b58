"""Whatever products a run trains in, and whatever its caller has set, what is measured of it is made in float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import pytest
import torch
from support.measuring import Levels, at, evaluator, registered
from support.tiny import CPU, tiny, trainer
from torch import Tensor
from torch.nn.modules.module import register_module_forward_pre_hook

from gankit import Metric
from gankit.core.registry import register
from gankit.evaluation.images import Features, Samples
from gankit.training.judging import judged
from gankit.training.precision import float32_products
from gankit.training.sampler import GeneratorSampler, sample


class Products(NamedTuple):
    """How float32 is multiplied on an NVIDIA GPU, as torch keeps it without one, too."""

    convolves_in_tf32: bool
    multiplies_in_tf32: bool | str
    deterministic: bool

    @classmethod
    def now(cls) -> Products:
        cudnn = torch.backends.cudnn
        return cls(cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32, cudnn.deterministic)


IN_FULL, OF_CALLER = Products(False, False, True), Products(True, True, False)


class Asking(Metric):
    """Remembers in which products it makes an image of its own, and asks for what was seen of the others."""

    needs = frozenset({"features"})
    has_floor = True

    met: ClassVar[list[Products]] = []

    def evaluate(self, samples: Samples) -> dict[str, float]:
        self.met.append(Products.now())
        return {"asking": float(samples.generated.features.mean() - samples.real.features.mean())}


class Looking(Levels):
    """Remembers in which products images are looked at."""

    met: ClassVar[list[Products]] = []

    def load(self, device: torch.device) -> Callable[[Tensor], Features]:
        extract = super().load(device)

        def remembering(images: Tensor) -> Features:
            self.met.append(Products.now())
            return extract(images)

        return remembering


@pytest.fixture(autouse=True)
def _hurried_caller() -> Iterator[None]:
    """TF32 wherever there is any, by kernels that are chosen for their speed."""
    Asking.met.clear()
    Looking.met.clear()
    hurried = torch.backends.cudnn.flags(enabled=True, deterministic=False, allow_tf32=True)
    with float32_products(tf32=True), hurried, registered():
        register("test", "asking", Asking)
        register("test", "looking", Looking)
        yield
        assert Products.now() == OF_CALLER


@contextmanager
def met_by_networks() -> Iterator[set[Products]]:
    """In which products modules are called within."""
    found: set[Products] = set()
    handle = register_module_forward_pre_hook(lambda module, given: found.add(Products.now()))
    try:
        yield found
    finally:
        handle.remove()


def test_metrics_and_their_floors() -> None:
    network = trainer(tiny()).average
    rows = evaluator(Asking(), images=32).evaluate(GeneratorSampler(network, CPU), at(4))

    assert [row.name for row in rows] == ["asking", "asking_floor"]
    assert Asking.met == [IN_FULL] * 2


def test_extractors_through_which_reals_and_images_are_seen() -> None:
    source = GeneratorSampler(trainer(tiny()).average, CPU)
    with met_by_networks() as found:
        evaluator(Asking(), images=32, extractor=Looking()).evaluate(source, at(4))

    assert {*Looking.met} == {*found} == {IN_FULL}


def test_metrics_that_are_rehearsed() -> None:
    options: dict[str, Any] = {"metrics": ["asking"], "images": 16}
    experiment = tiny(evaluation=tiny().evaluation.model_dump() | options)
    evaluator(Asking(), extractor=Looking()).rehearse(experiment, "evaluation.metrics", trainer(tiny()).average)

    assert {*Asking.met} == {*Looking.met} == {IN_FULL}


def test_statistics_of_batch_norms_that_go_into_checkpoints() -> None:
    generator = tiny().generator.model_dump() | {"norm": "batch"}
    training = trainer(tiny(generator=generator, training={"batch": 8, "average": {"use": "exponential"}}))
    training.iteration()
    with met_by_networks() as found:
        _ = training.average

    assert found == {IN_FULL}


def test_what_a_discriminator_is_asked_beside_training() -> None:
    training = trainer(tiny())
    with met_by_networks() as found:
        judged(training)

    assert found == {IN_FULL}


def test_samples() -> None:
    network = trainer(tiny()).average
    with met_by_networks() as found:
        sample(network, 0, 4, 0, CPU)

    assert found == {IN_FULL}
