"""Variants of studies that are experiments in files of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.lift import PLUGIN
from support.toys import EXPERIMENT, only_toys

from gankit import UserError
from gankit.config.evaluation import EvaluationOptions
from gankit.config.study import Study
from gankit.config.study_loader import load_study, variant_names
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.writer import dump

PUSHING = EXPERIMENT.replace("{use: tug, margin: 2}", "push").replace("name: toy", "name: pushing\nseed: 8")


@pytest.fixture(autouse=True)
def folder(toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with experiments `systems/tugging.yaml` and `systems/pushing.yaml`, of two losses."""
    monkeypatch.chdir(tmp_path)
    write("systems/tugging.yaml", EXPERIMENT)
    write("systems/pushing.yaml", PUSHING)
    return tmp_path


def write(file: str, text: str) -> None:
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text(text)


def study(text: str, *settings: str, file: str = "systems.yaml") -> Study:
    """The study of that text, written to `file`."""
    write(file, text)
    return the_study(file, *settings)


def the_study(file: str, *settings: str) -> Study:
    read = load_study(Path(file), settings)
    assert isinstance(read, Study)
    return read


def losses(read: Study) -> dict[str, str]:
    return {variant.name: type(variant.experiment.loss).__name__ for variant in read.variants}


BOTH = "variants:\n  tugging: {extends: systems/tugging.yaml}\n  pushing: {extends: systems/pushing.yaml}\n"


def test_a_variant_may_be_a_whole_experiment() -> None:
    read = study(f"{BOTH}matrix: {{seed: [1, 2]}}\n")
    assert losses(read) == {"tugging": "Tug", "pushing": "Push"}
    assert [run.name for run in read.runs] == [f"{v}/seed-{s}" for v in ("tugging", "pushing") for s in (1, 2)]
    pushing = read.runs[-1].experiment
    assert (pushing.name, pushing.variant, pushing.seed) == ("systems", "pushing", 2)


def test_the_study_is_written_over_its_file_and_its_changes_over_both() -> None:
    batch = {"a": "{extends: systems/tugging.yaml}", "b": "{extends: systems/tugging.yaml, training.batch: 2}"}
    text = f"training: {{batch: 4}}\nloss: {{margin: 5}}\nvariants: {{a: {batch['a']}, b: {batch['b']}}}\n"
    a, b = (variant.experiment for variant in study(text).variants)
    assert (a.training.batch, b.training.batch) == ({0: 4}, {0: 2})
    assert a.loss.model_dump() == {"margin": 5}  # merged as `extends` merges
    a, b = (variant.experiment for variant in study(text, "training.batch=16").variants)
    assert (a.training.batch, b.training.batch) == ({0: 16}, {0: 2})


def test_files_are_found_beside_the_one_that_names_them() -> None:
    study("variants: {one: {extends: pushing.yaml}}\n", file="systems/study.yaml")
    read = study("extends: systems/study.yaml\nvariants: {two: {extends: systems/tugging.yaml}}\n")
    assert losses(read) == {"one": "Push", "two": "Tug"}
    read = study("extends: systems/study.yaml\nvariants: {one: {extends: systems/tugging.yaml}}\n")
    assert losses(read) == {"one": "Tug"}, "a file takes the place of the other"
    assert losses(study(BOTH, "variants.pushing.extends=systems/tugging.yaml"))["pushing"] == "Tug"


def test_each_of_several_files_is_written_over_the_one_before() -> None:
    write("near.yaml", "loss: {use: tug, margin: 1}\n")
    read = study("variants: {near: {extends: [systems/pushing.yaml, near.yaml]}}\n")
    assert read.variants[0].experiment.loss.model_dump() == {"margin": 1}
    assert losses(read) == {"near": "Tug"}


def test_the_record_needs_none_of_the_files_and_all_plugins_are_the_studys(folder: Path) -> None:
    for file in ("own.py", "systems/theirs.py"):
        write(file, PLUGIN)
    write("systems/pushing.yaml", f"{PUSHING.replace('push', 'theirs/lift')}plugins: [theirs.py]\n")
    with only_toys():
        read = study(f"plugins: [own.py]\n{BOTH}")
        for variant in read.variants:
            assert variant.experiment.plugins == [folder / "own.py", folder / "systems/theirs.py"]
        write("elsewhere/study.yaml", dump(plain_value(read.root)))
    for file in folder.glob("systems/*.yaml"):
        file.unlink()
    with only_toys():
        again = load_study(Path("elsewhere/study.yaml"))
        assert isinstance(again, Study)
        assert losses(again) == {"tugging": "Tug", "pushing": "Lift"}
        assert again.runs[0] == read.runs[0]
        assert variant_names(Path("elsewhere/study.yaml")) == ["tugging", "pushing"]


