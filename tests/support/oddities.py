"""Values, paths, keys and pieces of YAML that no experiment file should hold."""

# ruff: noqa: SIM905 -- such lists are read best as words
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from hypothesis import strategies as st

from gankit.config.yaml.parser import MOST_BYTES
from gankit.core.registry import registries

T = TypeVar("T")

BUNDLED = {path.name: path.read_text() for path in sorted((Path(__file__).parents[2] / "experiments").rglob("*.yaml"))}

FILE = "experiment.yaml"
"""What a mutated file is called, as some of them extend themselves."""


def among(values: Sequence[T]) -> st.SearchStrategy[T]:
    """One of `values`, as by `sampled_from`, which writes all of them down wherever it says what it is."""
    return st.integers(0, len(values) - 1).map(values.__getitem__)


def lay_out(folder: Path) -> None:
    """Put into `folder` what mutated files extend and load: the bundled experiments, and files that are of no use."""
    for name, text in BUNDLED.items():
        (folder / name).write_text(text)
    for name, content in COMPANIONS.items():
        (folder / name).write_bytes(content)
    for name in ("loop.yaml", "loop.py"):
        (folder / name).symlink_to(name)
    (folder / "folder.yaml").mkdir()


def flow(opening: str, closing: str, depth: int) -> str:
    """A value in so many brackets."""
    return opening * depth + "1" + closing * depth


def block(opening: str, depth: int) -> str:
    """So many levels below one another, each a line that is indented further."""
    return "".join(f"\n{' ' * level}{opening}" for level in range(depth))


def bomb(levels: int, width: int, merging: bool) -> str:
    """Aliases of aliases: 30 levels of 10 would be 10^30 values."""
    lines = ["b0: &b0 {" + ", ".join(f"k{n}: {n}" for n in range(width)) + "}\n"]
    for level in range(1, levels):
        below = ", ".join([f"*b{level - 1}"] * width)
        lines.append(f"b{level}: &b{level} " + (f"{{<<: [{below}], n{level}: 1}}\n" if merging else f"[{below}]\n"))
    return "".join(lines)


def tower(levels: int) -> str:
    """Aliases of aliases that each stand sixty deep: few values, nested without end."""
    inner = ["1", *(f"*t{level}" for level in range(levels))]
    return "".join(f"t{level}: &t{level} {'[' * 60}{inner[level]}{']' * 60}\n" for level in range(levels))


def merges(keys: int, times: int) -> str:
    """One mapping merged into another again and again, which leaves it as small as it was."""
    return f"m: &m {{{', '.join(f'k{n}: 1' for n in range(keys))}}}\nx: {{{'<<: *m, ' * times}}}\n"


PLUGIN = b"""from gankit import Loss, hookimpl
class Lift(Loss):
    def discriminator(self, real, fake): return fake.mean() - real.mean()
    def generator(self, fake, real): return -fake.mean()
@hookimpl
def gankit_register(register): register("lift", Lift)
"""

COMPANIONS = {
    "empty.yaml": b"",
    "random.yaml": bytes(range(256)),
    "broken.yaml": b"a: [1\n",
    "circle.yaml": b"extends: [experiment.yaml]\n",
    "many.yaml": b"extends: [" + b"quickstart.yaml, " * 1400 + b"]",
    "bomb.yaml": bomb(30, 10, merging=False).encode(),
    "large.yaml": b"x: " + b"y" * 300_000,
    "wide.yaml": "".join(f"k{n}: {n}\n" for n in range(1400)).encode(),
    "fine.py": PLUGIN,
    "raises.py": b"raise KeyError('odd')",
    "exits.py": b"import sys; sys.exit(3)",
    "syntax.py": b"def (:",
    "null.py": b"a\0b",
}

PLUGINS = [*(name for name in COMPANIONS if name.endswith(".py")), "loop.py", "nowhere.py", '"\\0.py"', "x.py" * 2000]
PATHS = [
    *(*BUNDLED, *COMPANIONS, *PLUGINS, FILE, "loop.yaml", "folder.yaml", "nowhere.yaml", f"{FILE}/", "quickstart"),
    *"'' . .. ./ /dev/null /dev/zero /dev/urandom '~' ~nobody-here/x".split(),
    *('"a\\0b"', '"\\e[31m\\n"', "x" * 300, "x" * 5000, "x/" * 3000, "../" * 99 + "x"),
]

NUMBERS = [
    *"0 -0 1 -1 2 3 7 8 16 1023 0.5 1e-3 -1.5 1e308 1e999 -1e999 1e-999 .inf -.inf .nan".split(),
    *"600k 1.2M 0k 1e15 99999999999999999999 0x7f 0o17 1_000 1:30".split(),
    *("9" * 99, "9" * 4000, "9" * 5000, "-" + "9" * 4301, "0x" + "f" * 50_000, str(2**64), str(2**300), str(2**1000)),
]

