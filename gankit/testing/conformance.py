"""Holds the components of a plugin to the rules of their kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable, UnsatisfiedAssumption

from gankit.core.errors import ContractError, UserError
from gankit.core.registry import RegistryEntry, provided_by
from gankit.core.renamed import hint
from gankit.core.tracebacks import of_plugins
from gankit.discovery.manager import plugins
from gankit.testing.rules import RULES, Broken, Rule, Trial
from gankit.testing.strategies import ends_of

ByName = Mapping[str, Mapping[str, Any]]
"""Something of components, by their names."""
FEW, MANY = 4, 10
"""Rules with fewer trials take long and try no ends of options; those with many can have more for them."""


def conformance(module: str, options: ByName | None = None, waive: ByName | None = None) -> Callable[..., None]:
    """A test for pytest that holds each component of a plugin to each rule of its kind.

    All that a plugin's tests need::

        from gankit.testing import conformance

        test_conformance = conformance("gankit_mine")

    Options are drawn by hypothesis, the same ones every time, and then each is tried at the ends that it declares: as
    often as the rule asks for, in proportion to the `max_examples` of hypothesis' profile, by default 100. A component
    that needs data or weights which this machine lacks is skipped where it needs them.

    Args:
        module: The plugin's module, or the path of a plugin that is one file.
        options: Options that are not to be drawn, by the component's name: {"mine": {"path": "weights.pt"}} or, where
            several kinds have a component of that name, {"loss/mine": {...}}.
        waive: Rules that a component breaks with good reason, by its name, each with that reason, which pytest shows
            as why it was skipped: {"mine": {"patches-count-alike": "patches are features of one score here"}}. A waived
            rule that the component does not break fails, so that none outlives its reason.

    Raises:
        UserError: if the plugin cannot be loaded, `options` or `waive` names a component that it does not have, or
            `waive` a rule that is none of the component's.
    """
    plugin = plugins.load_file(Path(module)) if module.endswith(".py") else plugins.load_module(module)
    entries = provided_by(plugin)
    fixed, waived = _of_each("options", options or {}, entries), _of_each("waive", waive or {}, entries)
    rules = {entry: [rule for rule in RULES if rule.concerns(entry.component)] for entry in entries}
    for entry in entries:
        if others := waived[entry].keys() - (known := {rule.name for rule in rules[entry]}):
            raise UserError(
                f"waive: {entry.component.kind} {entry.name} is held to no rule {', '.join(sorted(others))}; those of "
                f"its kind: {', '.join(sorted(known))}"
            )
    trials = [
        pytest.param(entry, rule, id=f"{entry.component.kind}/{entry.name}:{rule.name}")
        for entry in entries
        for rule in rules[entry]
    ]

    @pytest.mark.parametrize(("entry", "rule"), trials)
    def test_conformance(entry: RegistryEntry, rule: Rule) -> None:
        __tracebackhide__ = lambda failure: not isinstance(failure.value, pytest.fail.Exception)  # noqa: E731
        reason, broken = waived[entry].get(rule.name), None
        try:
            check(entry, rule, fixed[entry])
            if reason is not None:
                broken = f"{entry.component.kind} {entry.full_name} does not break the waived rule {rule.name!r}"
        except Exception as failure:
            if reason is not None:
                pytest.skip(f"waived: {reason}")
            if not isinstance(failure, Broken | UserError):
                raise
            broken = str(failure)
        if broken:  # outside, so that it is not told twice
            pytest.fail(broken, pytrace=False)

    return test_conformance


def check(entry: RegistryEntry, rule: Rule, fixed: Mapping[str, Any] | None = None) -> None:
    """Hold one component to one rule, with options that are drawn and then at the ends of each.

    Raises:
        Broken: if it breaks the rule, with the options that it had.
        Exception: what the component itself raises, with a note that says the same.
    """
    __tracebackhide__ = True  # authors want to see their own code
    about = f"{entry.component.kind} {entry.full_name}, rule {rule.name!r} ({rule.says.rstrip('.')})"
    examples = max(min(2, rule.examples), rule.examples * settings().max_examples // 100)
    ends = ends_of(entry, fixed or {}) if rule.examples >= FEW else []
    ends = ends[: examples if rule.examples >= MANY else examples // 2]
    drawn = examples if rule.examples >= MANY else examples - len(ends)
    ended = [_tried(about, rule, partial(Trial, entry, fixed or {}), drawn)]
    for options in ends:
        with suppress(pytest.skip.Exception):  # of what this machine lacks for one choice
            ended.append(_tried(about, rule, partial(Trial, entry, fixed or {}, options=options), 1))
    if None not in ended:
        said = f" (at last with: {ended[0]})" if ended[0] else ""
        raise Broken(
            f"{about}: could not be tried, as it refused all options and places that were drawn{said}; give it some "
            f"that it takes: conformance(..., options={{{entry.name!r}: {{...}}}})"
        )


def _tried(about: str, rule: Rule, trial_of: Callable[[st.DataObject], Trial[Any]], examples: int) -> str | None:
    """Hold to a rule as many trials as there are examples; None, or what the component said when it refused the last.

    Raises:
        Exception: as `check` does.
    """
    __tracebackhide__ = True

    def held(data: st.DataObject) -> None:
        trial = trial_of(data)
        try:
            rule.check(trial)
        except UnsatisfiedAssumption:
            refusals.append(trial.refused)
            raise
        except Exception as failure:
            made = vars(trial).get("component")
            with_options = "" if made is None else f"; with options {made.model_dump(mode='json')}"
            place = f" at {trial.place}" if trial.place and trial.place not in str(failure) else ""
            failures.append((failure, place, with_options))
            raise

    failures: list[tuple[Exception, str, str]] = []
    refusals = [""]
    try:
        _drawn(examples)(held)
    except Unsatisfiable:
        return " ".join(refusals[-1].split())
    except Exception:
        if not failures:
            raise
        failure, place, with_options = failures[0]  # which a component that is not the same every time may not repeat
        if isinstance(failure, ContractError):
            raise Broken(f"{about}: {failure}{place}{with_options}") from None
        failure.add_note(f"while trying {about}{place}{with_options}{hint(failure)}")
        raise failure.with_traceback(_in_short(failure.__traceback__)) from None
    return None


@cache
def _drawn(examples: int) -> Callable[[Callable[[st.DataObject], None]], None]:
    """Calls a function with as many drawings as there are examples; made once, for hypothesis reads its source then."""

    @seed(0)  # rather than `derandomize`, which draws otherwise whenever this code changes
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(data=st.data())
    def draw(held: Callable[[st.DataObject], None], data: st.DataObject) -> None:
        held(data)

    return draw


def _in_short(traceback: TracebackType | None) -> TracebackType | None:
    """The component's own steps in a traceback from where it is called; if there are none, the last: a layer's."""
    kit = (str(Path(__file__).parent), str(Path(hypothesis.__file__).parent))
    step = last = traceback
    while step is not None and step.tb_frame.f_code.co_filename.startswith(kit):
        step = step.tb_next
    own = of_plugins(step)
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return own or last


def _of_each(argument: str, given: ByName, entries: list[RegistryEntry]) -> dict[RegistryEntry, Mapping[str, Any]]:
    """What an argument gives each component."""
    names = {name for entry in entries for name in (entry.name, f"{entry.component.kind}/{entry.name}")}
    for name in given:
        if name not in names:
            raise UserError(f"{argument}: the plugin has no component {name!r}; it has: {', '.join(sorted(names))}")
    return {
        entry: {**given.get(entry.name, {}), **given.get(f"{entry.component.kind}/{entry.name}", {})}
        for entry in entries
    }
