"""Where a plugin fails, the message names plugin, component and option; what is not concerned goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.command import QUICKSTART, SMALL, gankit

from gankit.cli import main
from gankit.discovery.manager import plugins
from gankit.runs import recorded

Run = Callable[..., tuple[int, str]]

PLUGIN = """
from torch import Tensor, nn

from gankit import Block, Dataset, Head, Init, Loss, Metric, Norm, Observer, Regularizer, UserError, Callback, hookimpl
from gankit.networks.layers import conv, double


class Raises(Loss):
    def discriminator(self, real, fake):
        return real.nothing

    def generator(self, fake, real):
        return fake.mean()


class ByBatch(Raises):
    def discriminator(self, real, fake):
        return fake - real


class Groups(Norm):
    groups: int = 3

    def build(self, context):
        return nn.GroupNorm(self.groups, context.out_channels)


class Forward(nn.Module):
    def forward(self, x):
        return x[{}["no"]]


class RaisesForward(Block):
    def build(self, context):
        return nn.Sequential(nn.Identity(), Forward())


class RaisesDown(Block):
    def build(self, context):
        if context.resample == "down":
            raise ValueError("cannot go down")
        return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(context.in_channels, context.out_channels, 1))


class WrongLayer(Block):
    def build(self, context):
        from gankit.networks.layers import Chain
        return Chain(up=nn.Upsample(scale_factor=2), conv=nn.Conv2d(context.in_channels + 1, context.out_channels, 1))


class AsksForNorm(Block):
    def build(self, context):
        return context.norm()


class RaisesInit(Init):
    def apply(self, layer):
        raise OSError("no numbers")


class RaisesPenalty(Regularizer):
    def generator(self, step):
        return sum(float(each) for each in [1, "x"])


class RaisesLoad(Dataset):
    def image_channels(self):
        return 1

    def load(self, resolution):
        raise OSError("gone")


class Refuses(RaisesLoad):
    def load(self, resolution):
        raise UserError("data.path: there is nothing")


class RaisesMetric(Metric):
    def evaluate(self, samples):
        return {"none": 1 / 0}


class RaisesWatcher(Callback):
    def on_rows(self, rows):
        raise KeyError("boom")


class RaisesWatching(Observer):
    def callback(self, run):
        return RaisesWatcher()


@hookimpl
def gankit_register(register):
    for name, component in list(globals().items()):
        if getattr(component, "__module__", "") == __name__ and hasattr(component, "kind"):
            register(name.lower(), component)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a plugin and an experiment that loads it."""
    (tmp_path / "bad.py").write_text(PLUGIN)
    (tmp_path / "experiment.yaml").write_text(f"extends: {QUICKSTART}\nname: bad\nplugins: [bad.py]\n")
    monkeypatch.chdir(tmp_path)
    with plugins.restored():
        yield tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the experiment with some settings; gives the exit code and what is said of failures."""

    def run(*settings: str, rehearsed: bool = True) -> tuple[int, str]:
        words = ["run", "experiment.yaml", *SMALL, *(f"--set={setting}" for setting in settings), "--out", "run"]
        code = main(words if rehearsed else [*words, "--no-rehearsal"])
        first, _, said = capsys.readouterr().err.partition("\n")
        assert first.startswith("gankit: executes plugin ")
        return code, said

    return run


def line_of(text: str) -> int:
    return PLUGIN[: PLUGIN.index(text)].count("\n") + 1


@pytest.mark.parametrize(
    ("setting", "component", "option", "line", "reason"),
    [
        ("loss=raises", "loss bad/raises", "loss", "real.nothing", "AttributeError: 'Tensor' object has no attribute"),
        (
            "generator.norm={use: groups, groups: 5}",
            "norm bad/groups",
            "generator.norm.0",
            "nn.GroupNorm",
            "ValueError: ",
        ),
        ("generator.block=raisesforward", "block bad/raisesforward", "generator.block.0", "x[{}", "KeyError: 'no'"),
        ("generator.init=raisesinit", "init bad/raisesinit", "generator.init", "no numbers", "OSError: no numbers"),
        (
            "regularizers=[raisespenalty]",
            "regularizer bad/raisespenalty",
            "regularizers.0",
            "sum(",
            "ValueError: could",
        ),
        ("data=raisesload", "dataset bad/raisesload", "data", '"gone"', "OSError: gone"),
    ],
)
def test_what_a_component_raises_is_told_with_its_name_and_place(
    run: Run, setting: str, component: str, option: str, line: str, reason: str
) -> None:
    code, said = run(setting)
    assert code == 1
    *above, last = said.splitlines()
    where = rf"\(option '{re.escape(option)}', plugin 'bad' of .*bad.py\)"
    assert re.match(rf"gankit: {component} {where} failed: bad.py:{line_of(line)}: {re.escape(reason)}", last), last
    traceback = "\n".join(above)
    assert "Traceback (most recent call last)" in traceback, "for whoever wrote it"
    files = re.findall(r'  File "(.*)", line', traceback)
    assert files
    assert {Path(file).name for file in files} == {"bad.py"}, "of the component's own code alone"


