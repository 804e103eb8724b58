"""What holds for every component and every experiment that comes with gankit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gankit.config.explain import explain
from gankit.config.loader import load_experiment
from gankit.config.study import Study
from gankit.config.study_loader import load_study
from gankit.config.walk import components
from gankit.config.yaml.marks import Mistake
from gankit.config.yaml.writer import dump_experiment
from gankit.core.errors import UserError
from gankit.core.registry import RegistryEntry, registries
from gankit.discovery.manager import plugins

ENTRIES = [entry for registry in registries.values() for entry in registry.entries()]
FILES = sorted((Path(__file__).parents[2] / "experiments").rglob("*.yaml"))
STUDIES = [file for file in FILES if file.parent.name == "studies"]
EXPERIMENTS = [file for file in FILES if file not in STUDIES]


def ids(entry: RegistryEntry) -> str:
    return f"{entry.component.kind}-{entry.full_name}"


def test_every_plugin_loads_and_imports_nothing_heavy() -> None:
    assert plugins.broken == {}
    code = """
import sys
from gankit.discovery.manager import plugins
plugins.load_installed()
heavy = ("torch", "torchvision", "torch_fidelity", "aim", "sklearn", "datasets", "lmdb", "ray", "submitit")
sys.exit(any(name in sys.modules for name in heavy))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("entry", ENTRIES, ids=ids)
def test_every_component_is_found_by_its_short_name(entry: RegistryEntry) -> None:
    assert registries[entry.component.kind].find(entry.name) is entry
    assert entry.full_name in explain(f"{entry.component.kind}/{entry.full_name}")


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_every_experiment_loads_and_survives_being_saved(file: Path, tmp_path: Path) -> None:
    experiment = load_experiment(file, check=False)
    saved = tmp_path / "saved.yaml"
    saved.write_text(dump_experiment(experiment))
    assert load_experiment(saved, check=False) == experiment
    for _, component in components(experiment):
        full_name = registries[component.kind].entry_of(type(component)).full_name
        if full_name != "basics/blend":  # the default of an option that came later, which is not written
            assert f"use: {full_name}" in saved.read_text()


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_every_experiment_is_valid_wherever_its_data_are(file: Path) -> None:
    without_network = ["evaluation.extractor=digits"]
    lacking: list[Mistake] = []
    load_experiment(file, without_network, note=lacking.append)
    assert all(note.path == ("data",) for note in lacking)


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_every_study_is_valid_and_its_runs_survive_being_saved(file: Path, tmp_path: Path) -> None:
    study = load_study(file, ["evaluation.extractor=digits"], note=lambda _: None)
    assert isinstance(study, Study)
    assert study.name == file.stem
    assert len(study.runs) > len(study.variants) > 1
    saved = tmp_path / "saved.yaml"
    for run in study.runs:
        saved.write_text(dump_experiment(run.experiment))
        assert load_experiment(saved, check=False) == run.experiment


def test_the_quick_start_is_valid_and_a_bad_combination_is_not() -> None:
    quickstart = next(file for file in EXPERIMENTS if file.stem == "quickstart")
    load_experiment(quickstart)
    with pytest.raises(UserError, match=r"discriminator.norm mixes the samples of a"):
        load_experiment(quickstart, ["regularizers=[gradient-penalty]", "discriminator.norm=batch"])
    with pytest.raises(UserError, match="power of two"):
        load_experiment(quickstart, ["growth.final=12"])
    with pytest.raises(UserError, match=r"training.batch: gives no value for resolution 4: its first is 8"):
        load_experiment(quickstart, ["training.batch={8: 16}"])
