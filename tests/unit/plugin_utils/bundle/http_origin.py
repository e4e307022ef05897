# SPDX-License-Identifier: GPL-3.0-or-later
"""A small web server in the place of an origin, which can break off, and knows ranges."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Origin:
    """Path → content; a context manager that serves while it is open.

    breaks: path → after how many bytes the next answer breaks off. asked: method, path and range of each request.
    """

    contents: dict[str, bytes] = field(default_factory=dict)
    breaks: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def __enter__(self) -> Origin:
        origin = self

        class Handler(_Handler):
            pass

        Handler.origin = origin
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """Its name in addresses."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}"

    def paths(self, method: str = "GET") -> list[str]:
        """What was asked for."""
        return [path for verb, path, _range in self.asked if verb == method]


class _Handler(BaseHTTPRequestHandler):
    origin: Origin
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.origin.asked.append((self.command, self.path, wanted))
        content = self.origin.contents.get(self.path)
        if content is None:
            self._answer(404, b"")
            return
        match = re.fullmatch(r"bytes=(\d+)-", wanted)
        if match and int(match.group(1)) >= len(content):
            self._answer(416, b"")
        elif match:
            self._answer(206, content[int(match.group(1)) :])
        else:
            self._answer(200, content, self.origin.breaks.pop(self.path, None) if self.command == "GET" else None)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _answer(self, status: int, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:length])
            self.close_connection = length is not None

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""
