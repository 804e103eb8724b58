"""Experiment files that are meant to do harm: something wrong at every option, and whole files that never were one."""

from __future__ import annotations

import copy
import os
import socket
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from support.mutations import each_oddity
from support.oddities import BUNDLED, lay_out

from gankit.config.loader import load_experiment
from gankit.config.yaml.writer import dump_experiment

SHORT = (
    "growth.images=16",
    "generator={channels: 8, latent: 4}",
    "discriminator.channels=8",
    "training={batch: 8, threads: 1, device: cpu}",
    "evaluation={images: 16, metrics: fid, every: 16}",
    "checkpoints.every=16",
    "observers=[guard, {use: sample-grid, every: 16}]",
)
"""Settings under which a bundled experiment takes no time."""

WRONG = (
    *("null", "[]", "[1, [2]]", "{}", "{a: 1}", "{use: nothing}", "{use: digits, a: 1}", "{4: 1, 8: x}", "{-1: 1}"),
    *("text", "''", '"1e300"', '"\\e[31m\\u202e\\n"', "true", ".nan", ".inf", "-.inf", "-1", "0", "1", "0.5", "1e300"),
    *(str(10**12), str(10**12) + "k", "9" * 400, "x" * 20_000, "[" * 60 + "]" * 60, "[" * 80 + "]" * 80, "wgan"),
)
"""What stands in place of a value, as YAML."""


class Hostile(NamedTuple):
    """An experiment file with one wrong thing in it."""

    option: str
    """The option at which it stands, as a dotted path."""
    text: str
    """Of the file."""
    line: int
    """Of the wrong thing, from 1."""
    value: str
    """The wrong thing."""


MEASURED = (
    "evaluation.metrics=[is, kid, fid_intra, precision-recall, density-coverage, swd, mode-coverage, nearest-neighbor, "
    "distinct, fid_infinity, mind, realism, authenticity, vendi, {use: perceptual-path-length, distance: pixels}]",
    "evaluation.images=20",
)
"""Settings with which one of them is measured in many ways."""


def at_every_option() -> Iterator[Hostile]:
    """Every wrong value at every option of every bundled small experiment, defaults too; each option once."""
    small = Path(__file__).parents[2] / "experiments" / "small"
    seen: set[tuple[object, ...]] = set()
    tried = [*((file, SHORT) for file in sorted(small.glob("*.yaml"))), (small / "pggan-digits.yaml", SHORT + MEASURED)]
    for file, settings in tried:
        tree = yaml.safe_load(dump_experiment(load_experiment(file, settings)))
        for path, owner in _options(tree):
            if (owner, path[-1]) in seen:
                continue
            seen.add((owner, path[-1]))
            for value in WRONG:
                yield _replaced(tree, path, value)


def _options(tree: Any, path: tuple[Any, ...] = (), owner: str = "") -> Iterator[tuple[tuple[Any, ...], str]]:
    """The path of every value in `tree`, with what its option belongs to."""
    owner = tree["use"] if isinstance(tree, dict) and "use" in tree else owner or ".".join(map(str, path))
    for key, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield (*path, key), owner
        if isinstance(item, dict | list):
            yield from _options(item, (*path, key), "" if isinstance(item, dict) else f"{owner}.{key}")


def _replaced(tree: Any, path: tuple[Any, ...], value: str) -> Hostile:
    """The experiment with `value` at one place."""
    changed = copy.deepcopy(tree)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = "HERE"
    text = yaml.safe_dump(changed, sort_keys=False, default_flow_style=False)
    before, here, after = text.partition("HERE")
    assert here
    return Hostile(".".join(map(str, path)), before + value + after, before.count("\n") + 1, value)


QUICKSTART = BUNDLED["quickstart.yaml"]
PLUGIN = (
    "from gankit import Loss, hookimpl\nclass Lift(Loss):\n    margin: float = 1.0\n"
    "    def discriminator(self, real, fake): return fake.mean() - real.mean()\n"
    "    def generator(self, fake, real): return -fake.mean()\n"
    "@hookimpl\ndef gankit_register(register): register({name!r}, Lift)\n"
)
"""What a plugin file holds that registers a loss."""

PLUGINS = {
    "prints.py": "print('\\x1b[2J', 'a' * 10_000)\n" + PLUGIN.format(name="lift"),
    "raises.py": "raise KeyError('\\x1b[31m\\n' + 'long ' * 10_000)",
    "exits.py": "import sys; sys.exit('no')",
    "bare.py": "raise BaseException('none of the usual')",
    "leaves.py": "raise GeneratorExit",
    "skips.py": "import pytest; pytest.skip('not here', allow_module_level=True)",
    "speechless.py": "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
    "recurses.py": "def f(): f()\nf()",
    "hungry.py": "x = bytearray(10**15)",
    "syntax.py": "def (:",
    "null.py": "a\0b",
    "deep.py": "x = " + "(" * 5000 + ")" * 5000,
    "latin.py": "# -*- coding: nothing -*-\nx = 1",
    "nothing.py": "x = 1",
    "basics.py": PLUGIN.format(name="lift"),
    "torch.py": PLUGIN.format(name="lift"),
    "gankit.py": PLUGIN.format(name="lift"),
    "twice.py": PLUGIN.format(name="lift") + "    register('lift', Lift)\n",
    "wgan.py": PLUGIN.format(name="wgan"),
    "odd-name.py": PLUGIN.format(name="\x1b[31m"),
    "no-name.py": PLUGIN.format(name=""),
    "number.py": PLUGIN.format(name=3),
    "class.py": "from gankit import hookimpl\n@hookimpl\ndef gankit_register(register): register('x', dict)",
    "wrong-hook.py": "from gankit import hookimpl\n@hookimpl\ndef gankit_registers(register): pass",
    "wrong-call.py": "from gankit import hookimpl\n@hookimpl\ndef gankit_register(registry): pass",
    "fails-later.py": PLUGIN.format(name="lift").replace("    margin", "    def problems(self, e): 1 / 0\n    margin"),
    "default.py": PLUGIN.format(name="lift").replace("= 1.0", "= 'x'"),
    "annotation.py": PLUGIN.format(name="lift").replace("float", "Nowhere"),
}
"""Plugin files that fail, or pretend to be others."""