def test_where_none_of_its_own_code_is_run_one_step_of_the_traceback_is_shown(run: Run) -> None:
    code, said = run("generator.block=wronglayer", "evaluation.metrics=[]")
    assert code == 1
    assert re.findall(r'  File ".*/(.*)", line', said) == ["conv.py"]
    assert "gankit: block bad/wronglayer" in said.splitlines()[-1]


def test_so_is_what_it_raises_when_a_run_is_sampled_or_measured(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("generator.norm={use: groups, groups: 1}", "evaluation.metrics=[]")[0] == 0
    saved = folder / "run" / "experiment.yaml"
    saved.write_text(saved.read_text().replace("groups: 1", "groups: 3"))
    monkeypatch.setattr(recorded, "changed_options", lambda *_: None)  # as in runs of gankit 0.1
    for command in (["sample", "run", "-o", "grid.png"], ["evaluate", "run", "--metrics", "fid", "--images", "16"]):
        assert main(command) == 1
        assert "gankit: norm bad/groups (option 'generator.norm.0'" in capsys.readouterr().err.splitlines()[-1]


def test_of_equal_components_the_one_that_failed_is_named(run: Run) -> None:
    _, said = run("generator.block=raisesdown", "discriminator.block=raisesdown")
    assert "gankit: block bad/raisesdown (option 'discriminator.block.0'" in said.splitlines()[-1]


def test_the_innermost_component_is_named(run: Run) -> None:
    _, said = run("generator.block=asksfornorm", "generator.norm={use: groups, groups: 5}")
    assert "gankit: norm bad/groups (option 'generator.norm.0'" in said.splitlines()[-1]


@pytest.mark.parametrize("rehearsed", [True, False])
def test_a_loss_that_is_no_scalar_is_refused_in_words(run: Run, rehearsed: bool) -> None:
    code, said = run("loss=bybatch", rehearsed=rehearsed)
    assert code == (2 if rehearsed else 1), "a run under way fails"
    where = r"loss bad/bybatch \(option 'loss', plugin 'bad' of .*bad.py\)"
    reason = r"gave a tensor of shape \[16\] to be minimized, not a scalar tensor"
    assert re.fullmatch(rf"{'' if rehearsed else 'gankit: '}{where} {reason}", said.splitlines()[-1])


def test_what_is_meant_for_the_user_stays_as_it_is(run: Run) -> None:
    code, said = run("data=refuses")
    assert (code, said.splitlines()[-1]) == (2, "data.path: there is nothing")


def test_metrics_and_observers_that_raise_do_not_stop_a_run(run: Run) -> None:
    code, said = run("evaluation.metrics=[fid, raisesmetric]", "observers=[raiseswatching]", rehearsed=False)
    assert code == 0
    metric, observer = (
        next(line for line in said.splitlines() if name in line) for name in ("gankit: metric", "gankit: observer")
    )
    assert "metric bad/raisesmetric failed at" in metric
    assert metric.endswith("it is left out (evaluation.metrics.1)")
    assert "observer bad/raiseswatching failed in 'on_rows': KeyError: 'boom'" in observer
    assert observer.endswith("the run goes on (observers.0)")


@pytest.mark.slow
def test_the_other_runs_of_a_study_go_on(folder: Path) -> None:
    (folder / "study.yaml").write_text("extends: experiment.yaml\nmatrix: {loss: [raises, hinge], seed: [0]}\n")
    done = gankit(["run", "study.yaml", *SMALL, "--out", "study"], folder)
    assert done.returncode == 1
    assert "gankit: loss bad/raises (option 'loss'" in (folder / "study/loss=raises/seed-0.log").read_text()
    assert "loss bad/raises" in (folder / "study/loss=raises/seed-0/times.jsonl").read_text()
    assert "finished" in (folder / "study/loss=hinge/seed-0/times.jsonl").read_text()
