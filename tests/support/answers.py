"""What commands say to programs, held to the schemas that they print."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jsonschema import Draft202012Validator

from gankit.cli.json_output import answer_schema


def check(said: Iterable[Any], answers: Any) -> None:
    """Fail if anything that was said is not as the schema of this type of answers says."""
    schema = answer_schema(answers)
    Draft202012Validator.check_schema(schema)
    for answer in said:
        Draft202012Validator(schema).validate(answer)