def lay_out_all(folder: Path) -> None:
    """Put into `folder` all that hostile files extend and load."""
    lay_out(folder)
    for name, text in PLUGINS.items():
        (folder / name).write_text(text)
    for suffix in (".yaml", ".py"):
        os.mkfifo(folder / f"pipe{suffix}")
        (folder / f"device{suffix}").symlink_to("/dev/zero")
        (folder / f"folder-of{suffix}").mkdir()
        (folder / f"one{suffix}").symlink_to(f"other{suffix}")
        (folder / f"other{suffix}").symlink_to(f"one{suffix}")
        with socket.socket(socket.AF_UNIX) as listener, chdir(folder):  # its whole path may be too long
            listener.bind(f"socket{suffix}")
    for name, other in (("a", "b"), ("b", "c"), ("c", "a")):
        (folder / f"{name}.yaml").write_text(f"extends: {other}.yaml\n")
    for number in range(100):
        (folder / f"chain{number}.yaml").write_text(f"extends: chain{number + 1}.yaml\n")
    for number in range(40):  # 2^40 ways to the last
        (folder / f"both{number}.yaml").write_text(f"extends: [both{number + 1}.yaml, both{number + 1}.yaml]\n")
    (folder / "both40.yaml").write_text("seed: 1\n")


NO_FILES = ("pipe", "device", "folder-of", "one", "socket", "absent")
THOUSANDS = ", ".join(map(str, range(2900)))
EXTENDING = (
    *(f"extends: {name}.yaml" for name in (*NO_FILES, "a", "chain0", "both0")),
    *("extends: /proc/self/mem", "extends: /dev/stdin", "extends: /"),
    *(f"extends: [quickstart.yaml, {name}.yaml]" for name in NO_FILES),
    *("extends: {a: 1}", "extends: [[quickstart.yaml]]", "extends: 3", "extends: ''", "extends: [null]"),
)
ADDED = (
    *(f"plugins: [{name}.py]" for name in (*NO_FILES, "fine")),
    *(f"plugins: [{name}]\nloss: lift" for name in PLUGINS),
    *(
        "plugins: fine.py",
        "plugins: {a: fine.py}",
        "plugins: [3]",
        "plugins: [[fine.py]]",
        "plugins: [fine.py, fine.py]",
    ),
    *("seed: 1\nseed: 2", "training: {batch: 8, batch: 16}", "? {a: 1}\n: 2", "[1]: 2", "null: 1", "1.5: 2"),
    *("seed: &s 1\nname: *s", "<<: {seed: 1}", "<<: [{seed: 1}, 2]", "<<: 3", "training: {<<: *t}", "&a a: *a"),
    *("seed: !!python/object/apply:os.system [exit]", "seed: !!int '1'", "x: !!map {a: 1}", "seed: !x 1", "--- b"),
    *("\tseed: 1", "seed:\t1", "seed: 1\r\nname: x\r\n", "seed: 1\0", '"s\\x65ed": 1', '"na\\u202eme": x', "# \u202e"),
    *("matrix: {}", "matrix: {loss: []}", "matrix: {seed: []}", "variants: {}", "variants: {a: 1}", "matrix: 3"),
    *("matrix: {seed: [0, 0]}", "matrix: {seed: [1.5]}", "matrix: {seed: [-1]}", "matrix: {name: [a]}"),
    *("matrix: {loss: [wgan]}\nexclude: [{}]", "exclude: [{}]", "exclude: 3", "matrix: {loss: [wgan, wgan]}"),
    *("matrix: {a.b.c: [1, 2]}", "matrix: {'': [1]}", "matrix: {'..': [1]}", "matrix: {4: [1]}", "variants: {'': {}}"),
    *("variants: {a/b: {}}", "variants: {../x: {}}", "variants: {a: {}, A: {}}", "variants: {a: {seed: 1}}"),
    *("matrix: {loss: [wgan]}\nlauncher: nowhere", "matrix: {loss: [wgan]}\nlauncher: {use: processes, count: -1}"),
    *(f"variants: {{{', '.join(f'v{n}: {{}}' for n in range(count))}}}" for count in (1001, 1400)),
    f"matrix: {{{', '.join(f'a.b{axis}: [{THOUSANDS[:108]}]' for axis in range(4))}}}",  # 38^4 runs
    f"matrix: {{seed: [{THOUSANDS}]}}",
    f"matrix: {{loss: [{', '.join(['[wgan]'] * 900)}]}}",
    f"matrix: {{training.batch: [{THOUSANDS[:4800]}]}}",
    f"matrix: {{training.batch: [{THOUSANDS[:3800]}]}}\nexclude: [{', '.join(['{training.batch: 1}'] * 500)}]",
)
"""What is added to the quick start, as YAML."""


def each_whole() -> Iterator[bytes]:
    """Files that no experiment is like."""
    yield from each_oddity()
    for text in EXTENDING:
        yield f"{QUICKSTART}{text}\n".encode()
        yield f"{text}\n".encode()
    for text in ADDED:
        yield f"extends: quickstart.yaml\n{text}\n".encode()
        yield f"{text}\n".encode()
