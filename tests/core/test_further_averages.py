"""Several averages at once: each is what it would be alone, and is measured, sampled, saved and resumed by its name."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from support.command import rows
from support.crashing import files
from support.measuring import MEASURED
from support.tiny import tiny, trainer
from torch import Tensor, nn

from gankit import Progress, UserError, WeightAverage
from gankit.checkpoints import store
from gankit.checkpoints.store import load_generator
from gankit.cli import main
from gankit.config.experiment import OTHER_MEANINGS, Experiment
from gankit.config.loader import load_experiment
from gankit.config.yaml.writer import dump_experiment
from gankit.core.errors import ComponentError
from gankit.core.registry import register, restored
from gankit.evaluation import names
from gankit.evaluation.names import is_spread, mistaken_name
from gankit.results.tables import significant
from gankit.runs.recorded import allowed_changes
from gankit.runs.start import begin, resume
from gankit.runs.transfer import transfer

pytestmark = pytest.mark.costly

FAST = {"use": "exponential", "half_life": 4, "warmup": 0, "statistics": "copy"}
SLOW = {"use": "exponential", "half_life": 200, "warmup": 0, "statistics": "average"}
LAST = {"use": "snapshots", "every": 16, "last": 2}
GENERATORS = ["average", "current", "fast", "slow"]


class Wide(WeightAverage):
    """Takes the images shown for a weight, which do not fit."""

    def move(
        self, average: nn.Module, current: nn.Module, progress: Progress, batch: int, memory: dict[str, Tensor]
    ) -> None:
        next(average.parameters()).copy_(torch.zeros(progress.images + 999))


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def experiment(averages: dict[str, Any], average: Any = LAST, **evaluation: Any) -> Experiment:
    """One with batch norms, whose statistics are those of each average."""
    return tiny(
        generator=tiny().generator.model_dump() | {"norm": "batch"},
        training={"batch": 8, "device": "cpu", "average": average, "averages": averages},
        evaluation=MEASURED | evaluation,
        checkpoints={"every": 24, "keep": 9},
    )


def trained(folder: Path, *averages: Any, **evaluation: Any) -> Path:
    begin(experiment(*averages, **evaluation), folder).train()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("several") / "run", {"fast": FAST, "slow": SLOW}, generators=GENERATORS)


def numbers(run: Path) -> dict[tuple[int, str], float]:
    return {(row["images"], row["name"]): row["value"] for row in rows(run) if row.get("protocol")}


def newest(run: Path) -> Path:
    return store.found(run / "checkpoints")[-1]


def test_each_follows_as_if_it_were_the_only_one() -> None:
    options: dict[str, dict[str, Any]] = {
        "slow": SLOW,
        "last": LAST | {"statistics": "average"},
        "more": LAST | {"last": 3, "statistics": "estimate"},
        "decayed": {"use": "exponential", "decay": 0.9, "statistics": "copy"},
    }
    training = {"batch": 8, "discriminator_steps": 2}
    generator = tiny().generator.model_dump() | {"norm": "batch"}
    several = trainer(tiny(generator=generator, training=training | {"average": FAST, "averages": options}))
    alone = {
        name: trainer(tiny(generator=generator, training=training | {"average": one})) for name, one in options.items()
    }
    for made in (several, *alone.values()):
        for _ in range(3):
            made.iteration()
    for name, made in alone.items():
        expected = made.average.state_dict()
        for key, tensor in several.averages[name].measured().state_dict().items():
            assert torch.equal(tensor, expected[key]), (name, key)
        for path, memory in made.memory.items():
            kept = several.memory[path.replace("training.average", f"training.averages.{name}")]
            assert all(torch.equal(memory[key], kept[key]) for key in memory.keys() | kept.keys())
    assert several.memory.keys() >= {"training.averages.last", "training.averages.last.statistics"}


def test_each_is_measured_as_if_it_were_the_only_one(run: Path, tmp_path: Path) -> None:
    alone = trained(tmp_path / "alone", {}, SLOW)
    for (images, number), value in numbers(alone).items():
        of_all = "_floor" in number
        assert numbers(run)[images, number if of_all else re.sub(r"(_quick)?$", r"_slow\1", number, count=1)] == value
    assert (newest(run) / "average-slow.safetensors").read_bytes() == (
        newest(alone) / "average.safetensors"
    ).read_bytes()
    assert not list(newest(alone).glob("average-*"))
    for network in ("generator", "discriminator"):
        contents = {(newest(each) / f"{network}.safetensors").read_bytes() for each in (run, alone)}
        assert len(contents) == 1, "the averages change nothing of what is trained"
    last = [name for images, name in numbers(run) if images == 96 and name.startswith("is")]
    assert last == [f"{number}{end}" for end in ("", "_current", "_fast", "_slow") for number in ("is", "is_std")]
    told = {row["name"]: row["protocol"].get("generator") for row in rows(run) if row.get("protocol")}
    assert (told["fid"], told["fid_slow"], told["fid_slow_quick"], told["fid_floor"]) == (None, "slow", "slow", None)
    assert len({numbers(run)[96, name] for name in ("fid", "fid_current", "fid_fast", "fid_slow")}) == 4


def test_one_of_a_longer_half_life_stays_further_behind(run: Path) -> None:
    weights = store.read(newest(run)).state["weights"]

    def behind(name: str) -> Tensor:
        there, here = weights["generator"], weights[name]
        return sum((there[key] - here[key]).square().sum() for key in there if key.endswith("weight"))  # pyright: ignore

    assert 0 < behind("average-fast") < behind("average-slow")


def test_a_run_that_was_killed_goes_on_to_the_same_bits(run: Path, tmp_path: Path) -> None:
    killed = Path(shutil.copytree(run, tmp_path / "killed"))
    for checkpoint in store.found(killed / "checkpoints")[2:]:
        shutil.rmtree(checkpoint)
    going_on = resume(killed)
    assert going_on is not None
    assert going_on.progress.images == 24
    going_on.train()
    assert files(killed) == files(run)


@pytest.mark.slow
def test_in_the_background_numbers_are_the_same(run: Path, tmp_path: Path) -> None:
    beside = trained(tmp_path / "run", {"fast": FAST, "slow": SLOW}, LAST, generators=GENERATORS, background=True)
    assert numbers(beside) == numbers(run)


def test_one_is_chosen_to_sample_to_measure_and_to_compare_by(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for which in GENERATORS:
        assert main(["sample", str(run), "-o", f"{which}.npy", "-n", "4", "--which", which]) == 0
    assert len({Path(f"{which}.npy").read_bytes() for which in GENERATORS}) == 4
    capsys.readouterr()
    assert main(["evaluate", str(run), "--which", "slow", "--json"]) == 0
    found = {row["name"]: row["value"] for row in json.loads(capsys.readouterr().out)["measurements"][0]["rows"]}
    assert found["fid_slow"] == pytest.approx(numbers(run)[96, "fid_slow"], rel=1e-9)
    assert "fid" not in found
    assert main(["compare", str(run), "--metric", "fid_slow"]) == 0
    said = capsys.readouterr().out
    assert "fid_slow at 8x8" in said
    assert f"; noise floor {significant(numbers(run)[96, 'fid_floor'])}" in said


@pytest.mark.parametrize("command", [["sample", "-o", "x.npy"], ["evaluate"]])
def test_one_that_there_is_not_is_answered_with_those_that_there_are(
    run: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for which, hint in (("slo", "Did you mean 'slow'?"), ("../x", "There are: average, current, fast, slow.")):
        assert main([*command, str(run), "--which", which]) == 2
        assert f"has no generator {which!r}. {hint}" in capsys.readouterr().err


def test_a_run_that_starts_from_another_takes_those_that_both_have(run: Path) -> None:
    made = experiment({"slow": SLOW, "new": FAST})
    made = made.model_copy(update={"training": made.training.model_copy(update={"start_from": run})})
    transfer(made, begun := trainer(made))
    weights = store.read(newest(run)).state["weights"]
    for name, source in {"slow": "average-slow", "new": "generator", "average": "average"}.items():
        for key, tensor in begun.averages[name].generator.state_dict().items():
            assert torch.equal(tensor, weights[source][key]), (name, key)


def test_how_statistics_are_come_by_may_change_and_nothing_else(run: Path) -> None:
    before, by_copy = experiment({"slow": SLOW}), experiment({"slow": SLOW | {"statistics": "copy"}})
    assert [*allowed_changes(before, by_copy)] == ["training.averages.slow.statistics"]
    for other in ({"slow": SLOW | {"half_life": 9}}, {}, {"slow": SLOW, "fast": FAST}):
        with pytest.raises(UserError, match="a run goes on as it began"):
            allowed_changes(before, experiment(other))


def test_a_damaged_one_is_noticed(run: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(run, tmp_path / "damaged"))
    (newest(damaged) / "average-slow.safetensors").write_bytes(b"not weights")
    with pytest.raises(UserError, match=r"average-slow\.safetensors is not what was written"):
        load_generator(damaged, experiment({"slow": SLOW}), torch.device("cpu"), "slow")
    said: list[str] = []
    assert store.newest(damaged / "checkpoints", said.append) is not None
    assert "average-slow.safetensors is not what was written" in said[0]


def test_an_experiment_without_is_recorded_as_before() -> None:
    assert "averages" not in dump_experiment(tiny())
    several = experiment({"slow": SLOW})
    assert Experiment.model_validate(several.model_dump()) == several


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("averages: {Slow: exponential}", "begins with one of a-z and goes on with those, 0-9 and -, in 40 characters"),
        ("averages: {slow_2: exponential}", "training.averages.slow_2: no further average can be called so"),
        (
            "averages: {average: exponential}",
            "training.averages.average: no further average can be called so: that is t",
        ),
        ("averages: {current: exponential}", "can be called so: that is the trained generator itself"),
        ("averages: {quick: exponential}", "can be called so: names of other numbers end so"),
        ("averages: {slow: exponent}", "training.averages.slow: no average is called 'exponent'"),
        ("averages: {slow: {use: exponential, half_lif: 5}}", "averages.slow.half_lif: unknown option. Did you mean"),
        ("averages: {slow: {half_life: 5k}}", "training.averages.slow: expected the name of an average, or a mapping"),
    ],
)
def test_mistakes_are_told_with_their_lines(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(f"extends: {Path(__file__).parents[2]}/experiments/quickstart.yaml\ntraining:\n  {line}\n")
    with pytest.raises(UserError) as caught:
        load_experiment(file, check=False)
    assert "wrong.yaml:3:" in str(caught.value)
    assert said in str(caught.value)


def test_generators_that_there_are_not_are_told_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    quickstart = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"
    further = "training: {averages: {slow: exponential}}\nevaluation:\n  generators: [average, slwo]\n"
    file.write_text(f"extends: {quickstart}\n{further}")
    with pytest.raises(UserError) as caught:
        load_experiment(file)
    assert "wrong.yaml:4:25: evaluation.generators.1: there is no generator 'slwo'" in str(caught.value)
    assert "Did you mean 'slow'?" in str(caught.value)


def test_names_say_of_which_a_number_is() -> None:
    assert is_spread("kid_std_slow-2", {"kid_slow-2"})
    assert is_spread("kid_seeds_std_slow_quick", {"kid_slow_quick"})
    assert not is_spread("kid_std_slow", {"kid", "kid_std", "slow"})
    assert mistaken_name(["fid_full"], ["full"]) == "'fid_full' is what gankit calls the average full's number of 'fid'"
    assert mistaken_name(["fid_full"]) is None
    ends = (names.FLOOR, names.QUICK, names.ERROR, names.STD, names.SEEDS_STD, names.suffix_of("current"))
    assert {end.rpartition("_")[2] for end in ends} <= OTHER_MEANINGS.keys()


def test_a_metric_whose_number_could_be_taken_for_an_averages_is_refused_before_training(tmp_path: Path) -> None:
    asked = experiment({"full": FAST}, metrics=["fid", "fid_full"])
    with pytest.raises(UserError, match="'fid_full' is what gankit calls the average full's number of 'fid'"):
        begin(asked, tmp_path / "run", rehearsed=True)


def test_one_that_fails_is_named_in_the_rehearsal(tmp_path: Path) -> None:
    with restored():
        register("basics", "wide", Wide)
        with pytest.raises(ComponentError, match=r"training\.averages\.wide"):
            begin(experiment({"slow": SLOW, "wide": "wide"}, metrics=[]), tmp_path / "run", rehearsed=True)
    assert not (tmp_path / "run").exists()
