"""Before anything trains each part is tried on a few images: what breaks its contract is refused by its name."""

# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import pickle
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from support import wrong_parts
from support.command import QUICKSTART, SMALL, gankit_here, rows
from support.tiny import tiny

import gankit
from gankit.checkpoints import store
from gankit.config.checks import missing
from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.config.study import Study
from gankit.config.study_loader import load_study
from gankit.config.yaml.writer import dump_experiment
from gankit.core.errors import ComponentError, UserError
from gankit.core.registry import register, registries, restored
from gankit.discovery.manager import plugins
from gankit.evaluation import background
from gankit.evaluation.background import EvaluatorProcess
from gankit.evaluation.pair import EvaluatorPair
from gankit.runs.components import RunComponents
from gankit.runs.rehearsal import rehearse
from gankit.runs.start import begin, resume
from gankit.testing.experiments import loading_once
from gankit.training.rehearsal import Rehearsal

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").rglob("*.yaml"))
WRONG = Path(wrong_parts.__file__)
NETWORK = {"block": "conv", "rgb": "rgb", "channels": {4: 8, 8: 4}}
PLAIN: dict[str, Any] = {"regularizers": [], "training": {"batch": 4, "device": "cpu"}}
MEASURED = {"extractor": "digits", "images": 16}


def generator(**changes: Any) -> dict[str, Any]:
    return {"generator": NETWORK | {"mapping": "normalized", "stem": "pggan", "latent": 8} | changes}


def discriminator(**changes: Any) -> dict[str, Any]:
    return {"discriminator": NETWORK | {"head": "pggan"} | changes}


def measured(*metrics: str, **changes: Any) -> dict[str, Any]:
    return {"evaluation": MEASURED | {"metrics": [*metrics]} | changes}


def of_optimizer(name: str) -> dict[str, Any]:
    return {"training": PLAIN["training"] | {"optimizer": name}}


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("toowide", generator(block="toowide"), "generator.block.0", "gives [4, 5, 8, 8] for [4, 8, 4, 4]"),
    ("toowide", discriminator(block="toowide"), "discriminator.block.0", "gives [4, 9, 4, 4] for [4, 4, 8, 8]"),
    ("neverup", generator(block="neverup"), "generator.block.0", "its place asks for [4, 4, 8, 8]"),
    ("neverdown", discriminator(block="neverdown"), "discriminator.block.0", "its place asks for [4, 8, 4, 4]"),
    ("takestheborder", generator(block="takestheborder"), "generator.block.0", "gives [4, 4, 6, 6]"),
    ("noreturn", generator(block="noreturn"), "generator.block.0", "builds None, not a torch module"),
    ("detached", generator(block="detached"), "generator.block.0", "lets no gradient through"),
    ("detached", discriminator(base_blocks="detached"), "discriminator.base_blocks.0", "lets no gradient through"),
    ("rootofnegatives", generator(block="rootofnegatives"), "generator.block.0", "gives NaN"),
    ("goesitsownway", generator(base_blocks="goesitsownway"), "generator.base_blocks.0", "asks for [4, 8, 4, 4]"),
    ("pairofmaps", generator(block="pairofmaps"), "generator.block.0", "gives tuple"),
    ("toowide", generator(rgb="toowide"), "generator.rgb", "gives [4, 2, 8, 8]"),
    ("smallstem", generator(stem="smallstem"), "generator.stem", "gives [4, 8, 1, 1]"),
    ("flathead", discriminator(head="flathead"), "discriminator.head", "gives [4] for [4, 8, 4, 4]"),
    ("nowidth", generator(mapping="nowidth"), "generator.mapping", "without the attribute `width`"),
    ("onestyle", generator(mapping="onestyle"), "generator.mapping", "asks for [4, 1, 8]"),
    ("dropsamap", generator(norm="dropsamap"), "generator.norm.0", "asks for [4, 8, 4, 4]"),
    ("halvedlayer", {"regularizers": "halvedlayer"}, "regularizers.0", "gives [4, 8, 2, 2]"),
    ("detachedloss", {"loss": "detachedloss"}, "loss", "lets no gradient through generator()"),
    ("detachedreals", {"loss": "detachedreals"}, "loss", "gives the scores of reals no gradient in discriminator()"),
    ("nomean", {"loss": "nomean"}, "loss", "gave a tensor of shape [4] to be minimized, not a scalar tensor"),
    ("floatloss", {"loss": "floatloss"}, "loss", "to be minimized, not a scalar tensor"),
    ("logofnegatives", {"loss": "logofnegatives"}, "loss", "not finite"),
    ("noscalar", {"regularizers": "noscalar"}, "regularizers.0", "gave a tensor of shape [4] to be minimized"),
    ("detachedpenalty", {"regularizers": "detachedpenalty"}, "regularizers.0", "lets no gradient through"),
    ("zerooverzero", {"regularizers": "zerooverzero"}, "regularizers.0", "not finite"),
    ("crops", {"augment": "crops"}, "augment.0", "not images of the same shape and type"),
    ("bynumpy", {"augment": "bynumpy"}, "augment.0", "lets no gradient through apply()"),
    ("nooptimizer", of_optimizer("nooptimizer"), "training.optimizer.generator", "not an optimizer of torch"),
    ("onegroup", of_optimizer("onegroup"), "training.optimizer.generator", "hand `parameters` on to torch"),
    ("norate", of_optimizer("norate"), "training.optimizer.generator", "gives a learning rate of None"),
    ("metrictypo", measured("metrictypo"), "evaluation.metrics.0", "wrong_parts.py:"),
    ("floatmetric", measured("fid", "floatmetric"), "evaluation.metrics.1", "not a mapping"),
    ("saysnotwhatitneeds", measured("saysnotwhatitneeds"), "evaluation.metrics.0", "without naming it in its `needs`"),
    ("words", measured("words"), "evaluation.metrics.0", "gives 'good' for 'quality' in evaluate(), not a number"),
    ("takenname", measured("takenname"), "evaluation.metrics.0", "is what gankit calls the noise floor"),
    ("anotherfid", measured("fid", "anotherfid"), "evaluation.metrics.1", "another metric of this evaluation"),
    ("unsatisfied", measured("unsatisfied"), "evaluation.metrics.0", "16 images are not enough"),
    ("words", measured(quick={"images": 16, "metrics": "words"}), "evaluation.quick.metrics.0", "not a number"),
    (
        "onevector",
        measured("fid", extractor="onevector"),
        "evaluation.extractor",
        "sees Tensor without `pooled`",
    ),
]
FAILS = [
    ("losstypo", {"loss": "losstypo"}, "loss", "has no attribute 'maen'"),
    ("penaltytypo", {"regularizers": "penaltytypo"}, "regularizers.0", "has no attribute 'fakes'"),
    ("nonumbers", generator(init="nonumbers"), "generator.init", "no numbers"),
]


