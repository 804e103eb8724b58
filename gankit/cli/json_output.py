"""What commands say to programs: with --json, objects on standard output, and nothing else there.

A command says its result by `arguments.answer(...)`, and whatever ends it early is said here, as an object too. Both
are on standard output: on standard error libraries warn as they like, and a program would have to tell what is whose.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

from gankit.cli.exit_codes import EXIT_CODES, exit_code_of
from gankit.core.errors import Interrupted, UserError

if TYPE_CHECKING:
    from gankit.cli.answers.base import Answer, FailureLine


class Misused(SystemExit):
    """The command line cannot be read, which has been said to people."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(2)
        self.message = message
        self.hint: str | None = getattr(hint, "name", None)


def add_json_options(parser: argparse.ArgumentParser, answers: Callable[[], Any]) -> None:
    """Add `json`, and an option that prints the schema of what is said with it, made of the type that `answers` gives.

    Commands of plugins call it, too; those that have a `--json` of their own keep it.
    """
    if "--json" in parser._option_string_actions:
        return
    text = "print JSON on standard output, and nothing else there; what is said to people goes to standard error"
    parser.add_argument("--json", action="store_true", help=text)
    text = "print the JSON Schema of what --json prints, and exit"
    parser.add_argument("--json-schema", action=_PrintSchema, nargs=0, default=argparse.SUPPRESS, help=text)
    parser.set_defaults(answers=answers)


class _PrintSchema(argparse.Action):
    """Prints a schema, whatever else is asked for or lacks, as --help does."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: object, values: object, option_string: str | None = None
    ) -> None:
        print(json.dumps(answer_schema(parser.get_default("answers")()), indent=2))
        parser.exit()


def answer_schema(answers: Any) -> dict[str, Any]:
    """The JSON Schema of what a command prints with --json: answers of a type, or why there is none."""
    from pydantic import TypeAdapter

    from gankit.cli.answers.base import FailureLine

    said: Any = answers | FailureLine
    schema = TypeAdapter(said).json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@contextmanager
def speaking_json(typed: Sequence[str]) -> Iterator[Callable[[Answer], None]]:
    """What a command says its result by, which is printed if it was `typed` with --json.

    Then all else that is printed within goes to standard error, and the failure that ends it is printed as well.
    """
    if "--json" not in typed:
        yield lambda answer: None
        return
    out = sys.stdout
    try:
        with redirect_stdout(sys.stderr):
            yield lambda answer: _print(answer, out)
    except BrokenPipeError:
        raise  # it may be ours
    except BaseException as failure:
        if exit_code_of(failure):
            _print(_failure_line(failure), out)
        raise


def _print(answer: Answer, out: TextIO) -> None:
    """Print one object; at once, as whoever reads lines waits for each."""
    print(answer.model_dump_json(indent=None if answer.in_a_line else 2), file=out, flush=True)


def _failure_line(failure: BaseException) -> FailureLine:
    """What is said of a command that `failure` ended."""
    from gankit.cli.answers.base import Error, FailureLine, Mistaken
    from gankit.config.yaml.marks import MistakenError

    code = exit_code_of(failure)
    if isinstance(failure, MistakenError):
        mistakes = [Mistaken.of(mistake) for mistake in failure.mistakes]
    elif isinstance(failure, UserError | Misused):
        said = failure.message if isinstance(failure, Misused) else str(failure)
        mistakes = [Mistaken(message=said, hint=failure.hint)]
    else:
        mistakes = []
    message = "; ".join(mistake.message for mistake in mistakes)
    if isinstance(failure, KeyboardInterrupt | Interrupted):
        message = EXIT_CODES.get(code, "interrupted")
    message = message or str(failure) or type(failure).__name__
    return FailureLine(error=Error(message=message, exit_code=code, mistakes=mistakes))
