"""What an experiment makes of the files it extends and of --set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gankit.config.yaml.marks import Mark
from gankit.config.yaml.merge import merge, read_experiment
from gankit.config.yaml.nodes import Item, Items, Node, Scalar, Table, plain_value
from gankit.core.errors import UserError

HERE = Mark("here", 1, 1, "")


def node(value: Any) -> Node:
    if isinstance(value, dict):
        return Table(HERE, {key: Item(HERE, node(item)) for key, item in value.items()})
    return Items(HERE, [node(item) for item in value]) if isinstance(value, list) else Scalar(HERE, value)


def merged(base: Any, change: Any) -> Any:
    return plain_value(merge(node(base), node(change)))


@pytest.mark.parametrize(
    ("base", "change", "result"),
    [
        pytest.param({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}, id="mappings merge"),
        pytest.param({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"d": 3}}}, {"a": {"b": {"c": 1, "d": 3}}}, id="deep"),
        pytest.param([1, 2, 3], [4], [4], id="lists are replaced"),
        pytest.param({"a": 1}, None, None, id="null replaces"),
        pytest.param(None, {"a": 1}, {"a": 1}, id="null is replaced"),
        pytest.param({"use": "x", "a": 1}, {"use": "x", "b": 2}, {"use": "x", "a": 1, "b": 2}, id="same component"),
        pytest.param({"use": "x", "a": 1}, {"use": "y", "b": 2}, {"use": "y", "b": 2}, id="another component"),
        pytest.param({"use": "x", "a": 1}, "y", "y", id="another component by name"),
        pytest.param({"use": "x", "a": 1}, "x", {"use": "x", "a": 1}, id="the same by name"),
        pytest.param({"use": "p/x", "a": 1}, {"use": "x", "b": 2}, {"use": "x", "a": 1, "b": 2}, id="short name"),
        pytest.param({"use": "p/x", "a": 1}, {"use": "q/x"}, {"use": "q/x"}, id="same name of another plugin"),
        pytest.param({"use": "x", "a": 1}, {"a": 2}, {"use": "x", "a": 2}, id="options of a component"),
        pytest.param("x", {"a": 2}, {"use": "x", "a": 2}, id="options of a bare name"),
        pytest.param("x", {"use": "y", "a": 2}, {"use": "y", "a": 2}, id="component over a bare name"),
        pytest.param({"a": 1}, {"use": "x"}, {"use": "x"}, id="component over plain options"),
        pytest.param({"use": "x", "a": {"use": "y"}}, {"a": {"use": "z"}}, {"use": "x", "a": {"use": "z"}}, id="in"),
        pytest.param({4: 64, 8: 32}, {8: 16}, {4: 64, 8: 16}, id="tables merge"),
        pytest.param(64, {8: 32}, {8: 32}, id="table over one value"),
        pytest.param("5k", {"4:5k": None}, {"4:5k": None}, id="table without spaces over a text, which names nothing"),
        pytest.param({8: 32}, 64, 64, id="one value over table"),
        pytest.param("conv", {4: "conv", 8: "residual"}, {4: "conv", 8: "residual"}, id="table over a name"),
        pytest.param({"use": "conv", "a": 1}, {8: "residual"}, {8: "residual"}, id="table over component"),
        pytest.param({4: "conv"}, {"use": "residual"}, {"use": "residual"}, id="component over table"),
        pytest.param({4: "conv"}, {"a": 1}, {"a": 1}, id="options over table"),
        pytest.param({4: {"use": "x", "a": 1}}, {4: {"a": 2}}, {4: {"use": "x", "a": 2}}, id="component in table"),
        pytest.param({4: "x"}, {4: {"a": 2}}, {4: {"use": "x", "a": 2}}, id="name in table"),
    ],
)  # fmt: skip
def test_merge(base: object, change: object, result: object) -> None:
    assert merged(base, change) == result


KEYS = st.sampled_from(["use", "a", "b", 4, 8])
NAMES = st.sampled_from(["x", "y", "p/x"])


def mappings(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mappings as experiments have them: options, components or tables, never tables with names among their keys."""
    options = st.dictionaries(st.sampled_from(["a", "b"]), values, max_size=2)
    named = st.builds(lambda name, rest: {"use": name, **rest}, NAMES, options)
    return options | named | st.dictionaries(st.sampled_from([4, 8]), values, min_size=1, max_size=2)