@pytest.fixture(scope="module", autouse=True)
def _wrong() -> Iterator[None]:
    """The wrong components are registered, and the images loaded once."""
    with plugins.restored():
        plugins.load_file(WRONG)
        with loading_once(tiny().data):
            yield


def told(name: str, option: str) -> str:
    return (
        rf"^\w+ wrong_parts/{name} \(option '{re.escape(option)}', plugin 'wrong_parts' of {re.escape(str(WRONG))}\) "
    )


@pytest.mark.parametrize(("name", "changes", "option", "said"), REFUSED, ids=lambda value: str(value)[:30])
def test_what_breaks_its_contract_is_refused_by_name(
    tmp_path: Path, name: str, changes: dict[str, Any], option: str, said: str
) -> None:
    with pytest.raises(UserError, match=told(name, option)) as caught:
        begin(tiny(**(PLAIN | changes)), tmp_path / "run", rehearsed=True)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("name", "changes", "option", "said"), FAILS, ids=lambda value: str(value)[:30])
def test_so_is_what_raises(tmp_path: Path, name: str, changes: dict[str, Any], option: str, said: str) -> None:
    with pytest.raises(ComponentError, match=told(name, option)) as caught:
        begin(tiny(**(PLAIN | changes)), tmp_path / "run", rehearsed=True)
    assert said in str(caught.value)
    assert not (tmp_path / "run").exists()


class Counting(gankit.Metric):
    """Remembers how many images it was given."""

    needs = frozenset({"images"})
    given: ClassVar[list[int]] = []
    least: int = 2
    says: bool = True

    def problems(self, experiment: Any) -> Iterator[str]:
        if self.says and experiment.evaluation.images < self.least:
            yield "too few"

    def evaluate(self, samples: Any) -> dict[str, float]:
        self.given.append(len(samples.generated.images))
        if self.given[-1] < self.least:
            raise ValueError("too few")
        return {"counted": float("nan")}


