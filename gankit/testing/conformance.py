"""Holds the components of a plugin to the rules of their kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable

from gankit.errors import UserError
from gankit.plugins import plugins
from gankit.registry import Entry, provided_by
from gankit.testing.rules import RULES, Broken, Rule, Trial

Options = Mapping[str, Mapping[str, Any]]


def conformance(module: str, options: Options | None = None) -> Callable[..., None]:
    """A test for pytest that holds each component of a plugin to each rule of its kind.

    All that a plugin's tests need::

        from gankit.testing import conformance

        test_conformance = conformance("gankit_mine")

    Options are drawn by hypothesis, the same ones every time. A component that needs data or weights which this machine
    lacks is skipped where it needs them.

    Args:
        module: The plugin's module, or the path of a plugin that is one file.
        options: Options that are not to be drawn, by the component's name: {"mine": {"path": "weights.pt"}} or, where
            several kinds have a component of that name, {"loss/mine": {...}}.

    Raises:
        UserError: if the plugin cannot be loaded, or `options` names a component that it does not have.
    """
    plugin = plugins.load_file(Path(module)) if module.endswith(".py") else plugins.load_module(module)
    entries = provided_by(plugin)
    fixed = _fixed(entries, options or {})
    trials = [
        pytest.param(entry, rule, id=f"{entry.component.kind}/{entry.name}:{rule.name}")
        for entry in entries
        for rule in RULES
        if rule.concerns(entry.component)
    ]

    @pytest.mark.parametrize(("entry", "rule"), trials)
    def test_conformance(entry: Entry, rule: Rule) -> None:
        __tracebackhide__ = _is_authors
        broken = None
        try:
            check(entry, rule, fixed[entry])
        except (Broken, UserError) as failure:
            broken = str(failure)
        if broken:  # outside, so that it is not told twice
            pytest.fail(broken, pytrace=False)

    return test_conformance


def check(entry: Entry, rule: Rule, fixed: Mapping[str, Any] | None = None) -> None:
    """Hold one component to one rule.

    Raises:
        Broken: if it breaks the rule, with the options that it had.
        Exception: what the component itself raises, with a note that says the same.
    """
    __tracebackhide__ = True  # authors want to see their own code
    about = f"{entry.component.kind} {entry.full_name}, rule {rule.name!r} ({rule.says.rstrip('.')})"

    @settings(
        max_examples=rule.examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(st.data())
    def held(data: st.DataObject) -> None:
        trial = Trial(entry, fixed or {}, data)
        try:
            rule.check(trial)
        except Exception as failure:
            failures.append((failure, _options_of(trial)))
            raise

    failures: list[tuple[Exception, str]] = []
    try:
        held()
    except Unsatisfiable:
        raise Broken(
            f"{about}: could not be tried, as it refused all options and places that were drawn; give it some that it "
            f"takes: conformance(..., options={{{entry.name!r}: {{...}}}})"
        ) from None
    except Exception:
        if not failures:
            raise
        failure, with_options = failures[0]  # which a component that is not the same every time may not repeat
        if isinstance(failure, Broken):
            raise Broken(f"{about}: {failure}{with_options}") from None
        failure.add_note(f"while trying {about}{with_options}")
        raise failure.with_traceback(_without_kit(failure.__traceback__)) from None


def _is_authors(failure: pytest.ExceptionInfo[BaseException]) -> bool:
    """Whether something was raised by the component rather than found by a rule."""
    return not isinstance(failure.value, pytest.fail.Exception)


def _without_kit(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback from the first frame on that is neither of this kit nor of hypothesis; whole if there is none."""
    kit = (str(Path(__file__).parent), str(Path(hypothesis.__file__).parent))
    step = traceback
    while step is not None and step.tb_frame.f_code.co_filename.startswith(kit):
        step = step.tb_next
    return step or traceback


def _options_of(trial: Trial[Any]) -> str:
    """The options that the component of a trial had, if it was made."""
    component = vars(trial).get("component")
    return "" if component is None else f"; with options {component.model_dump(mode='json')}"


def _fixed(entries: list[Entry], options: Options) -> dict[Entry, Mapping[str, Any]]:
    """The options of each component that are not drawn."""
    names = {name for entry in entries for name in (entry.name, f"{entry.component.kind}/{entry.name}")}
    for name in options:
        if name not in names:
            raise UserError(f"options: the plugin has no component {name!r}; it has: {', '.join(sorted(names))}")
    return {
        entry: {**options.get(entry.name, {}), **options.get(f"{entry.component.kind}/{entry.name}", {})}
        for entry in entries
    }
