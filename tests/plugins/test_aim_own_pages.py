"""While gankit ui is open, other web sites can neither read nor delete runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gankit_aim.own_pages import OwnPagesOnly

HERE = "127.0.0.1:43800"


def answer(headers: dict[str, str], kind: str = "http", hosts: tuple[str, ...] = ()) -> list[Any]:
    """What is sent to whoever asks with these headers; 200 comes from behind the guard."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"status": 200})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read of what is refused")

    said = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(OwnPagesOnly(app, hosts)({"type": kind, "headers": said}, receive, send))
    return sent


@pytest.mark.parametrize(
    "headers",
    [
        {},  # a program, or an address that was typed
        {"origin": f"http://{HERE}", "sec-fetch-site": "same-origin"},
        {"host": "localhost:9000", "origin": "http://localhost:9000"},  # through a tunnel
        {"host": "[::1]:9000", "origin": "http://[::1]:9000"},
        {"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"},  # a link
    ],
)
def test_its_own_pages_are_answered(headers: dict[str, str]) -> None:
    assert answer({"host": HERE, **headers}) == [{"status": 200}]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8888"},  # another server of this machine
        {"origin": "http://localhost:43800"},
        {"origin": f"http://{HERE}.evil.example"},
        {"host": "evil.example:43800"},  # whose name was given our address
        {"host": "evil.example:43800", "origin": "http://evil.example:43800"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "127.0.0.1@evil.example"},
        {"host": "[::1"},
        {"host": ""},
        {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"},
        {"sec-fetch-site": "same-site", "sec-fetch-dest": "image"},
    ],
)
def test_others_are_not(headers: dict[str, str]) -> None:
    start, body = answer({"host": HERE, **headers})
    assert start["status"] == 403
    assert not any(name.startswith(b"access-control") for name, _ in start["headers"])
    assert b"--allow-host" in body["body"]
    assert answer({"host": HERE, **headers}, "websocket") == [{"type": "websocket.close", "code": 1008}]


def test_a_proxy_may_have_another_name() -> None:
    proxied = {"host": "hub.example", "origin": "https://hub.example"}
    assert answer(proxied)[0]["status"] == 403
    assert answer(proxied, hosts=("Hub.example",)) == [{"status": 200}]
    assert answer({**proxied, "origin": "https://evil.example"}, hosts=("hub.example",))[0]["status"] == 403