@pytest.mark.parametrize(
    ("least", "says", "given"), [(2, True, [8]), (9, True, [16]), (9, False, [8, 200]), (170, True, [200])]
)
def test_a_metric_is_given_as_few_images_as_it_says_that_it_can_do_with(
    least: int, says: bool, given: list[int]
) -> None:
    Counting.given.clear()
    with restored():
        register("fidelity", "counting", Counting)
        metrics = [{"use": "counting", "least": least, "says": says}]
        rehearse(RunComponents.of(tiny(evaluation=MEASURED | {"metrics": metrics, "images": 200})))
    assert Counting.given == given


class Beside:
    """Stands for the process that evaluates: does in this one what that would do."""

    def __init__(self, experiment: Experiment, device: torch.device, classes: list[str]) -> None:
        self.measurer = background._prepared(dump_experiment(experiment), experiment.plugins, str(device), classes)

    def send(self, told: Any) -> None:
        assert told == background.REHEARSE

    def receive(self) -> str | None:
        return background._problem_in_rehearsal(self.measurer)

    def end(self) -> str:
        return "ended"


@pytest.mark.parametrize("process", [Beside, pytest.param(EvaluatorProcess, marks=pytest.mark.slow)])
def test_metrics_that_are_measured_in_the_background_are_rehearsed_there(
    process: type[Beside | EvaluatorProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "EvaluatorProcess", process)
    changes = measured("fid", "words", background=True) | {"plugins": [WRONG]}
    with pytest.raises(UserError, match=told("words", "evaluation.metrics.1")):
        begin(tiny(**changes), tmp_path / "run", rehearsed=True)


class OwnImages(gankit.Metric):
    """Has the generator make images of its own."""

    made: ClassVar[list[int]] = []
    fails: bool = False

    def evaluate(self, samples: Any) -> dict[str, float]:
        self.made.clear()
        for _ in range(1000):
            images = samples.generator(torch.zeros(2, 8))
            self.made.append(len(images))
        return {"own": 0.0}


def test_a_metric_that_makes_images_of_its_own_makes_few() -> None:
    with restored():
        register("fidelity", "own-images", OwnImages)
        rehearse(RunComponents.of(tiny(**measured("own-images", "fid"))))
    assert OwnImages.made == [2, 2]


def test_it_touches_no_random_numbers_and_no_part_of_the_run() -> None:
    parts = RunComponents.of(tiny(**measured("fid", "kid"), seed=3))
    before = parts.trainer.state_dict()
    weights = {name: {key: each.clone() for key, each in kept.items()} for name, kept in before["weights"].items()}
    states = random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state()
    rehearse(parts)
    assert random.getstate() == states[0]
    assert pickle.dumps(np.random.get_state()) == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])
    after = parts.trainer.state_dict()
    assert all(torch.equal(kept, after["weights"][net][key]) for net in weights for key, kept in weights[net].items())
    assert (after["images"], after["rounds"], after["memory"]) == (0, 0, {})


@pytest.mark.costly
def test_a_run_that_was_rehearsed_has_the_same_bits(tmp_path: Path) -> None:
    batch_norms = {"norm": ["spectral", "batch"]}
    changes: dict[str, Any] = {**measured("fid"), **generator(**batch_norms), "checkpoints": {"every": 24}}
    changes |= {"regularizers": ["minibatch-stddev"], "loss": "hinge", **discriminator(norm="spectral")}
    for name, rehearsed in (("at once", False), ("rehearsed", True)):
        begin(tiny(**changes), tmp_path / name, rehearsed=rehearsed).train()
    there, here = (tmp_path / name for name in ("at once", "rehearsed"))
    assert (there / "metrics.jsonl").read_bytes() == (here / "metrics.jsonl").read_bytes()
    files = [file.relative_to(there) for file in (there / "checkpoints").rglob("*") if file.is_file()]
    assert files
    assert all((there / file).read_bytes() == (here / file).read_bytes() for file in files)


def test_stages_that_are_over_are_not_rehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = RunComponents.of(tiny())  # 4x4 to 32 images, 8x8 from there to 96, its fade to 64
    seen: list[tuple[int, float]] = []
    iteration = Rehearsal.iteration

    def noted(self: Rehearsal) -> dict[str, torch.Tensor]:
        scalars = iteration(self)
        seen.append((self.now.resolution, self.now.alpha))
        return scalars

    monkeypatch.setattr(Rehearsal, "iteration", noted)
    rehearse(parts)
    assert seen == [(4, 1.0), (8, 0.5), (8, 1.0)]
    seen.clear()
    rehearse(parts, images=32)
    assert seen == [(8, 0.5), (8, 1.0)]
    seen.clear()
    rehearse(parts, images=96)
    assert seen == []


