"""Studies: which runs a file means, what they are called, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.toys import EXPERIMENT

from gankit import UserError
from gankit.config.study import Study, StudyRun
from gankit.config.study_loader import load_study, name_in
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.writer import dump
from gankit.results.finder import folder_of

Read = Callable[..., Study]


@pytest.fixture
def read(toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads a study in `losses.yaml`, which extends the toy experiment, in the current folder, a fresh one."""
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(EXPERIMENT)

    def read(text: str, *settings: str) -> Study:
        Path("losses.yaml").write_text(f"extends: base.yaml\n{text}")
        return the_study("losses.yaml", *settings)

    return read


def the_study(file: str, *settings: str) -> Study:
    read = load_study(Path(file), settings)
    assert isinstance(read, Study)
    return read


def names(study: Study) -> list[str]:
    return [run.name for run in study.runs]


def of(study: Study, name: str) -> StudyRun:
    return next(run for run in study.runs if run.name == name)


def test_a_matrix_is_a_product_and_every_variant_has_every_seed(read: Read) -> None:
    study = read("matrix: {loss: [tug, push], training.batch: [8, 16], seed: [3, 5]}\n")
    assert study.name == "losses"
    assert names(study) == [
        f"loss={loss},batch={batch}/seed-{seed}" for loss in ("tug", "push") for batch in (8, 16) for seed in (3, 5)
    ]
    experiment = of(study, "loss=push,batch=8/seed-5").experiment
    assert (experiment.name, experiment.variant, experiment.seed) == ("losses", "loss=push,batch=8", 5)
    assert (type(experiment.loss).__name__, experiment.training.batch) == ("Push", {0: 8})


def test_named_variants_stand_beside_the_product(read: Read) -> None:
    study = read(
        "matrix: {loss: [push], seed: [0, 1]}\n"
        "variants:\n"
        "  as-it-is:\n"
        "  far: {loss: {margin: 9}, training: {batch: 8}, regularizers.1.weight: 4}\n"
    )
    assert names(study) == [f"{v}/seed-{s}" for v in ("loss=push", "as-it-is", "far") for s in (0, 1)]
    losses = {run.variant.name: run.experiment.loss.model_dump() for run in study.runs}
    assert losses == {"loss=push": {"margin": 1}, "as-it-is": {"margin": 2}, "far": {"margin": 9}}
    far = of(study, "far/seed-1").experiment
    assert far.training.batch == {0: 8}
    assert [part.model_dump()["weight"] for part in far.regularizers] == [10, 4]


def test_without_a_matrix_there_are_only_the_named(read: Read) -> None:
    assert names(read("variants: {near: {loss.margin: 1}}\nseed: 4\n")) == ["near/seed-4"]


def test_seeds_alone_repeat_the_experiment(read: Read) -> None:
    assert names(read("matrix: {seed: [0, 1]}\n")) == ["base/seed-0", "base/seed-1"]


def test_exclusions_leave_out_combinations_and_single_seeds(read: Read) -> None:
    study = read(
        "matrix: {loss: [tug, {use: push, margin: 3}], training.batch: [8, 16], seed: [0, 1]}\n"
        "exclude: [{loss: push+margin-3, training.batch: 16}, {loss: tug, seed: 1}]\n"
    )
    assert names(study) == [
        "loss=tug,batch=8/seed-0",
        "loss=tug,batch=16/seed-0",
        "loss=push+margin-3,batch=8/seed-0",
        "loss=push+margin-3,batch=8/seed-1",
    ]


def test_a_study_may_change_another(read: Read) -> None:
    read("matrix: {loss: [tug, push], seed: [0, 1, 2]}\nlauncher: sequential\n")
    Path("more.yaml").write_text("extends: losses.yaml\nmatrix: {seed: [7]}\n")
    assert names(the_study("more.yaml")) == ["loss=tug/seed-7", "loss=push/seed-7"]
    assert the_study("more.yaml").name == "more"


def test_null_takes_back_what_is_said_of_a_study(read: Read) -> None:
    assert names(read("matrix: {loss: [push], seed: [0, 1]}\nvariants: {mine: {}}\n", "matrix=null")) == ["mine/seed-0"]
    undone = load_study(Path("losses.yaml"), ["matrix=null", "variants=null", "launcher=null"])
    assert not isinstance(undone, Study)
    assert undone.name == "toy"


def test_settings_change_the_study_too(read: Read) -> None:
    study = read("matrix: {loss: [tug, push]}\n", "matrix.seed=[4]", "name=other", "training.batch=4")
    assert (study.name, names(study)) == ("other", ["loss=tug/seed-4", "loss=push/seed-4"])
    assert study.runs[0].experiment.training.batch == {0: 4}


def test_a_name_in_the_file_counts_and_that_of_a_parent_does_not(read: Read) -> None:
    read("name: mine\nmatrix: {seed: [0]}\n")
    assert name_in(Path("losses.yaml")) == "mine"
    read("matrix: {seed: [0]}\n")
    assert name_in(Path("losses.yaml")) == "losses"
    assert name_in(Path("base.yaml")) == "toy"
    assert folder_of(Path("losses.yaml")) == Path("runs/losses")


def test_what_is_recorded_of_a_study_reads_as_the_same_study(read: Read) -> None:
    study = read("matrix: {loss: [tug, {use: push, margin: 1e-3}], seed: [0, 1]}\nvariants: {near: {loss.margin: 1}}\n")
    Path("record.yaml").write_text(dump(plain_value(study.root)))
    again = the_study("record.yaml")
    assert again.name == study.name
    assert [(run.name, run.experiment) for run in again.runs] == [(run.name, run.experiment) for run in study.runs]


