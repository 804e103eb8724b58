"""Names of variants are safe and tell apart what differs, whatever differs."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gankit.config.experiment import NAME
from gankit.config.study_plan import label, short_names, variant_name

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False) | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
paths = st.from_regex(r"[a-z]{1,3}(\.[a-z]{1,3}|\.[0-9]){0,4}", fullmatch=True)


@given(st.dictionaries(paths, plain, max_size=8))
def test_every_name_is_safe_as_the_name_of_a_folder(changes: dict[str, Any]) -> None:
    name = variant_name(changes)
    assert re.fullmatch(NAME, name)
    assert len(name.encode()) <= 150


@given(st.lists(paths, max_size=8, unique=True))
def test_no_two_options_have_the_same_short_name(options: list[str]) -> None:
    names = short_names(options)
    assert len(set(names.values())) == len(options)
    assert all(option.endswith(name) for option, name in names.items())


words = st.from_regex(r"[a-z]{1,80}", fullmatch=True).filter(lambda word: word not in ("none", "inf"))


@given(st.lists(st.integers() | words | st.floats(0, 1), unique=True))
def test_values_that_differ_have_labels_that_differ(values: list[Any]) -> None:
    assert len({label(value) for value in values}) == len(values)


def test_a_position_in_a_list_says_little_without_the_list() -> None:
    assert short_names(["regularizers.0", "loss.margin"]) == {
        "regularizers.0": "regularizers.0",
        "loss.margin": "margin",
    }


def test_labels_read_like_what_they_stand_for() -> None:
    assert label("non-saturating") == "non-saturating"
    assert label({"use": "adam", "lr": 0.001, "betas": [0, 0.9]}) == "adam+lr-0.001+betas-0+0.9"
    assert label([]) == "none"
    assert label({4: 64, 8: 32}) == "4-64+8-32"
    assert label(["equalized", "pixel"]) == "equalized+pixel"
