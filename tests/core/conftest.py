"""Fixtures of the tests of the core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.styled import styled_run
from support.toys import EXPERIMENT, only_toys

from gankit.config.experiment import Experiment
from gankit.config.loader import load_experiment
from gankit.core.errors import UserError


@pytest.fixture
def toys() -> Iterator[None]:
    """Only toy components are registered."""
    with only_toys():
        yield


@pytest.fixture
def load(toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Experiment]:
    """Loads the text of an experiment from `experiment.yaml` in the current folder, a fresh one."""
    monkeypatch.chdir(tmp_path)

    def load(text: str = EXPERIMENT, *settings: str) -> Experiment:
        Path("experiment.yaml").write_text(text)
        return load_experiment(Path("experiment.yaml"), settings)

    return load


@pytest.fixture
def mistakes(load: Callable[..., Experiment]) -> Callable[..., list[str]]:
    """What is wrong with an experiment: each mistake with its source line and caret."""

    def mistakes(text: str = EXPERIMENT, *settings: str) -> list[str]:
        with pytest.raises(UserError) as caught:
            load(text, *settings)
        found = str(caught.value).split("\n\n")
        return found[:-1] if len(found) > 1 else found

    return mistakes


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a generator with styles and noise, grown from 4x4 to 16x16; not to be changed."""
    return styled_run(tmp_path_factory.mktemp("grown") / "styled")
