"""What the answers of several commands are made of, and what is said in place of one."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic_core import CoreSchema

from gankit.config.yaml.marks import Mistake
from gankit.core.docstrings import under_fields
from gankit.kinds.callbacks import Row
from gankit.results.finder import Damaged
from gankit.runs.rows import number_as_json

Number = Annotated[
    float,
    PlainSerializer(number_as_json),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]}),
]
"""A number; those that JSON lacks are "nan", "inf" and "-inf"."""


class Answer(BaseModel):
    """What a command says to programs; the names of its fields are a promise to them."""

    model_config = ConfigDict(extra="forbid")
    in_a_line: ClassVar[bool] = False
    """Whether it is printed as one line."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """With the docstrings of fields, which pydantic would read whenever the class is made."""
        made = handler(schema)
        resolved = handler.resolve_ref_schema(made)
        texts = {name: text for owner in reversed(cls.__mro__) for name, text in under_fields(owner).items()}
        for name, field in resolved.get("properties", {}).items():
            field.pop("title", None)
            if name in texts:
                field.setdefault("description", " ".join(texts[name].split()))
        return made


class Line(Answer):
    """One of several answers, each on a line of its own."""

    in_a_line = True


class Mistaken(Answer):
    """One thing to be mended in what was asked."""

    message: str
    """What is wrong, in plain words."""
    file: str | None = None
    """The file that it stands in, as it was named; null if it stands in none."""
    line: int | None = None
    """From 1."""
    column: int | None = None
    """In characters, from 1."""
    argument: str | None = None
    """The argument that it stands in, as it was typed: --set seed=x."""
    option: str | None = None
    """The option of the experiment, as dotted path: discriminator.channels.4."""
    hint: str | None = None
    """The nearest right name: in place of the wrong one, or the dotted path of an option that stands elsewhere."""

    @classmethod
    def of(cls, mistake: Mistake) -> Self:
        """A mistake in an experiment."""
        mark, option = mistake.mark, ".".join(map(str, mistake.path)) or None
        place = {"argument" if mark.line is None else "file": mark.source or None}
        return cls(
            message=mistake.message, line=mark.line, column=mark.column, option=option, hint=mistake.hint, **place
        )


class Error(Answer):
    """Why a command gave no result."""

    message: str
    """All of it, in plain words."""
    exit_code: int
    """Exit code of the command."""
    mistakes: list[Mistaken]
    """Each thing to be mended, if it is the caller's to mend: exit code 2."""


class FailureLine(Line):
    """What is said in place of a result, in one line."""

    error: Error


class RowAnswer(Answer):
    """One number of a run, as it stands in metrics.jsonl."""

    images: int
    """Real images shown when it was measured."""
    stage: int
    """Number of the stage, the first is 1."""
    resolution: int
    """Height of the images in pixels."""
    name: str
    """What it is: fid, loss.generator, ..."""
    value: Number
    """The number."""
    protocol: dict[str, Any] | None
    """How a metric was measured; null for losses and the like."""
    note: str | None
    """What happened, in words, if this tells of an event."""

    @classmethod
    def of(cls, row: Row) -> Self:
        """A row."""
        return cls(**row._asdict())


class DamagedAnswer(Answer):
    """A run that cannot be read, or is not as it was recorded."""

    folder: str
    """The run's folder."""
    reason: str
    """What is wrong with it."""

    @classmethod
    def of(cls, damaged: Damaged) -> Self:
        """A damaged run."""
        return cls(folder=str(damaged.path), reason=damaged.reason)


class Wrote(Answer):
    """A command that writes one thing."""

    wrote: str
    """The file or folder that was written."""
