"""Answers Aim's own pages alone; Aim itself answers those of any web site, and lets them delete runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
"""An ASGI application."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""What this machine is called by itself, be it through a tunnel and another port."""
REFUSED = b"refused: gankit ui answers its own pages alone, under a name of this machine or one given by --allow-host\n"


class OwnPagesOnly:
    """Stands in front of an ASGI application and refuses whatever another web site makes a browser ask.

    The Host must be this machine's own, or a site could give its name our address (DNS rebinding); and an Origin must
    be that host, or any page could read answers and change what there is. A browser says besides, by Sec-Fetch-Site,
    where a picture or a frame of ours is shown; a link to us may stand anywhere.
    """

    def __init__(self, app: App, hosts: Collection[str] = ()) -> None:
        """Guard `app`, which may be asked for by these host names beside those of loopback."""
        self._app = app
        self._hosts = {host.lower() for host in (*LOOPBACK, *hosts)}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Hand on what is ours, and refuse the rest with 403."""
        if scope["type"] == "lifespan" or self._is_own(scope["headers"]):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            about = [(b"content-type", b"text/plain"), (b"content-length", str(len(REFUSED)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": about})
            await send({"type": "http.response.body", "body": REFUSED})

    def _is_own(self, headers: Collection[tuple[bytes, bytes]]) -> bool:
        said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        host, origin = said.get("host", ""), said.get("origin")
        if _name_of(f"//{host}") not in self._hosts:
            return False
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return False
        is_of_ours = said.get("sec-fetch-site", "none") in ("same-origin", "none")
        return is_of_ours or said.get("sec-fetch-dest") == "document"


def _name_of(address: str) -> str | None:
    """The host that an address names, in small letters."""
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
