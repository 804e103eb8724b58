"""From places to runs: folders at any height, files, links, and the order of a study."""

from __future__ import annotations

from pathlib import Path

import pytest

from gankit import UserError
from gankit.results.finder import find_runs


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(*names: str) -> list[Path]:
    folders = [Path(name) for name in names]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "experiment.yaml").write_text("name: tiny\n")
    return folders


def test_runs_are_found_at_any_height_each_once_and_counted_as_people_count() -> None:
    made("runs/b/seed-10", "runs/b/seed-2", "runs/a", "runs/.hidden/c", "runs/a/samples/not-a-run")
    assert find_runs([Path("runs/b"), Path("runs"), Path("runs/a")]) == [
        Path("runs/b/seed-2"),
        Path("runs/b/seed-10"),
        Path("runs/a"),
    ]


STUDY = """\
name: losses
matrix: {loss: [second, first], seed: [0, 1]}
variants: {a-last: {}}
launcher: not-installed
"""


def test_those_of_a_study_stand_in_the_order_of_its_file() -> None:
    made(*(f"runs/losses/{name}/seed-{seed}" for name in ("a-last", "loss=first", "loss=second") for seed in (1, 0)))
    Path("runs/losses/study.yaml").write_text(STUDY)
    found = [f"{path.parent.name}/{path.name}" for path in find_runs([Path("runs")])]
    assert found == [f"{name}/seed-{seed}" for name in ("loss=second", "loss=first", "a-last") for seed in (0, 1)]


@pytest.mark.parametrize(
    "text",
    ["", "name: tiny", "exclude: [1]", "matrix: [1]", "matrix: {loss: 3}", "variants: {a: [1]}\nexclude: 3", "{"],
)
def test_a_study_file_that_cannot_be_read_hides_no_run(text: str) -> None:
    made("runs/losses/b/seed-0", "runs/losses/a/seed-0")
    Path("runs/losses/study.yaml").write_text(text)
    assert [path.parent.name for path in find_runs([Path("runs")])] == ["a", "b"]


def test_a_file_means_the_folder_that_it_is_run_in() -> None:
    made("runs/losses/a/seed-0", "runs/other")
    Path("mine.yaml").write_text(STUDY)
    Path("other.yaml").write_text("name: other\n")
    assert find_runs([Path("mine.yaml")]) == [Path("runs/losses/a/seed-0")]
    assert find_runs([Path("other.yaml")]) == [Path("runs/other")]


def test_links_are_followed_and_circles_are_not() -> None:
    made("elsewhere/run")
    Path("runs").mkdir()
    Path("runs/linked").symlink_to(Path("elsewhere").resolve())
    Path("runs/again").symlink_to(Path("runs").resolve())
    assert find_runs([Path("runs")]) == [Path("runs/linked/run")]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("rusn", "rusn: there is no such folder or file. Did you mean 'runs'?"),
        ("runs", "runs: there is no run in runs"),
        ("mine.yaml", "mine.yaml: there is no run in runs/losses"),
        ("new.yaml", "new.yaml: there is no run in runs/new"),
        ("empty.yaml", "empty.yaml: is empty"),
    ],
)
def test_what_holds_no_run_is_refused(place: str, said: str) -> None:
    Path("runs/losses").mkdir(parents=True)
    Path("mine.yaml").write_text(STUDY)
    Path("new.yaml").write_text("matrix: {seed: [0]}\n")
    Path("empty.yaml").write_text("")
    with pytest.raises(UserError) as failure:
        find_runs([Path(place)])
    assert said in str(failure.value)
