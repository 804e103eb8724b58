"""A server on loopback that answers as much as the Hugging Face Hub does to who sends or loads a small repository."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

COMMIT = "0" * 40
TOKEN = "hf_of_a_test"


class Hub:
    """What it was sent."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []
        """The requests, by method and path."""
        self.address = ""


@contextmanager
def hub_on_loopback() -> Iterator[Hub]:
    """Answer as long as the block lasts."""
    hub = Hub()

    class Answers(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            if found := re.fullmatch(r"/(\w+/\w+)/resolve/\w+/(.+)", self.path):
                content = hub.repositories.get(found[1], {}).get(found[2])
                tag = hashlib.sha1(content or b"").hexdigest()
                self.answer(content, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT})
            elif found := re.fullmatch(r"/api/models/(\w+/\w+)", self.path):
                files = hub.repositories.get(found[1])
                if files is None:
                    self.answer(None, {"X-Error-Code": "RepoNotFound"})
                else:
                    names = [{"rfilename": name} for name in files]
                    self.answer_json({"id": found[1], "sha": COMMIT, "siblings": names})
            else:
                self.answer(None)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path == "/api/validate-yaml":
                return self.answer_json({"errors": [], "warnings": []})
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                return self.answer(None, status=401)
            if self.path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                hub.repositories.setdefault(name, {})
                return self.answer_json({"url": f"{hub.address}/{name}"})
            found = re.match(r"/api/models/(\w+/\w+)/(preupload|commit)/main", self.path)
            assert found is not None, self.path
            if found[2] == "preupload":
                modes = [{**file, "uploadMode": "regular", "shouldIgnore": False} for file in json.loads(body)["files"]]
                return self.answer_json({"files": modes})
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    file = line["value"]
                    hub.repositories[found[1]][file["path"]] = base64.b64decode(file["content"])
            address = f"{hub.address}/{found[1]}/commit/{COMMIT}"
            return self.answer_json({"success": True, "commitOid": COMMIT, "commitUrl": address})

        def answer_json(self, value: Any) -> None:
            self.answer(json.dumps(value).encode(), {"content-type": "application/json"})

        def answer(self, content: bytes | None, headers: dict[str, str] | None = None, status: int = 404) -> None:
            self.send_response(status if content is None else 200)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content or b"")))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content or b"")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
