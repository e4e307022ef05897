"""A web server for the folder of a bundle, as hosts use it: for the objects' own paths, and as apt's proxy."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class Server(ThreadingHTTPServer):
    """Serves a folder; `asked` is what was asked for, `missed` what of that is not in it."""

    daemon_threads = True

    def __init__(self, directory: Path, address: str) -> None:
        self.asked: list[str] = []
        self.missed: list[str] = []
        super().__init__((address, 0), partial(_Handler, directory=str(directory)))

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{self.server_address[0]!s}:{self.server_port}"


class _Handler(SimpleHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def send_head(self):  # type: ignore[no-untyped-def]  # as its base has it
        if "://" in self.path:  # apt asks a proxy for whole addresses
            self.path = "/" + self.path.partition("://")[2]
        self.server.asked.append(urlsplit(self.path).path)
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a page may have been made anew
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        self.server.missed.append(urlsplit(self.path).path)
        super().send_error(code, message, explain)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextmanager
def served(directory: Path, address: str) -> Iterator[Server]:
    """Serve a folder at an address of this machine for the time of the block."""
    with Server(directory, address) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
