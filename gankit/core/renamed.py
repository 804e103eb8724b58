"""What plugins knew by other names before gankit 0.2; what still uses those fails with the new ones, never in silence.

Tables and what reads them; nothing here makes an old name work.
"""

from __future__ import annotations

import inspect
import re

SINCE = "since gankit 0.2"


def _table(text: str, prefix: str) -> dict[str, str]:
    """Pairs of old and new, as old=new, by their full names."""
    pairs = (pair.split("=") for pair in text.split())
    return {f"{prefix}.{old}": f"gankit.{new}" for old, new in pairs}


MODULES = _table(
    """
    errors=core.errors files=core.files options=core.options component=core.component registry=core.registry
    growing=core.progress tallying=core.failures docstrings=core.docstrings observing=kinds.callbacks
    plugins=discovery.manager hookspecs=discovery.hookspecs origins=discovery.sources onefile=discovery.sources
    config=config.experiment bundled=config.loader schema=config.schema explaining=config.explain reading=config
    studies.study=config.study studies.planning=config.study_plan studies.naming=config.study_plan
    studies.reading=config.study_loader studies.running=studies.runner studies.showing=studies.progress
    studies.listing=studies.progress layers=networks.layers place=networks.context data=data.images
    training.networks=networks.growing training.grouping=training.parameters training.regularizing=training.parameters
    training.sampling=training.sampler training.sealed=checkpoints.integrity training.manifests=checkpoints.integrity
    training.checkpoints=checkpoints.store evaluation.samples=evaluation.images evaluation.seen=evaluation.features
    evaluation.splits=evaluation.reference evaluation.numbers=evaluation.statistics
    evaluation.evaluators=evaluation.evaluator evaluation.beside=evaluation.background
    evaluation.measuring=api.measurement runs.pictures=data.pictures runs.run=runs.loop runs.best=runs.loop
    runs.record=runs.folder runs.observed=runs.callbacks runs.watching=runs.callbacks runs.starting=runs.start
    runs.changes=runs.recorded runs.parts=runs.components runs.blaming=runs.attribution runs.interrupts=runs.signals
    runs.lock=runs.status results.states=runs.status results.finding=results.finder results.reading=results.run_results
    results.variants=results.groups results.comparing=results.comparison results.differing=results.differences
    results.code=results.plugin_code results.exporting=results.export results.backend=results.plots page=results.page
    """,
    "gankit",
)
"""Modules."""

NAMES = (
    _table("Place=BuildContext Mapping=LatentMapping Average=WeightAverage Watcher=Callback Shown=Progress", "gankit")
    | _table("Mapping=kinds.LatentMapping Average=kinds.WeightAverage Shown=Progress", "gankit.kinds")
    | _table("Moment=Progress moment=core.progress.progress_at", "gankit.core.progress")
    | _table("Watcher=kinds.callbacks.Callback Run=kinds.callbacks.RunContext", "gankit.kinds.callbacks")
    | _table("Place=networks.context.BuildContext", "gankit.networks.context")
    | _table("load=load_numbers", "gankit.results")
    | _table(
        """
        Growing=networks.growing.GrowingNetwork Shape=networks.growing.ImageShape
        Verdict=networks.discriminator.DiscriminatorOutput Discriminator=networks.discriminator.Discriminator
        Generator=networks.generator.Generator
        """,
        "gankit.networks.growing",
    )
    | _table("Tally=core.failures.FailureCounter report=core.failures.warn", "gankit.core.failures")
    | _table("Entry=core.registry.RegistryEntry", "gankit.core.registry")
    | _table("Population=evaluation.images.ImageSet", "gankit.evaluation.images")
    | _table("Seen=evaluation.features.FeatureStore", "gankit.evaluation.features")
    | _table("Part=evaluation.reference.Subset", "gankit.evaluation.reference")
)
"""What is imported from a module, by where it is looked for once the module itself is called as it is now."""

MEMBERS = {
    "Observer": {"watch": "callback"},
    "Callback": {
        "stage_started": "on_stage_start",
        "updated": "on_update",
        "evaluating": "on_evaluation_start",
        "recorded": "on_rows",
        "shown": "on_picture",
        "stage_ended": "on_stage_end",
        "saving": "on_save",
        "restored": "on_rollback",
        "finished": "on_finish",
        "closed": "on_close",
    },
    "Metric": {"yardstick": "reference_only"},
}
"""What authors define in classes of their own, which would not be asked for by its old name, by the class above it."""

PARAMETERS = {"Optimizer": {"learning_rate": "share"}, "WeightAverage": {"move": "shown"}}
"""Methods that are handed a `Progress` now, by a parameter that they had in its place."""

ATTRIBUTES = {
    "report": ("log", "log_event"),
    "shelf": ("runs_root",),
    "mapped": ("transformed",),
    "place": ("context",),
    "beside": ("background",),
    "track": ("quick",),
}
"""Attributes of what components are handed, each with what it may be called now."""


def refuse_former_members(cls: type) -> None:
    """Refuse a class that defines what its base has under another name, or with other parameters.

    Raises:
        TypeError: naming the new ones.
    """
    for base in (base for base in cls.__mro__[1:] if base.__module__.startswith("gankit.")):
        for old, new in MEMBERS.get(base.__name__, {}).items():
            if old in vars(cls) and not hasattr(base, old):
                raise TypeError(f"{cls.__name__}.{old} is called {new} {SINCE}")
        for method, old in PARAMETERS.get(base.__name__, {}).items():
            if method in vars(cls) and old in _parameters(cls, method) and old not in _parameters(base, method):
                raise TypeError(
                    f"{cls.__name__}.{method} is handed a Progress {SINCE}: its parameters are "
                    f"{', '.join(_parameters(base, method))}"
                )


def _parameters(cls: type, method: str) -> list[str]:
    return list(inspect.signature(getattr(cls, method)).parameters)


def new_name(name: str) -> str | None:
    """What `name`, a module or what one holds by its full name, is called now; None if it is not known as renamed."""
    return NAMES.get(name) or MODULES.get(name)


def hint(failure: BaseException) -> str:
    """What stands behind the message of a failure that came of an old name; nothing if it did not."""
    new = None
    if isinstance(failure, ImportError):
        found = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", str(failure))
        new = new_name(f"{found[2]}.{found[1]}") or MODULES.get(found[2]) if found else MODULES.get(failure.name or "")
    elif isinstance(failure, AttributeError) and type(failure.obj).__module__.startswith("gankit."):
        new = next((new for new in ATTRIBUTES.get(failure.name or "", ()) if hasattr(failure.obj, new)), None)
    return f" (it is called {new} {SINCE})" if new else ""


def one_line(failure: BaseException) -> str:
    """Type and message of a failure on one line, with what the name is called now that it came of."""
    try:
        message = " ".join(str(failure).split())
    except Exception:  # of a class whose author has never seen its message
        message = "its message cannot be had"
    return f"{type(failure).__name__}: {message}{hint(failure)}"
