"""Each rule of conformance catches a component that breaks it, and nothing else does.

Every file in wrong/ is a plugin of one file; each of its components is a mistake that an author might make, registered
under the name of the rule that it breaks (".2" and so on tells several of one rule apart).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest
from support.slow import slow_but

from gankit.core.component import Component
from gankit.core.registry import RegistryEntry, provided_by
from gankit.data.images import RealImages
from gankit.discovery.manager import plugins
from gankit.kinds import Dataset
from gankit.testing import RULES, check, images
from gankit.testing.rules import Rule

OTHERS = 4
"""Trials of the rules that a wrong component is not to break, to save time; one of those that have fewer."""
WRONG = sorted((Path(__file__).parent / "wrong").glob("*.py"))


def wrong_components(file: Path) -> list[RegistryEntry]:
    return provided_by(plugins.load_file(file))


def broken_rule(entry: RegistryEntry) -> str:
    return entry.name.partition(".")[0]


def breaks(entry: RegistryEntry, rule: Rule) -> bool:
    """Whether a component fails when it is held to a rule, with whatever it may raise."""
    try:
        check(entry, rule)
    except Exception:
        return True
    return False


def rules_of(entry: RegistryEntry) -> list[Rule]:
    return [rule for rule in RULES if rule.concerns(entry.component)]


@pytest.mark.parametrize(
    "file", slow_but([file for file in WRONG if file.stem != "observer"], WRONG), ids=lambda file: file.stem
)
def test_a_wrong_component_breaks_its_rule(file: Path) -> None:
    with plugins.restored():
        for entry in wrong_components(file):
            (rule,) = [rule for rule in rules_of(entry) if rule.name == broken_rule(entry)]
            assert breaks(entry, rule), f"{entry.name} of {file.name} is not caught"


def test_a_machine_that_is_busy_is_not_taken_for_a_data_set_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = images._loaded

    def waiting(data: Dataset, resolution: int) -> RealImages:
        sleep(images.PATIENCE)
        return loaded(data, resolution)

    monkeypatch.setattr(images, "_loaded", waiting)
    with plugins.restored():
        entries = wrong_components(Path(__file__).parent / "wrong" / "dataset.py")
        (one_size,) = [entry for entry in entries if entry.component.__name__ == "OneSize"]
        (rule,) = [rule for rule in rules_of(one_size) if rule.name == broken_rule(one_size)]
        assert breaks(one_size, replace(rule, examples=1))


@pytest.mark.slow
@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_it_breaks_no_other_but_those_implied(file: Path) -> None:
    implied = {rule.name: rule.implied for rule in RULES}
    with plugins.restored():
        for entry in wrong_components(file):
            name = broken_rule(entry)
            others = [rule for rule in rules_of(entry) if rule.name not in {name} | implied[name]]
            few = [replace(rule, examples=OTHERS if rule.examples >= OTHERS else 1) for rule in others]
            broken = {rule.name for rule in few if breaks(entry, rule)}
            assert not broken, f"{entry.name} of {file.name} breaks {broken}"


def test_every_rule_has_a_wrong_component_of_each_kind_that_it_concerns() -> None:
    tried: defaultdict[str, set[str]] = defaultdict(set)
    with plugins.restored():
        for file in WRONG:
            for entry in wrong_components(file):
                tried[broken_rule(entry)].add(entry.component.kind)
    for rule in RULES:
        kinds = {kind.kind for kind in rule.kinds if kind is not Component}
        assert kinds <= tried[rule.name], f"no wrong component shows that {rule.name!r} works for {kinds}"
        assert tried[rule.name], f"no wrong component shows that {rule.name!r} works"


def test_what_a_rule_implies_is_a_rule() -> None:
    names = {rule.name for rule in RULES}
    assert all(rule.implied <= names for rule in RULES)
    assert all(rule.says.endswith(".") for rule in RULES), "a rule is one sentence"