TEXTS = [
    *"null ~ true False yes on '' 2024-01-01 << = {} [] use '%s' '{hint}' '{0}' '{' '日本語' '\u202e'".split(),
    *'"" "\\ud800" "\\x00" "\\U0001F600" "\\U00110000" "\\Uffffffff" "\\e[31m" "a\\nb"'.split(),
    *("|\n  a\n", ">-\n  a\n", "' '", "a b", "? a", "- a", "*a", "&a", "&a 1", "!x 1", "!%", "@", "`"),
    *("!!python/object/apply:os.system [exit]", "!!python/name:os.system", "!!binary aGk=", "!!str 1", "!!float x"),
    *("!!set {a}", "!<tag:yaml.org,2002:int> 1", "!!timestamp 1", "!" + "t" * 5000, "*" + "a" * 5000),
    *("x" * 1000, "'" + "x y " * 10_000 + "'", "{use: 1}", "{use: {}}", "{use: }", "{use: conv, use: rgb}", "{1: 2}"),
    *("{0: 1, 8: x}", "{4: [], 8: {}}", "{-4: 1}", "{true: 1}", "{8: {8: {8: 1}}}", "[[], [[]]]", "[null, null]"),
]

NAMES = sorted({entry.name for registry in registries.values() for entry in registry.entries()})
NAMED = [*NAMES, *(f"{{use: {name}}}" for name in NAMES), *(f"[{name}, {name}]" for name in NAMES)]

LARGE = [
    *("[" + item * count + "]" for item, count in (("1, ", 12_000), ("conv, ", 2800), ("{use: drift}, ", 900))),
    *(f"{{{', '.join(f'{n}: 1' for n in range(count))}}}" for count in (1400, 9000)),
    *(f"{{use: conv, {', '.join(f'slop{n}: 1' for n in range(count))}}}" for count in (1400, 5000)),
    *(flow(*pair, depth) for pair in (("[", "]"), ("{a: ", "}"), ("{use: ", "}")) for depth in (2, 60, 66, 5000)),
    *(block(opening, depth) for opening in ("- ", "? ", "a:", "-") for depth in (3, 60, 66, 300)),
]

KEYS = [
    *"use extends plugins << seed name drift 4 8 0 -1 true 1.5 [a] {a:b} '' '%s{hint}' \"\\ud800\" &a *a -".split(),
    *("? " + "k" * 9000 + "\n", "9" * 5000, "!!str a", "&a a", "? [a]\n"),
]

PIECES = [
    *("", *":-{}[]\n\t'\"#&*!|>%@`?,~", ": ", "- ", "  ", "\n---\n", "\n...\n", "&a ", "*a ", "\r", "\r\n", "<<: *a\n"),
    *("\0", "\x07", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "\u202e", "é", "\U0001f600"),
    *("%YAML 1." + "9" * 5000 + "\n---\n", "%TAG ! tag:x,2000:\n---\n", "%" + "x" * 5000 + "\n", "\n%YAML 2.1\n---\n"),
]

CODECS = [
    *"utf-8-sig utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be utf-7 latin-1 cp1252 cp037 koi8-r".split(),
    *"shift-jis gb18030 big5 euc-kr iso2022_jp hz punycode".split(),
]

MEGABYTE = 2**20
HUGE = [
    *("x" * MEGABYTE, "x: " + "y" * MEGABYTE, "x: '" + "\n" * MEGABYTE + "'", "x: |\n" + " y\n" * (MEGABYTE // 3)),
    *("# " * (MEGABYTE // 2), "\n" * MEGABYTE, "? " + "k" * MEGABYTE, "x: [" + "1," * (MEGABYTE // 2), "- " * MEGABYTE),
]
WHOLE = [
    *(*HUGE, *(text[:MOST_BYTES] for text in HUGE), bomb(30, 10, merging=False), bomb(30, 10, merging=True)),
    *(tower(5), tower(9), tower(50), merges(1000, 6000), block("- ", 5000), block("a:", 5000), block("? ", 5000)),
    *(f"{start}{value}" for start in ("", "x: ", "extends: ") for value in LARGE),
]
"""What nobody wrote as an experiment, as large as a file may be or larger."""

SCALARS = st.one_of(among(NUMBERS), among(TEXTS), among(PATHS))
ODD = st.one_of(SCALARS, SCALARS, SCALARS, among(NAMED), among(NAMED), among(LARGE))
"""Some value, the large ones seldom."""
