"""Puts bookmarks into a repository through the server of Aim's user interface, each once."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any

from gankit_aim.board import Bookmark

TIMEOUT = 30.0
"""Seconds in which the server answers."""


class Api:
    """What a server of Aim's user interface is asked by programs."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request.

        Args:
            method: The method of HTTP.
            path: What stands behind /api.
            body: What to send, as JSON.

        Returns:
            The answer, from JSON.

        Raises:
            OSError: if the server does not answer, or not with success.
            ValueError: if the answer is no JSON.
        """
        connection = HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)  # no proxy is asked
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/api{path}", content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise OSError(f"Aim answers {method} {path} with {answer.status} {answer.reason}")
        return json.loads(said)


def placed(api: Api, bookmark: Bookmark) -> str:
    """The id of a bookmark's view, which is put there if it is missing, or there in another version of gankit's.

    One that its user has changed in Aim stays so until gankit's own version is another.

    Raises:
        OSError: if the server does not take it.
        ValueError: if it answers with something else than expected.
    """
    try:
        for known in api.ask("GET", "/dashboards/"):
            if (known["description"] or "").startswith(bookmark.mark):
                return _renewed(api, bookmark, known)
        view = api.ask("POST", "/apps/", {"type": bookmark.page, "state": bookmark.state})["id"]
        api.ask("POST", "/dashboards/", _named(bookmark) | {"app_id": view})
    except (KeyError, TypeError) as unexpected:
        raise ValueError(f"Aim's answer lacks {unexpected}") from unexpected
    return view


def _renewed(api: Api, bookmark: Bookmark, known: dict[str, Any]) -> str:
    """The id of the view of a bookmark that is there in some version."""
    view = known["app_id"]
    if known["description"] != bookmark.about:
        api.ask("PUT", f"/apps/{view}/", {"type": bookmark.page, "state": bookmark.state})
        api.ask("PUT", f"/dashboards/{known['id']}/", _named(bookmark))
    return view


def _named(bookmark: Bookmark) -> dict[str, str]:
    return {"name": bookmark.name, "description": bookmark.about}
