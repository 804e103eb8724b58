"""Energy is what the machine counts, from beginning to end, or it is not told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.recorded import measured, recorded
from support.tiny import tiny

from gankit.cli import main
from gankit.core import energy
from gankit.core.energy import Counter, EnergyMeter, nvml_counters, rapl_counters
from gankit.results.run_results import read_run
from gankit.runs.start import begin

RANGE = 262_143_328_850
ZONES = {
    "intel-rapl:0": "package-0",
    "intel-rapl:0:0": "core",
    "intel-rapl:0:1": "dram",
    "intel-rapl:1": "package-1",
    "intel-rapl:2": "psys",
    "intel-rapl-mmio:0": "package-0",
}


@pytest.fixture
def counts(tmp_path: Path) -> Callable[[str, int], None]:
    """A folder as Linux shows it, powercap/ below the temporary one; sets a zone's counter in uJ."""

    def count(zone: str, value: int) -> None:
        (tmp_path / "powercap" / zone / "energy_uj").write_text(f"{value}\n")

    (tmp_path / "powercap" / "intel-rapl").mkdir(parents=True)  # the driver, which counts nothing itself
    for zone, name in ZONES.items():
        (tmp_path / "powercap" / zone).mkdir()
        (tmp_path / "powercap" / zone / "name").write_text(f"{name}\n")
        (tmp_path / "powercap" / zone / "max_energy_range_uj").write_text(f"{RANGE}\n")
        count(zone, 1_000_000)
    return count


def meter(folder: Path) -> EnergyMeter:
    return EnergyMeter(rapl_counters(folder / "powercap"), patience=60)


def test_processors_and_memory_are_counted_once(tmp_path: Path, counts: Callable[[str, int], None]) -> None:
    watched = meter(tmp_path)
    assert watched.joules() == {"cpu_joules": 0}
    for place, zone in enumerate(ZONES):
        counts(zone, 1_000_000 + 10**place * 1_000_000)
    assert watched.joules() == {"cpu_joules": pytest.approx(1 + 100 + 1000)}
    watched.close()


def test_a_counter_that_wraps_around_goes_on(tmp_path: Path, counts: Callable[[str, int], None]) -> None:
    counts("intel-rapl:0", RANGE - 1_999_999)
    watched = meter(tmp_path)
    counts("intel-rapl:0", 3_000_000)
    assert watched.joules() == {"cpu_joules": pytest.approx(5)}
    counts("intel-rapl:0", 4_000_000)
    assert watched.joules() == {"cpu_joules": pytest.approx(6)}
    watched.close()


def test_it_is_read_often_enough_to_see_each_time() -> None:
    values = iter([90, *[10, 90] * 50])
    watched = EnergyMeter([Counter("cpu_joules", lambda: next(values, 90), 99)], patience=0.001)
    for _ in range(1000):
        if watched.joules()["cpu_joules"] * 1e6 >= 50 * 100:
            break
    assert watched.joules()["cpu_joules"] * 1e6 == pytest.approx(50 * 100)
    watched.close()


def test_nothing_of_a_meter_runs_on_after_it() -> None:
    before = {*threading.enumerate()}
    for _ in range(100):
        EnergyMeter([Counter("cpu_joules", lambda: 0)]).close()
        assert not {*threading.enumerate()} - before


def test_what_cannot_be_read_takes_its_sum_with_it(tmp_path: Path, counts: Callable[[str, int], None]) -> None:
    watched = meter(tmp_path)
    (tmp_path / "powercap" / "intel-rapl:1" / "energy_uj").unlink()  # as for whoever is not root
    assert watched.joules() == {}
    counts("intel-rapl:1", 2_000_000)
    assert watched.joules() == {}, "a part was missed"
    assert meter(tmp_path / "absent").joules() == {}


def test_without_nvml_there_are_no_gpus() -> None:
    assert nvml_counters(["GPU-00000000-0000-0000-0000-000000000000"]) == []


@pytest.mark.costly
def test_a_run_records_it_and_a_comparison_shows_it(
    tmp_path: Path,
    counts: Callable[[str, int], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(energy.rapl_counters, "__defaults__", (tmp_path / "powercap",))
    loop = begin(tiny(evaluation={"metrics": ["fid"], "extractor": "digits", "images": 16}), tmp_path / "run")
    counts("intel-rapl:0", 3_500_000_000)
    loop.train()
    stages = [json.loads(line) for line in (tmp_path / "run/times.jsonl").read_text().splitlines() if '"stage"' in line]
    stages = [event for event in stages if event["event"] == "stage"]
    assert [event["images"] for event in stages] == [32, 64]
    assert sum(event["cpu_joules"] for event in stages) <= 3500
    assert "gpu_joules" not in stages[0]
    cost = read_run(tmp_path / "run").cost
    assert cost.joules == {"cpu_joules": pytest.approx(sum(event["cpu_joules"] for event in stages))}
    assert main(["compare", str(tmp_path / "run")]) == 0
    assert "CPU kJ" in capsys.readouterr().out


def stage(**facts: Any) -> tuple[str, dict[str, Any]]:
    return "stage", {"resolution": 4, "seconds": 10.0, "images_per_second": 100.0, **facts}


def test_tables_have_the_column_only_where_it_was_counted_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def cost(name: str, *times: Any) -> str:
        rows = measured(1000, 1, 4, fid=1.0)
        recorded(tmp_path / name, rows, [(4, 1000)], times, growth={"images": name})
        assert main(["compare", str(tmp_path)]) == 0
        return capsys.readouterr().out.partition("Cost of a run")[2].partition("What differs")[0]

    assert "kJ" not in cost("none", stage(images=1000))
    assert "kJ" not in cost("part", stage(images=400, cpu_joules=1000.0)), "resumed: the rest was not counted"
    shown = cost("whole", stage(images=1000, cpu_joules=2500.0, gpu_joules=12000.0))
    assert "2.500 12.00" in " ".join(shown.split())
    assert "as the machine counted them" in shown
