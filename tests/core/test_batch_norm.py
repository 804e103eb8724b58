"""Which statistics the batch norms of the averaged generator have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from support.slow import slow_but
from support.tiny import CPU, tiny, trainer
from torch import Tensor, nn

from gankit.checkpoints.store import load_generator
from gankit.config.experiment import Experiment
from gankit.runs.recorded import allowed_changes, load_recorded
from gankit.runs.start import begin, resume
from gankit.training.batch_norm import batch_norms
from gankit.training.trainer import Trainer

pytestmark = pytest.mark.costly

LABELLED = {"data": {"use": "digits", "labels": True}, "regularizers": "auxiliary-classifier"}


def normalized(
    statistics: str, norm: str = "batch", average: dict[str, Any] | None = None, **others: Any
) -> Experiment:
    options = {"use": "exponential", **(average or {}), "statistics": statistics}
    generator = tiny().generator.model_dump() | {"norm": norm}
    return tiny(generator=generator, training={"batch": 8, "average": options}, **others)


def trained(experiment: Experiment, iterations: int = 6) -> Trainer:
    made = trainer(experiment)
    for _ in range(iterations):
        made.iteration()
    return made


def in_use(network: nn.Module) -> list[nn.BatchNorm2d]:
    """Batch norms that have taken part."""
    return [norm for norm in batch_norms(network) if isinstance(norm, nn.BatchNorm2d) and norm.num_batches_tracked]


def test_averaged_statistics_have_the_half_life_of_the_weights() -> None:
    made = trainer(normalized("average", average={"half_life": 16, "warmup": 0}))
    (averaged, *_), (current, *_) = batch_norms(made.average), batch_norms(made.generator)
    assert averaged.running_mean is not None
    assert current.running_mean is not None
    expected, update = averaged.running_mean.clone(), made._move_averages
    seen: list[Tensor] = []

    def moving(count: int, is_last: bool = True) -> None:
        assert current.running_mean is not None
        seen.append(current.running_mean.clone())
        update(count, is_last)

    made._move_averages = moving
    for _ in range(3):
        made.iteration()
    for mean in seen:
        expected = expected * 0.5**0.5 + mean * (1 - 0.5**0.5)
    torch.testing.assert_close(averaged.running_mean, expected)
    assert int(averaged.num_batches_tracked or 0) > 0


def test_snapshots_average_statistics_as_they_do_weights() -> None:
    made = trained(normalized("average", average={"use": "snapshots", "every": 8, "last": 2}), 1)
    means = []
    for _ in range(2):
        means.append(batch_norms(made.generator)[0].running_mean)
        means[-1] = means[-1].clone()  # pyright: ignore[reportOptionalMemberAccess]
        made.iteration()
    found = batch_norms(made.average)[0].running_mean
    assert found is not None
    assert not torch.equal(found, means[-1])
    assert {"training.average", "training.average.statistics"} <= set(made.memory)


@pytest.mark.parametrize("norm", ["batch", "conditional-batch"])
def test_estimated_statistics_are_those_of_its_own_activations(norm: str) -> None:
    made = trained(normalized("estimate", norm, **(LABELLED if norm == "conditional-batch" else {})))
    given: dict[nn.Module, list[Tensor]] = {}

    def note(module: nn.Module, inputs: tuple[Tensor]) -> None:
        given.setdefault(module, []).append(inputs[0].transpose(0, 1).flatten(1))

    norms = in_use(made.average)
    assert norms
    hooks = [each.register_forward_pre_hook(note) for each in norms]
    labels = None if made.reals.labels is None else torch.from_numpy(made.reals.labels[:1024])
    torch.manual_seed(1)
    made.average(torch.randn(1024, 8), labels)
    for hook in hooks:
        hook.remove()
    first = norms[0]  # those above are given what the ones below make of their statistics
    (activations,) = given[first]
    assert first.running_mean is not None
    assert first.running_var is not None
    spread = activations.std(1)
    assert ((first.running_mean - activations.mean(1)).abs() < 0.15 * spread).all()
    torch.testing.assert_close(first.running_var.sqrt(), spread, rtol=0.15, atol=0)


def test_estimating_leaves_no_trace_but_the_statistics() -> None:
    made = trained(normalized("estimate"))
    torch.manual_seed(3)
    before, momenta = torch.get_rng_state(), [norm.momentum for norm in batch_norms(made.generator)]
    weights = [weight.clone() for weight in made.averages["average"].generator.parameters()]
    average = made.average
    assert torch.equal(torch.get_rng_state(), before)
    assert not any(module.training for module in average.modules())
    assert [norm.momentum for norm in batch_norms(average)] == momenta
    assert all(map(torch.equal, weights, average.parameters()))
    first = made.sample(0, 4, 0)
    assert torch.equal(first, made.sample(0, 4, 0))
    made.iteration()
    assert not torch.equal(first, made.sample(0, 4, 0))


@pytest.mark.parametrize("statistics", slow_but(["estimate"], ["average", "estimate", "copy"]))
def test_training_goes_on_from_a_state_to_the_bit(statistics: str) -> None:
    whole, half = trained(normalized(statistics), 6), trained(normalized(statistics), 3)
    rest = trainer(normalized(statistics))
    rest.load_state_dict(half.state_dict())
    for _ in range(3):
        rest.iteration()
    for name, value in whole.average.state_dict().items():
        assert torch.equal(value, rest.average.state_dict()[name]), name


def test_checkpoints_hold_what_is_estimated(tmp_path: Path) -> None:
    training = begin(normalized("estimate"), tmp_path / "run")
    training.train()
    loaded = load_generator(tmp_path / "run", training.experiment, CPU)
    z = torch.randn(4, 8)
    assert torch.equal(loaded(z), training._trainer.average(z))


def test_runs_that_recorded_no_choice_go_on_with_copies(tmp_path: Path) -> None:
    begin(normalized("copy"), tmp_path / "run").train()
    file = tmp_path / "run" / "experiment.yaml"
    before = file.read_text()
    file.write_text(before.replace(", statistics: copy", ""))
    assert file.read_text() != before
    assert load_recorded(file).training.average.statistics == "copy"
    assert resume(tmp_path / "run") is None


def test_the_choice_may_change_when_a_run_goes_on() -> None:
    changes = allowed_changes(normalized("copy"), normalized("estimate"))
    assert changes == {"training.average.statistics": {"before": "copy", "now": "estimate"}}


def test_running_statistics_are_copied_into_the_average() -> None:
    options = tiny().generator.model_dump() | {"norm": "batch"}
    made = trainer(tiny(generator=options, training={"batch": 8, "average": {"statistics": "copy"}}))
    made.iteration()
    made.iteration()
    statistics = {name: value.clone() for name, value in made.generator.named_buffers() if "running_mean" in name}
    made._move_averages(8)
    assert any(value.any() for value in statistics.values())
    for name, value in statistics.items():
        assert torch.equal(made.average.get_buffer(name), value)