def command(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code of a command, and its last line on standard error."""
    done = gankit_here(arguments, folder)
    return done.returncode, (done.stderr.splitlines() or [""])[-1]


@pytest.mark.costly
def test_without_rehearsal_a_run_trains_and_one_that_measures_nothing_fails_all_the_same(tmp_path: Path) -> None:
    begun = (
        "run",
        str(QUICKSTART),
        "--plugin",
        str(WRONG),
        *SMALL,
        "--set=growth={use: fixed, resolution: 8, images: 32}",
    )
    code, said = command(tmp_path, *begun, "--set=evaluation.metrics=[words]", "--out=told")
    assert (code, (tmp_path / "told").exists()) == (2, False)
    assert said.startswith("metric wrong_parts/words (option 'evaluation.metrics.0', ")
    without = (*begun, "--no-rehearsal")
    code, said = command(tmp_path, *without, "--set=evaluation.metrics=[words]", "--out=none")
    assert (code, said.partition(": ")[2]) == (1, "none: no metric that it asks for has given a number; "
        "once one does: gankit evaluate none")  # fmt: skip
    assert store.found(tmp_path / "none" / "checkpoints")
    assert command(tmp_path, *without, "--resume", "--set=evaluation.metrics=[words]", "--out=none")[0] == 1
    assert command(tmp_path, *without, "--set=evaluation.metrics=[words, fid]", "--out=some")[0] == 0


@pytest.mark.costly
def test_what_is_changed_when_a_run_goes_on_is_rehearsed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    begin(tiny(), run).train()
    recorded = (run / "experiment.yaml").read_bytes(), (run / "provenance.json").read_bytes()
    let_go: list[EvaluatorPair] = []
    with monkeypatch.context() as patched:
        patched.setattr(EvaluatorPair, "close", lambda evaluators: let_go.append(evaluators))
        with pytest.raises(UserError, match="metrictypo"):
            resume(run, ["evaluation.metrics=[metrictypo]"], extend=32, rehearsed=True)
    assert len(let_go) == 1, "it may be a process"
    assert ((run / "experiment.yaml").read_bytes(), (run / "provenance.json").read_bytes()) == recorded
    training = resume(run, ["evaluation.metrics=[fid]"], extend=32, rehearsed=True)
    assert training is not None
    training.train()
    assert rows(run)[-1]["images"] == 128


def on_digits(file: Path) -> Experiment:
    """What an experiment whose data are not here would be with others, a few feature maps wide."""
    written = load_experiment(file, check=False)
    labels = str(bool(getattr(written.data, "labels", False) or "labels" in file.stem)).lower()
    settings = [f"data={{use: digits, labels: {labels}}}", "evaluation.extractor=digits", "generator.latent=8"]
    settings += [f"{network}.channels=8" for network in ("generator", "discriminator")]
    settings += ["growth.final=16"] if "final" in type(written.growth).model_fields else []
    return load_experiment(file, [*settings, "training.batch=8", "training.device=cpu"], check=False)


@pytest.mark.slow
@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_no_bundled_experiment_is_refused(file: Path) -> None:
    read = load_study(file, note=lambda lacking: None)
    several = [run.experiment for run in read.runs if run.experiment.seed == 0] if isinstance(read, Study) else [read]
    for experiment in several:
        rehearse(RunComponents.of(on_digits(file) if missing(experiment) else experiment))


@pytest.mark.parametrize("words", [[], ["--no-rehearsal"]])
def test_the_runs_of_a_study_are_rehearsed_unless_it_is_told_otherwise(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[gankit.Job] = []

    def launch(launcher: gankit.Launcher, jobs: list[gankit.Job]) -> Iterator[tuple[gankit.Job, int]]:
        begun.extend(jobs)
        yield from ()

    monkeypatch.setattr(registries["launcher"].find("sequential").component, "launch", launch)
    (tmp_path / "study.yaml").write_text(f"extends: {QUICKSTART}\nmatrix: {{seed: [0]}}\n")
    gankit_here(["run", "study.yaml", *words], tmp_path)
    (job,) = begun
    assert [word for word in job.command if "rehearsal" in word] == words