def test_a_record_may_be_larger_than_a_file_and_a_study_that_it_cannot_hold_is_refused() -> None:
    many = f"regularizers: [{', '.join(['leash'] * 2_900)}]\n"  # nearly all that may stand in a file
    write("systems/large.yaml", f"extends: tugging.yaml\n{many}")
    lines = [f"  v{number}: {{extends: systems/large.yaml}}\n" for number in range(17)]
    with pytest.raises(UserError, match=r"^systems\.yaml: with all .* comes to 51,\d+ names and values; a study has"):
        study(f"variants:\n{''.join(lines)}")
    long = "".join(f"  v{number}: {{extends: systems/long.yaml}}\n" for number in range(18))
    write("systems/long.yaml", f"extends: tugging.yaml\ndata: {{use: noise, path: {'x' * 60_000}}}\n")
    with pytest.raises(UserError, match=r"it comes to 1,\d+ KiB; a study has at most 1,024"):
        study(f"variants:\n{long}")
    two = study(f"regularizers: leash\nvariants:\n{''.join(lines[:2])}")
    write("elsewhere/study.yaml", dump(plain_value(two.root)))
    assert the_study("elsewhere/study.yaml").runs == two.runs
    assert variant_names(Path("elsewhere/study.yaml")) == ["v0", "v1"]
    Path("elsewhere/study.yaml").rename("elsewhere/other.yaml")
    with pytest.raises(UserError, match="is larger than 64 KiB"):
        load_study(Path("elsewhere/other.yaml"))


def test_old_words_are_read_in_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    read = study(BOTH)
    (record := Path("runs/study.yaml")).parent.joinpath("tugging/seed-0").mkdir(parents=True)
    record.write_text(dump(plain_value(read.root)).replace("images: 100", "pictures: 100"))
    with pytest.raises(UserError, match=r"pictures: unknown option"):
        load_study(record)
    monkeypatch.setattr(EvaluationOptions, "renamed_options", {"pictures": "images"})
    assert the_study("runs/study.yaml").runs[0].experiment.evaluation.images == 100


def test_a_setting_of_one_item_of_a_list_in_a_file_is_refused() -> None:
    message = r"--set regularizers.1.weight=4: regularizers: systems/tugging.yaml:\d+:\d+ has a list here; a setting of"
    with pytest.raises(UserError, match=message):
        study(BOTH, "regularizers.1.weight=4")
    table = study(f"{BOTH}generator: {{norm: {{4: level, 16: []}}}}\n").variants[0].experiment
    assert {first: len(norms) for first, norms in table.generator.norm.items()} == {4: 1, 16: 0}, "the file may say so"
    by_resolution = study(BOTH, "generator.channels.16=8")
    assert by_resolution.variants[0].experiment.generator.channels == {4: 64, 16: 8}


def test_null_takes_back_the_file() -> None:
    study(f"extends: systems/pushing.yaml\n{BOTH}", file="former.yaml")
    read = study("extends: former.yaml\nvariants: {tugging: {extends: null}}\n")
    assert losses(read) == {"tugging": "Push", "pushing": "Push"}


def test_null_takes_back_what_an_extended_file_says_of_a_study() -> None:
    study(f"extends: systems/pushing.yaml\n{BOTH}", file="former.yaml")
    write("freed.yaml", "extends: former.yaml\nvariants: null\n")
    assert losses(study("variants: {freed: {extends: freed.yaml}}\n")) == {"freed": "Push"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variants: {a: {extends: b.yaml}}\n", "systems.yaml:1:25: extends: b.yaml: no such file"),
        ("variants: {a: {extends: 3}}\n", "systems.yaml:1:25: extends: expected the name of a file, or a"),
        ("variants: {a: {extends: systems.yaml}}\n", "systems.yaml:1:1: variants: is said of a study, and a variant"),
        ("variants: {a: {extends: {loss: tug}}}\n", "systems.yaml:1:25: extends: expected the name of a file, or"),
        ("variants: {a: {extends.loss: tug}}\n", "variants.a.extends.loss: files are extended by variants with names"),
        ("variants: {a: {extends: far.yaml, plugins: [own.py]}}\n", "variants.a.plugins: are those of the study"),
        ("variants: {a: {extends: word.yaml}}\n", "word.yaml:2:10: plugins: expected a list of files, not a"),
        ("variants: {a: {extends: [systems/tugging.yaml, whole.yaml]}}\n", "whole.yaml:1:1: 5: unknown option"),
        (f"{BOTH}  c: {{extends: far.yaml}}\n", "far.yaml:2:8: loss.margn: unknown option. Did you mean 'margin'? (in"),
        ("variants: {a: {extends: many.yaml}}\n", "many.yaml:1:1: matrix: is said of a study, and a variant extends"),
        ("matrix: {extends: [far.yaml]}\n", "matrix.extends: files are extended by variants with names, as in"),
        (f"{BOTH}plugins: own.py\n", "systems.yaml:4:10: plugins: expected a list"),
        ("variants: {a: {extends: own.yaml}}\n", "own.yaml:1:11: plugins.0: "),
    ],
)  # fmt: skip
def test_mistakes_are_shown_where_they_stand(text: str, message: str) -> None:
    write("far.yaml", "extends: systems/tugging.yaml\nloss: {margn: 3}\n")
    write("many.yaml", "matrix: {loss: [tug]}\n")
    write("word.yaml", "extends: systems/tugging.yaml\nplugins: own.py\n")
    write("whole.yaml", "5: 3\n")
    write("own.yaml", "plugins: [none.py]\n")
    with pytest.raises(UserError) as failure:
        study(text)
    assert message in str(failure.value)
