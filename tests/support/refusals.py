"""What is said of data sets that cannot be had."""

from __future__ import annotations

import pytest
from support.tiny import tiny

from gankit import Dataset, UserError


def refusal(data: Dataset, resolution: int) -> str:
    """The one line that is said of a data set which cannot be loaded, by load and by validate alike."""
    with pytest.raises(UserError) as raised:
        data.load(resolution)
    said = str(raised.value)
    assert "\n" not in said
    assert said in [data.missing(tiny()), *data.problems(tiny())]
    return said
