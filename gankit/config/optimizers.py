"""The optimizers of both networks, which may be written as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError

from gankit.core.options import Options, defined, did_you_mean, raised_again, repeated
from gankit.core.registry import registries
from gankit.kinds import Optimizer

OPTIMIZER = "adam"
"""The optimizer of networks that are given none, or only options of one."""


class OptimizerPair(Options):
    """One optimizer a network."""

    generator: Optimizer
    """Updates the generator."""
    discriminator: Optimizer
    """Updates the discriminator."""


def for_both(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Let one optimizer stand for both networks; what differs stands in it under `generator` or `discriminator`."""
    if isinstance(value, str | Optimizer):
        value = {"use": value} if isinstance(value, str) else dict.fromkeys(OptimizerPair.model_fields, value)
    if not isinstance(value, Mapping):
        return handler(value)
    if "use" not in value and all(_names_one(value.get(network)) for network in OptimizerPair.model_fields):
        return handler(value)
    value = {"use": OPTIMIZER, **value}
    shared = {option: setting for option, setting in value.items() if option not in OptimizerPair.model_fields}
    both = {network: _with_shared(shared, value.get(network)) for network in OptimizerPair.model_fields}

    def where_written(error: ErrorDetails) -> InitErrorDetails:
        network, *below = error["loc"]
        own = value.get(str(network))
        from_shared = own is None or (_adds_to(shared, own) and (below[0] not in own if below else not own))
        again = raised_again(error, skip=1 if from_shared else 0)
        is_network = error["type"] == "unknown_option" and from_shared and len(below) == 1
        if is_network and (hint := did_you_mean(str(below[0]), OptimizerPair.model_fields)):
            again["type"] = PydanticCustomError("unknown_option", "unknown option.{hint}", {"hint": hint})
        return again

    try:
        return handler(both)
    except ValidationError as failure:
        raise repeated(failure, where_written) from None


def _names_one(own: Any) -> bool:
    """Whether what one network has of its own is an optimizer, not only options of the shared one."""
    return own is not None and (not isinstance(own, Mapping) or "use" in own)


def _with_shared(shared: Mapping[str, Any], own: Any) -> Any:
    """The optimizer of one network: `own` options over the shared ones, or another optimizer altogether."""
    if own is None:
        return shared
    return {**shared, **own} if _adds_to(shared, own) else own


def _adds_to(shared: Mapping[str, Any], own: Any) -> bool:
    """Whether what one network has of its own are options of the shared optimizer, not another optimizer."""
    return isinstance(own, Mapping) and _are_one(own.get("use", shared["use"]), shared["use"])


def _are_one(name: Any, other: Any) -> bool:
    """Whether two names, of which one may be a full name, mean one optimizer."""
    optimizers = registries["optimizer"]
    try:
        return name == other or optimizers.find(name) == optimizers.find(other)
    except PydanticCustomError:
        return False


class OneForBoth:
    """Says in the JSON Schema that one optimizer may stand for both networks."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        some = [{"required": [network]} for network in OptimizerPair.model_fields]
        shared = {"type": "object", "required": ["use"], "anyOf": some}
        own = {network: {**defined("optimizer"), "default": OPTIMIZER} for network in OptimizerPair.model_fields}
        of_default = {"type": "object", "properties": {**own, "use": False}, "anyOf": some}
        return {"anyOf": [defined("optimizer"), handler(schema), shared, of_default]}
