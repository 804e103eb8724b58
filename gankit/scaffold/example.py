"""The experiment that comes with a new plugin: the quick start, made short, with all that the plugin has."""

from __future__ import annotations

from collections.abc import Mapping

from gankit.config.loader import bundled_experiment
from gankit.config.yaml.merge import read_experiment
from gankit.config.yaml.nodes import plain_value
from gankit.config.yaml.writer import dump

SHORT = (
    "growth={final: 8, images: 3k}",
    "evaluation={metrics: fid, images: 256}",
    "observers=[progress, guard, sample-grid]",
)
"""Changes after which the quick start takes seconds."""

PLACES: dict[str, dict[str, str]] = {
    "mapping": {"generator.mapping": "{}"},
    "stem": {"generator.stem": "{}"},
    "block": {"generator.block": "{}", "discriminator.block": "{}"},
    "head": {"discriminator.head": "{}"},
    "norm": {"generator.norm": "[equalized, {}]"},
    # an equalized weight is drawn anew, and steps that suit it are too long for another
    "init": {
        "discriminator.init": "{}",
        "discriminator.norm": "[]",
        "training.optimizer.discriminator": "{{lr: 1e-3}}",
    },
    "loss": {"loss": "{}"},
    "regularizer": {"regularizers": "[{}]"},
    "augmentation": {"augment": "{}"},
    "optimizer": {"training.optimizer": "{}"},
    "average": {"training.average": "{}"},
    "growth": {"growth": "{{use: {}, doublings: 1, images: 3k}}"},
    "dataset": {"data": "{}"},
    "extractor": {"evaluation.extractor": "{}"},
    "metric": {"evaluation.metrics": "[fid, {}]"},
    "observer": {"observers": "[progress, guard, {}]"},
    "launcher": {"launcher": "{}", "matrix": "{{seed: [0, 1]}}"},
}
"""For each kind the options by which an experiment, or for launchers a study, comes to use a component of it."""


def option_of(kind: str) -> str:
    """The dotted path of the option that names a component of `kind`, or the first of them."""
    return next(iter(PLACES[kind]))


def experiment_using(name: str, components: Mapping[str, str]) -> str:
    """The YAML of an experiment that uses all components, named by their kinds, of the plugin called `name`."""
    changes = [
        f"{option}={value.format(f'{name}/{component}')}"
        for kind, component in components.items()
        for option, value in PLACES[kind].items()
    ]
    root = read_experiment(bundled_experiment("quickstart"), [f"name={name}", *SHORT, *changes])
    return dump(plain_value(root))