def test_one_run_can_be_read_without_the_other_variants(read: Read) -> None:
    read("matrix: {loss: [tug, push], seed: [0, 1]}\n")
    study = load_study(Path("losses.yaml"), only="loss=push/seed-1")
    assert isinstance(study, Study)
    assert names(study) == ["loss=push/seed-0", "loss=push/seed-1"]


def test_only_chooses_by_the_names_of_runs_and_of_variants(read: Read) -> None:
    study = read("matrix: {loss: [tug, push], seed: [0, 1]}\n")
    assert [run.name for run in study.chosen(["loss=t*"])] == ["loss=tug/seed-0", "loss=tug/seed-1"]
    assert [run.name for run in study.chosen(["*/seed-1"])] == ["loss=tug/seed-1", "loss=push/seed-1"]
    assert len(study.chosen([])) == 4
    with pytest.raises(UserError, match=r"no run matches loss=tgu.* Did you mean 'loss=tug'"):
        study.chosen(["loss=tgu"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("matrix: [loss]\n", "losses.yaml:2:9: matrix: expected a mapping"),
        ("matrix: {loss: tug}\n", "losses.yaml:2:16: matrix.loss: expected a list"),
        ("matrix: {loss: []}\n", "matrix.loss: "),
        ("matrix: {loss: [tgu, push]}\n", "2:17: loss: no loss is called 'tgu'. Did you mean 'tug'? (in"),
        ("matrix: {loss.magin: [1, 2]}\n", "losses.yaml:2:10: loss.magin: unknown option. Did you mean 'margin'?"),
        ("matrix: {seed: [0, -1]}\n", "losses.yaml:2:20: matrix.seed: expected a whole number from 0"),
        ("matrix: {seed: [0, one]}\n", "matrix.seed: expected a whole number from 0"),
        ("matrix: {loss: [tug, tug]}\n", "losses.yaml:2:22: matrix.loss: stands twice"),
        ("matrix: {name: [a, b]}\n", "matrix.name: is given by the study"),
        ("variants: {a: {seed: 3}}\n", "variants.a.seed: every variant is run with every seed"),
        ("variants: {a/b: {loss: tug}}\n", "losses.yaml:2:12: variants.a/b"),
        ("variants: {a: {loss: tug}, A: {loss: push}}\n", "two variants would be called a and A"),
        ("matrix: {loss: [tug]}\nvariants: {loss=tug: {}}\n", "two variants would be called both loss=tug"),
        ("matrix: {loss: [tug]}\nexclude: [{los: tug}]\n", "3:12: exclude.los: is no axis of the matrix. Did you mean"),
        ("matrix: {loss: [tug]}\nexclude: [{loss: push}]\n", "exclude.loss: is no value of that axis; it has tug"),
        ("matrix: {loss: [tug]}\nexclude: [{loss: tug}]\n", "every run is excluded"),
        ("matrix: {loss: [tug, push]}\nexclude: [{loss: tug}, {}]\n", "every run is excluded"),
        ("variants: {a: {}}\nmatrix: {seed: [0, 1]}\nexclude: [{seed: 1}]\n", "4:11: exclude: leaves out nothing"),
        ("matrix: {seed: [0]}\nlauncher: sequental\n", "no launcher is called 'sequental'. Did you mean 'sequential'?"),
        ("matrix: {regularizers.5.weight: [1]}\n", "losses.yaml:2:10: no item 5: the list has 2"),
        ("matrix: {'': [1]}\n", "expected an option, such as training.batch"),
        ("matrix: {loss: [{use: leash}, tug]}\n", "no loss is called 'leash'"),
    ],
)  # fmt: skip
def test_mistakes_are_shown_where_they_stand(read: Read, text: str, message: str) -> None:
    with pytest.raises(UserError) as failure:
        read(text)
    assert message in str(failure.value)


def test_where_a_mistake_stands_is_no_part_of_what_it_says(read: Read, tmp_path: Path) -> None:
    text = "extends: ../base.yaml\nmatrix: {regularizers.5.weight: [1], loss: [tug, push]}\n"
    (tmp_path / "a: b").mkdir()
    Path("a: b/study.yaml").write_text(text)
    Path("base.yaml").write_text(EXPERIMENT)
    with pytest.raises(UserError) as failure:
        load_study(Path("a: b/study.yaml"))
    first, *shown = str(failure.value).splitlines()
    assert first == "a: b/study.yaml:2:10: no item 5: the list has 2, counted from 0"
    assert shown == [f"    {text.splitlines()[1]}", f"    {' ' * 9}^"]


def test_a_mistake_in_every_variant_is_said_once_and_one_in_the_parent_there(read: Read) -> None:
    Path("base.yaml").write_text(EXPERIMENT.replace("margin: 2", "margn: 2"))
    with pytest.raises(UserError) as failure:
        read("matrix: {training.batch: [8, 16, 32]}\n")
    said = str(failure.value)
    assert said.startswith("base.yaml:15:")
    assert said.count("unknown option") == 1
    assert "in variant" not in said


@pytest.mark.parametrize("size", [11, 40])
def test_a_product_without_end_is_refused_at_once(read: Read, size: int) -> None:
    axes = ", ".join(f"option{number}: [1, 2]" for number in range(size))
    with pytest.raises(UserError, match=f"{2**size:,} runs; a study has at most 1,000"):
        read(f"matrix: {{{axes}}}\n")
