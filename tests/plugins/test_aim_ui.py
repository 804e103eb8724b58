"""gankit ui: Aim's user interface with gankit's views in it, each once, and no process left whatever ends it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from support.aim_ui import repository, study, ui
from support.answers import check

from gankit import UserError
from gankit.cli import main
from gankit.cli.json_output import answer_schema
from gankit_aim.answers import UiAnswer
from gankit_aim.bookmarks import LOSSES, SAMPLES, Bookmark, of_metric, paths_in
from gankit_aim.repository import nearest
from gankit_aim.ui import has_display

FID = of_metric("fid")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place") / "runs"
    study(folder)
    return folder


@pytest.fixture(scope="module")
def started(runs: Path) -> Iterator[dict[str, str]]:
    """The addresses of a server that has been started for the second time, this time in a terminal with a display."""
    opened = runs.parent / "opened"
    browser = runs.parent / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o755)
    display = {"DISPLAY": ":99", "BROWSER": str(browser)}
    with ui(runs, environment=display) as first:
        waits, *shown = first.lines()
        assert waits == f"Aim makes its database in {runs / '.aim'}, which takes some seconds this once ..."
        before = {name: address for address, name in (line.split("  ", 1) for line in shown[:-1])}
        assert first.helpers() == [], "there is nobody who could outlast it"
        assert first.ended(signal.SIGTERM) == (0, "")
        assert not opened.exists(), "nobody looks at a pipe"
    with ui(runs, terminal=True, environment=display) as second:
        again = second.addresses()
        assert {name: path(address) for name, address in again.items()} == {
            name: path(address) for name, address in before.items()
        }, "they are the same"
        yield again
        assert opened.read_text().split() == [again[FID.name]]
        assert second.ended(signal.SIGINT) == (0, "")


def path(address: str) -> str:
    return re.sub(r"^http://127\.0\.0\.1:\d+", "", address)


def port(addresses: dict[str, str]) -> int:
    return int(addresses[FID.name].split(":")[2].split("/")[0])


def ask(addresses: dict[str, str], path: str) -> Any:
    """What Aim answers programs, which is how a browser gets what it shows."""
    with urlopen(f"http://127.0.0.1:{port(addresses)}/api{path}") as answer:
        return json.load(answer)


@pytest.mark.slow
def test_views_are_there_once_and_have_addresses(started: dict[str, str]) -> None:
    assert list(started) == [FID.name, LOSSES.name, SAMPLES.name]
    shown = {known["name"]: known for known in ask(started, "/dashboards/")}
    assert len(ask(started, "/dashboards/")) == len(shown) == 3
    for bookmark in (FID, LOSSES, SAMPLES):
        view = shown[bookmark.name]["app_id"]
        assert path(started[bookmark.name]) == f"/{bookmark.page}/{view}"
        assert ask(started, f"/apps/{view}/")["state"] == bookmark.state
        with urlopen(started[bookmark.name]) as page:
            assert b'<div id="root">' in page.read()


@pytest.mark.slow
def test_a_view_is_brought_up_to_date_but_keeps_what_its_user_changed(runs: Path, started: dict[str, str]) -> None:
    def placed(bookmark: Bookmark) -> str:
        """The id of a bookmark's view once it is there."""
        return paths_in(runs / ".aim", [bookmark])[bookmark.name].rpartition("/")[2]

    mine = FID._replace(key="mine", name="mine")
    view = placed(mine)
    changed = {**mine.state, "select": {"advancedMode": True, "advancedQuery": "metric.name == 'is'"}}
    change = json.dumps({"type": mine.page, "state": changed}).encode()
    at = f"http://127.0.0.1:{port(started)}/api"
    urlopen(Request(f"{at}/apps/{view}/", change, {"Content-Type": "application/json"}, method="PUT")).close()
    assert placed(mine) == view
    assert ask(started, f"/apps/{view}/")["state"] == changed, "its user's"
    newer = mine._replace(name="newer", state={**mine.state, "grouping": {"chart": ["context.resolution"]}})
    assert placed(newer) == view
    assert ask(started, f"/apps/{view}/")["state"] == newer.state
    (known,) = [known for known in ask(started, "/dashboards/") if known["app_id"] == view]
    assert (known["name"], known["description"]) == ("newer", newer.about)
    urlopen(Request(f"{at}/dashboards/{known['id']}/", method="DELETE")).close()
    assert placed(newer) == view
    assert [known["name"] for known in ask(started, "/dashboards/")].count("newer") == 1, "again once it was removed"


@pytest.mark.slow
def test_a_view_that_an_earlier_gankit_has_put_there_is_replaced(runs: Path, started: dict[str, str]) -> None:
    about = {"name": "as before", "description": "by gankit ui (old 194637d4)"}
    at = f"http://127.0.0.1:{port(started)}/api/dashboards/"
    urlopen(Request(at, json.dumps(about).encode(), {"Content-Type": "application/json"})).close()
    paths_in(runs / ".aim", [FID._replace(key="old", name="as now")])
    names = [known["name"] for known in ask(started, "/dashboards/")]
    assert "as now" in names
    assert "as before" not in names


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
def test_other_web_sites_neither_read_nor_delete(started: dict[str, str], headers: dict[str, str]) -> None:
    for method, what in (("GET", "dashboards/"), ("DELETE", "dashboards/any/"), ("OPTIONS", "dashboards/")):
        with pytest.raises(HTTPError, match="403"):
            urlopen(Request(f"http://127.0.0.1:{port(started)}/api/{what}", headers=headers, method=method))
    own = {"Origin": f"http://127.0.0.1:{port(started)}"}
    with urlopen(Request(f"http://127.0.0.1:{port(started)}/api/dashboards/", headers=own)) as answer:
        assert answer.status == 200