VALUES = st.recursive(
    st.none() | st.integers(0, 3) | NAMES, lambda values: mappings(values) | st.lists(values, max_size=2), max_leaves=8
)


@given(VALUES)
def test_what_says_the_same_changes_nothing(value: object) -> None:
    assert merged(value, value) == value


@given(VALUES, VALUES)
def test_saying_it_twice_changes_nothing_more(base: object, change: object) -> None:
    once = merged(base, change)
    assert merged(once, change) == once


@given(VALUES, VALUES, st.sampled_from(["a", "b"]))
def test_a_change_leaves_what_it_does_not_name(base: object, change: object, key: str) -> None:
    assert merged({"kept": base, key: 1}, {key: change})["kept"] == base


@given(VALUES, VALUES)
def test_merging_touches_neither_side(base: object, change: object) -> None:
    left, right = node(base), node(change)
    merge(left, right)
    assert (plain_value(left), plain_value(right)) == (base, change)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes files into the current folder, a fresh one."""
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> None:
        for name, text in files.items():
            path = Path(name.replace("__", "/") + ".yaml")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    return write


def error(name: str, *settings: str) -> str:
    with pytest.raises(UserError) as caught:
        read_experiment(Path(name), settings)
    return str(caught.value)


def test_extends_is_relative_to_its_file_and_the_last_parent_wins(write: Callable[..., None]) -> None:
    write(
        child="extends: [folder/one.yaml, two.yaml]\nc: 3\n",
        folder__one="extends: ../zero.yaml\na: 1\nb: 1\n",
        two="b: 2\nc: 2\n",
        zero="a: 0\nz: 0\n",
    )
    assert plain_value(read_experiment(Path("child.yaml"))) == {"z": 0, "a": 1, "b": 2, "c": 3}


def test_what_comes_from_a_parent_stands_in_the_parent(write: Callable[..., None]) -> None:
    write(child="extends: parent.yaml\nx:\n  b: 2\n", parent="x: {a: 1, b: 1}\ny: 3\n")
    root = read_experiment(Path("child.yaml"))
    x: Any = root.entries["x"].node
    assert str(root.entries["y"].node.mark) == "parent.yaml:2:4"
    assert {key: str(entry.node.mark) for key, entry in x.entries.items()} == {
        "a": "parent.yaml:1:8",
        "b": "child.yaml:3:6",
    }


def test_extends_that_cannot_be_followed(write: Callable[..., None]) -> None:
    write(
        gone="a: 1\nextends: nowhere.yaml\n",
        number="extends: 3\n",
        broken="extends: bad.yaml\n",
        bad="a: [\n",
        empty="extends: nothing.yaml\n",
        nothing="",
        one="extends: two.yaml\n",
        two="extends: [one.yaml]\n",
        self="extends: self.yaml\n",
    )
    assert error("gone.yaml").startswith(
        "gone.yaml:2:10: extends: nowhere.yaml: no such file\n    extends: nowhere.yaml"
    )
    assert "number.yaml:1:10: extends: expected the name of a file" in error("number.yaml")
    assert error("broken.yaml").startswith("bad.yaml:1:4: ")
    assert "empty.yaml:1:10: extends: nothing.yaml: is empty" in error("empty.yaml")
    assert "two.yaml:1:11: extends: extends in a circle: one.yaml -> two.yaml -> one.yaml" in error("one.yaml")
    assert "self.yaml:1:10: extends: extends in a circle: self.yaml -> self.yaml" in error("self.yaml")


def test_long_chains_end_and_wide_ones_are_fast(write: Callable[..., None]) -> None:
    write(**{f"long{n}": f"extends: long{n + 1}.yaml\n" for n in range(500)}, long500="a: 1\n")
    assert "more than 64 files extend one another" in error("long0.yaml")
    write(**{f"wide{n}": f"extends: [wide{n + 1}.yaml, wide{n + 1}.yaml]\n" for n in range(40)}, wide40="a: 1\n")
    assert plain_value(read_experiment(Path("wide0.yaml"))) == {"a": 1}, "reading each file once, not 2^40 times"
    write(many=f"extends: [{'long500.yaml, ' * 1400}]\n")
    assert plain_value(read_experiment(Path("many.yaml"))) == {"a": 1}


@pytest.mark.parametrize("name", ["a\\0b", "\\e[31m", "x" * 5000, "."])
def test_odd_names_of_parents(write: Callable[..., None], name: str) -> None:
    write(child=f'extends: "{name}"\n')
    head = error("child.yaml").splitlines()[0]
    assert head.startswith("child.yaml:1:10: extends: ")
    assert head.isprintable()
    assert len(head) < 600


@pytest.mark.parametrize(
    ("settings", "result"),
    [
        (["a=2"], {"a": 2}),
        (["new.deep.option=1e-3"], {"new": {"deep": {"option": 0.001}}}),
        (["loss.drift=1"], {"loss": {"use": "wgan", "drift": 1}}),
        (["loss.use=hinge"], {"loss": {"use": "hinge"}}),
        (["loss=hinge"], {"loss": "hinge"}),
        (["block.slope=.1"], {"block": {"use": "conv", "slope": 0.1}}),
        (["table.8=16"], {"table": {4: 64, 8: 16}}),
        (["table=16"], {"table": 16}),
        (["one.8=16"], {"one": {8: 16}}),
        (["list.1.weight=3"], {"list": ["x", {"use": "y", "weight": 3, "every": 2}]}),
        (["list.0.weight=3"], {"list": [{"use": "x", "weight": 3}, {"use": "y", "weight": 1, "every": 2}]}),
        (["list.1=z"], {"list": ["x", "z"]}),
        (["list=[]"], {"list": []}),
        (["loss={use: hinge, margin: 2}", "loss.margin=3"], {"loss": {"use": "hinge", "margin": 3}}),
        (["a='x=y.z'"], {"a": "x=y.z"}),
        (["a="], {"a": None}),
        (["a=null"], {"a": None}),
    ],
)
def test_settings(write: Callable[..., None], settings: list[str], result: dict[str, object]) -> None:
    write(
        file="a: 1\nloss: {use: wgan, drift: 2}\nblock: conv\ntable: {4: 64, 8: 32}\none: 64\n"
        "list: [x, {use: y, weight: 1, every: 2}]\n"
    )
    before = plain_value(read_experiment(Path("file.yaml")))
    assert plain_value(read_experiment(Path("file.yaml"), settings)) == before | result


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("a", "--set a: expected option=value"),
        ("=3", "--set =3: expected an option, such as training.batch, not ''"),
        ("a..b=3", "--set a..b=3: expected an option, such as training.batch"),
        ("a=[1", "--set a=[1: this bracket is never closed"),
        ("a={x: 1, x: 2}", "--set a={x: 1, x: 2}: 'x' stands twice"),
        ("list.2=3", "--set list.2=3: no item 2: the list has 2, counted from 0"),
        ("list.-1=3", "--set list.-1=3: no item -1"),
        (".".join("a" * 5000) + "=1", "--set a.a.a"),
        ("a=" + "[" * 500, "--set a=[[["),
        ("list." + "9" * 5000 + "=1", "--set list.999"),
        ("a\x1b[31m", "--set a\ufffd[31m: expected option=value"),
    ],
)
def test_settings_that_cannot_be_read(write: Callable[..., None], setting: str, message: str) -> None:
    write(file="a: 1\nlist: [x, y]\n")
    said = error("file.yaml", setting)
    assert said.startswith(message)
    assert len(said) < 800
