# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in package index on the loopback, which can be told to fail as real ones do.

    with PackageIndex() as index:
        index.add(wheel)
        index.fail(BREAK, on=wheel.file, times=1)
        ... index.url ...

It speaks PEP 503 (HTML) or PEP 691 (JSON) with SHA-256 and the wheels' metadata (PEP 658), and it is also the proxy of its own
address: asked for another host's URL it answers as if it were that host, or with the failure that it was told.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tests.doubles.wheels import RealWheel, Wheel

BREAK = "break the download in the middle"
HANG = "accept the request and say nothing"
WRONG_HASH = "name another SHA-256 than the file's"


@dataclass
class Failure:
    """How the index is to fail: an HTTP status or one of the words above, for requests whose path ends so, so many times."""

    how: int | str
    on: str
    times: int


@dataclass(frozen=True)
class Request:
    """A request that the index got."""

    method: str
    path: str
    authorization: str | None


@dataclass
class PackageIndex:
    """The index; a context manager that serves while it is open."""

    host: str = "127.0.0.1"
    port: int = 0  # any that is free
    speaks_json: bool = False
    login: tuple[str, str] | None = None  # user and password, without which nothing is served
    certificate: Path | None = None  # with its key, in one file: it speaks TLS
    stands_for: str = ""  # it is a package cache that has another host's objects, below /HOST
    requests: list[Request] = field(default_factory=list)
    wheels: dict[str, Wheel | RealWheel] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> PackageIndex:
        index = self

        class Handler(_Handler):
            pass

        Handler.index = index
        self.server = ThreadingHTTPServer((self.host, self.port), Handler)
        self.server.daemon_threads = True
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            # The handshake in the thread that answers: one client who breaks it off stops no other.
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.server.server_address[1]}"

    @property
    def url(self) -> str:
        """The index's URL."""
        return f"{'https' if self.certificate else 'http'}://{self.address}/simple"

    @property
    def url_with_login(self) -> str:
        """The index's URL with the user and password that it wants."""
        user, password = self.login or ("", "")
        return f"http://{quote(user, safe='')}:{quote(password, safe='')}@{self.address}/simple"

    def add(self, *wheels: Wheel | RealWheel) -> None:
        """Offer wheels."""
        self.wheels.update({wheel.file: wheel for wheel in wheels})

    def fail(self, how: int | str, on: str = "", times: int = 1_000_000) -> None:
        """Fail for the next requests whose path ends with `on`."""
        self.failures.append(Failure(how, on, times))

    def asked_for(self, ending: str) -> int:
        """Return how many requests there were for paths with this ending."""
        return sum(request.path.endswith(ending) for request in self.requests)

    def failure_of(self, path: str) -> int | str | None:
        """Return how to fail for this path now, and count it."""
        for failure in self.failures:
            if failure.times and path.endswith(failure.on):
                failure.times -= 1
                return failure.how
        return None


class _Handler(BaseHTTPRequestHandler):
    index: PackageIndex
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for the client's acknowledgement

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        pass

    def do_CONNECT(self) -> None:  # the base class finds it by this name
        self._serve()

    def do_HEAD(self) -> None:  # as above
        self._serve()

    def do_GET(self) -> None:  # as above
        self._serve()

    def _serve(self) -> None:
        path = unquote(urlsplit(self.path).path)
        path = path.removeprefix(f"/{self.index.stands_for}") if self.index.stands_for else path
        authorization = self.headers.get("Authorization")
        self.index.requests.append(Request(self.command, path, authorization))
        failure = self.index.failure_of(path)
        if failure == HANG:
            self.index.closing.wait()
            self.close_connection = True
        elif isinstance(failure, int):
            self._answer(b"", failure, "text/plain")
        elif not self._may_enter(authorization):
            self._answer(b"", 401, "text/plain")
        else:
            self._serve_file(path, failure)

    def _may_enter(self, authorization: str | None) -> bool:
        if self.index.login is None:
            return True
        token = base64.b64encode(":".join(self.index.login).encode()).decode()
        return authorization == f"Basic {token}"

    def _serve_file(self, path: str, failure: str | None) -> None:
        folder, _, name = path.rstrip("/").rpartition("/")
        if folder == "/simple":
            self._answer(*self._page(name, failure))
        elif wheel := self.index.wheels.get(name.removesuffix(".metadata")):
            if name.endswith(".metadata"):
                self._answer(wheel.metadata, 200, "text/plain")
            else:
                self._answer(wheel.content, 200, "application/zip", broken=failure == BREAK)
        else:
            self._answer(b"", 404, "text/plain")

    def _page(self, project: str, failure: str | None) -> tuple[bytes, int, str]:
        wheels = [wheel for wheel in self.index.wheels.values() if wheel.project == project]
        if not wheels:
            return b"", 404, "text/plain"
        hashes = {
            wheel.file: hashlib.sha256(b"another file" if failure == WRONG_HASH else wheel.content).hexdigest()
            for wheel in wheels
        }
        if self.index.speaks_json:
            files = [
                {
                    "filename": wheel.file,
                    "url": f"../../files/{quote(wheel.file)}",
                    "hashes": {"sha256": hashes[wheel.file]},
                    "core-metadata": {"sha256": hashlib.sha256(wheel.metadata).hexdigest()},
                }
                for wheel in wheels
            ]
            page = json.dumps({"meta": {"api-version": "1.0"}, "name": project, "files": files})
            return page.encode(), 200, "application/vnd.pypi.simple.v1+json"
        lines = [
            f'<a href="../../files/{html.escape(quote(wheel.file))}#sha256={hashes[wheel.file]}" '
            f'data-core-metadata="sha256={hashlib.sha256(wheel.metadata).hexdigest()}">{wheel.file}</a><br>'
            for wheel in wheels
        ]
        return "\n".join(["<!DOCTYPE html>", *lines]).encode(), 200, "text/html"

    def _answer(self, body: bytes, status: int, kind: str, broken: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        if status == 407:
            self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[: len(body) // 2] if broken else body)
        if broken:
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