@pytest.mark.slow
def test_programs_are_told_where_it_is_to_be_seen(runs: Path) -> None:
    with ui(runs, "--json", "--no-browser") as started:
        told = json.loads(started.object())
        check([told], UiAnswer)
        assert list(told["views"]) == [FID.name, LOSSES.name, SAMPLES.name]
        assert told["repository"] == str(runs / ".aim")
        for address in told["views"].values():
            assert address.startswith("http://127.0.0.1:")
            with urlopen(address) as page:
                assert b'<div id="root">' in page.read()
        code, said = started.ended(signal.SIGTERM)
        assert code == 0
        assert f"Aim shows {runs / '.aim'}; Ctrl-C ends it." in said, "to people"
        assert started.output.read() == ""


def test_programs_are_told_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui", str(tmp_path), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    check([told], UiAnswer)
    assert told["error"]["exit_code"] == 2
    assert "no Aim repository in" in told["error"]["mistakes"][0]["message"]
    with pytest.raises(SystemExit, match="0"):
        main(["ui", "--json-schema"])
    assert json.loads(capsys.readouterr().out) == answer_schema(UiAnswer)


def test_a_port_in_use_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository(tmp_path / "runs")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert main(["ui", str(tmp_path / "runs"), "--port", str(number)]) == 2
    assert f"--port {number}: Address already in use on 127.0.0.1" in capsys.readouterr().err
    assert main(["ui", str(tmp_path / "runs"), "--port", "70000"]) == 2
    assert "--port 70000: bind(): port must be 0-65535" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_is_left_when_it_ends_while_aim_starts(tmp_path: Path) -> None:
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -signal.SIGKILL}
    with ExitStack() as stack:
        places = {number: repository(tmp_path / number.name) for number in codes}
        starting = {number: stack.enter_context(ui(place)) for number, place in places.items()}
        helpers = [helper for one in starting.values() for helper in one.wait_until_begun()]
        assert {number: one.ended(number)[0] for number, one in starting.items()} == codes
    deadline = time.monotonic() + 300
    while any(helper.is_running() for helper in helpers):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("VERSION", "0.0", "gankit: {} is not in the form of this version of Aim"),  # which would ask to overwrite it
        pytest.param(
            "aim_db",
            "no database of SQLite's, which begins with its name in sixteen letters",
            "gankit: Aim cannot serve {}",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_repository_that_cannot_be_served_is_left_alone(file: str, content: str, said: str, tmp_path: Path) -> None:
    found = repository(tmp_path / "runs")
    (found / file).write_text(content)
    with ui(found) as started:
        _, printed = started.process.communicate(timeout=60)
    assert started.process.returncode == 1
    assert said.format(found) in printed
    assert ("file is not a database" in printed) == (file == "aim_db"), "what Aim says is shown"
    assert (found / file).read_text() == content


@pytest.mark.parametrize(
    ("terminal", "display", "opens"),
    [
        (True, {"DISPLAY": ":0"}, True),
        (True, {"WAYLAND_DISPLAY": "w"}, True),
        (True, {}, False),
        (False, {"DISPLAY": ":0"}, False),
    ],
)
def test_a_browser_is_opened_where_it_can_be_seen(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, display: dict[str, str], opens: bool
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in display.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    assert has_display() is opens


def test_without_aim_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gankit_aim.ui.find_spec", lambda name: None)
    assert main(["ui", str(tmp_path)]) == 2
    assert "aim is not installed" in capsys.readouterr().err


def test_a_repository_is_found_in_below_and_above_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep" / "runs" / "losses" / "hinge").mkdir(parents=True)
    found = repository(tmp_path / "elsewhere")
    found.parent.rename(tmp_path / "deep" / "runs" / "losses" / "tracked")
    below = tmp_path / "deep" / "runs" / "losses" / "tracked" / ".aim"
    assert nearest(tmp_path / "deep") == nearest(below) == nearest(below.parent) == below
    with pytest.raises(
        UserError, match=r"no Aim repository in .*hinge, nor right above; runs get into one by the observer"
    ):
        nearest(tmp_path / "deep" / "runs" / "losses" / "hinge")
    above = repository(tmp_path / "new")
    above.parent.rename(tmp_path / "deep" / "new")
    shutil.move(tmp_path / "deep" / "new" / ".aim", tmp_path / "deep" / "runs" / ".aim")
    runs = tmp_path / "deep" / "runs"
    assert nearest(runs) == nearest(runs / "losses" / "hinge") == runs / ".aim"
    monkeypatch.chdir(runs / "losses" / "hinge")
    assert nearest(Path(".")) == runs / ".aim"
    with pytest.raises(UserError, match=r"several Aim repositories in .*deep, name one: .*runs/.aim, .*tracked/.aim"):
        nearest(tmp_path / "deep")
    with pytest.raises(UserError, match="there is no runs; runs get into one"):
        nearest(Path("runs"))
    with pytest.raises(UserError, match=r"aim://127\.0\.0\.1:53800 is a server of Aim: name the folder"):
        nearest(Path("aim://127.0.0.1:53800"))
