"""Nothing in an iteration waits for a GPU: no number is asked of it and none is copied to it but by itself.

Without a GPU the meta device stands for one: it cannot answer what is asked of it, and copies to and from it show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from support.slow import slow_but
from support.tiny import tiny
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gankit import Augmentation
from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.core.registry import register, restored
from gankit.data.images import RealImages
from gankit.training.step import AugmentedBatch
from gankit.training.trainer import Trainer

SMALL = sorted((Path(__file__).parents[2] / "experiments" / "small").glob("*.yaml"))
SYSTEMS = ("pggan-digits", "stylegan2-ada-digits", "sagan-digits", "r3gan-digits")
"""Those that differ in kind."""
META = torch.device("meta")
SIZED_BY_DATA = {"nonzero", "masked_select", "unique_dim", "_unique2", "_local_scalar_dense"}
"""Operations whose result has a size, or a value, that the host has to ask for."""


class Waits(TorchDispatchMode):
    """Notes operations that a GPU would be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        name, on_meta = func.overloadpacket.__name__, any(each.is_meta for each in given)
        if on_meta and name in SIZED_BY_DATA:
            self.found.append(name)
        if on_meta and name == "index" and any(each.dtype == torch.bool for each in given[1:]):
            self.found.append("index by booleans")
        result = func(*args, **(kwargs or {}))
        made = [each for each in tree_leaves(result) if isinstance(each, Tensor)]
        if "copy" in name and not (kwargs or {}).get("non_blocking") and len({e.is_meta for e in [*given, *made]}) > 1:
            self.found.append(f"{name} from {given[-1].device} to {made[0].device}")
        return result


class Literals(TorchFunctionMode):
    """Notes tensors that are made of numbers of the host's and copied to the device."""

    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self._found = found

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        copied = func in (torch.tensor, torch.as_tensor, Tensor.new_tensor) and not isinstance(args[-1], Tensor)
        if copied and result.is_meta:
            self._found.append(f"{func.__name__} of {args[-1]!r:.40}")
        return result


@contextmanager
def waits() -> Iterator[list[str]]:
    with Waits() as noted, Literals(noted.found):
        yield noted.found


def on_meta(experiment: Experiment) -> Trainer:
    return Trainer(experiment, RealImages(experiment.data, [s.resolution for s in experiment.growth.stages()]), META)


@pytest.mark.parametrize("file", slow_but([f for f in SMALL if f.stem in SYSTEMS], SMALL), ids=lambda file: file.stem)
def test_no_system_waits(file: Path) -> None:
    """In the fade of each stage, if it has one, and with all lazy regularizers due."""
    made = on_meta(load_experiment(file, ["training.batch=8"]))
    for stage, end in zip(made.stages, made.ends, strict=True):
        made.images, made.iterations = end - stage.images + stage.fade // 2, 0
        made.iteration()  # which makes constants and moments
        made.iterations = 0
        with waits() as found:
            made.iteration()
        assert found == []


@pytest.mark.parametrize("average", ["power", {"use": "snapshots", "every": 8}])
def test_nor_does_a_run_that_goes_on(average: Any) -> None:
    """What averages count is where it was: the host reads it in each update."""
    left, resumed = (on_meta(tiny(training={"batch": 8, "average": average})) for _ in range(2))
    left.iteration()
    resumed.load_state_dict(left.state_dict())
    resumed.iteration()  # which makes constants
    with waits() as found:
        resumed.iteration()
    assert found == []


def test_a_run_that_comes_from_a_cpu_waits_once_for_what_averages_count() -> None:
    """Nothing tells what of a CPU's numbers was to stay there; as in checkpoints that were written before."""
    made = on_meta(tiny())
    made.memory.load({"a": {"count": torch.tensor(3), "mean": torch.ones(2)}}, META)
    assert all(each.is_meta for each in made.memory["a"].values())
    made.memory.load({"a": {"count": torch.tensor(3), "mean": torch.ones(2)}}, META, {"a": ["count"]})
    assert [each.is_meta for each in made.memory["a"].values()] == [False, True]
    assert made.memory.beside(META) == {"a": ["count"]}
    assert made.memory.beside(torch.device("cpu")) == {}


class Counting(Augmentation):
    """Remembers a number on the CPU, and how often it was asked."""

    def apply(self, images: Tensor, batch: AugmentedBatch) -> Tensor:
        """Unchanged images."""
        batch.memory["share"] = batch.memory.get("share", torch.zeros(())) + 0.5
        batch.memory["calls"] = batch.memory.get("calls", torch.zeros((), dtype=torch.int64)) + 1
        return images


def test_parts_of_a_batch_have_means_of_what_lies_on_either_device() -> None:
    with restored():
        register("test", "counting", Counting)
        made = on_meta(tiny(augment=["counting"], training={"batch": 8, "micro_batch": 4}))
        made.iteration()
        with waits() as found:
            made.iteration()
    assert found == []
    assert [each.device.type for each in made.memory["augment.0"].values()] == ["cpu", "cpu"]
