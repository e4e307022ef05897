# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in origin that counts who asks, takes its time, and breaks off where it is told to: http://ADDRESS:PORT/NAME-MEGABYTES.whl.

Below /reflected/ it answers with the request itself, as an origin does that makes its links of what a client says.
"""

from __future__ import annotations

import random
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MB = 1 << 20


def content(path: str) -> bytes:
    """What is at a path, the same each time: as many megabytes as its name says."""
    found = re.search(r"-(\d+)\.whl$", path)
    return random.Random(path).randbytes(int(found.group(1)) * MB if found else 1000)


@dataclass
class SlowOrigin:
    """The origin; a context manager that serves while it is open."""

    host: str
    seconds: float = 0  # how long an answer takes
    breaks: int = 0  # how many answers end in the middle from now on
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path and range of each

    def __enter__(self) -> SlowOrigin:
        origin = self

        class Handler(_Handler):
            pass

        Handler.origin = origin
        self.server = ThreadingHTTPServer((self.host, 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        """The origin's address."""
        return f"http://{self.host}:{self.server.server_address[1]}"

    def asked_for(self, name: str) -> list[str | None]:
        """Return the ranges of the requests for a name; None for the whole."""
        return [range_ for path, range_ in self.requests if path.endswith(name)]


class _Handler(BaseHTTPRequestHandler):
    origin: SlowOrigin

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        pass

    def do_GET(self) -> None:  # the base class finds it by this name
        self.origin.requests.append((self.path, self.headers.get("Range")))
        said = f"{self.requestline}\n{self.headers}".encode()
        body = said if self.path.startswith("/reflected/") else content(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        # What keeps caches from serving two clients with one answer, all at once.
        self.send_header("Cache-Control", "private, no-store, max-age=0")
        self.send_header("Set-Cookie", "session=1")
        self.send_header("Vary", "Accept, Accept-Encoding, Cookie, User-Agent")
        self.end_headers()
        pieces = range(0, len(body), max(len(body) // 10, 1))
        for start in pieces:
            if self.origin.breaks and start >= len(body) // 2:
                self.origin.breaks -= 1
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            time.sleep(self.origin.seconds / len(pieces))
            self.wfile.write(body[start : start + pieces.step])
