# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads of a bundle: whole and right, or not there. One that breaks off goes on where it was, in this run or in the next."""

from __future__ import annotations

import errno
import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.tensorwright.fleet.plugins.module_utils.network import download
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import (
    CHUNK,
    PARTIAL,
    BundleError,
    digest,
    without_login,
)

ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5, */*;q=0.1"
WORDS = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota of the disk is used up"}
T = TypeVar("T")


class _WrongError(Exception):
    """What arrived whole is not what it has to be."""


class Fetcher:
    """Fetches over HTTP with the control node's own proxies and certificates."""

    def __init__(self, timeout: float = 60.0, retries: int = 3, pause: float = 2.0) -> None:
        self._timeout = timeout
        self._retries = retries
        self._pause = pause
        self._context: ssl.SSLContext = download.tls_context()

    def text(self, url: str) -> tuple[str, str, bool]:
        """What is at an address, from where it came in the end, and whether it is JSON. Raises BundleError."""

        def once() -> tuple[str, str, bool]:
            with self._open(url, {"Accept": ACCEPT}) as answer:
                body = answer.read().decode("utf-8", "replace")
                return body, answer.geturl(), "json" in answer.headers.get("Content-Type", "")

        return self._tried(once, url)

    def content(self, url: str) -> bytes:
        """What is at an address. Raises BundleError."""

        def once() -> bytes:
            with self._open(url, {}) as answer:
                body: bytes = answer.read()
                return body

        return self._tried(once, url)

    def size(self, url: str) -> int | None:
        """How large the object at an address is; None where its server does not say."""
        with suppress(OSError, ValueError, http.client.HTTPException), self._open(url, {}, "HEAD") as answer:
            return int(answer.headers["Content-Length"])
        return None

    def fetch(self, url: str, target: Path, sha256: str | None, told: Callable[[int], None] = lambda _: None) -> str:
        """Put what is at an address into a file, and return its SHA-256. Raises BundleError."""
        partial = target.with_name(target.name + PARTIAL)

        def once() -> str:
            self._append(url, partial, told)
            found = digest(partial) or ""
            if sha256 and found != sha256:
                partial.unlink()
                raise _WrongError(f"has SHA-256 {found}, and {sha256} was expected")
            os.replace(partial, target)
            return found

        target.parent.mkdir(parents=True, exist_ok=True)
        return self._tried(once, url)

    def _append(self, url: str, partial: Path, told: Callable[[int], None]) -> None:
        there = partial.stat().st_size if partial.exists() else 0
        headers = {"Range": f"bytes={there}-"} if there else {}
        try:
            answer = self._open(url, headers)
        except urllib.error.HTTPError as error:
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            return  # all of it is there, or more than there should be, which its hash will tell
        with answer, partial.open("ab" if answer.status == http.HTTPStatus.PARTIAL_CONTENT else "wb") as out:
            expected, got = answer.headers.get("Content-Length"), 0
            while chunk := answer.read(CHUNK):
                out.write(chunk)
                got += len(chunk)
                told(len(chunk))
        if expected is not None and got != int(expected):
            raise ConnectionError(f"connection broken after {got} of {expected} bytes")

    def _open(self, url: str, headers: dict[str, str], method: str = "GET") -> Any:
        address, login = download.split_login(url)
        request = urllib.request.Request(address, headers=headers, method=method)
        if login:
            request.add_unredirected_header("Authorization", login)
        return urllib.request.urlopen(request, timeout=self._timeout, context=self._context)

    def _tried(self, once: Callable[[], T], url: str) -> T:
        for attempt in range(self._retries + 1):
            try:
                return once()
            except (OSError, EOFError, ValueError, http.client.HTTPException, _WrongError) as error:
                # What does not agree may have gone on from a part of something older: once more, from its begin.
                last = attempt == (min(self._retries, 1) if isinstance(error, _WrongError) else self._retries)
                if last or _is_hopeless(error):
                    raise BundleError(_sentence(url, error)) from error
                time.sleep(min(self._pause * (attempt + 1), 10.0))
        raise AssertionError("unreachable: the last attempt returns or raises")


def _is_hopeless(error: Exception) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in (408, 429)
    if isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
    ):
        return True
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _sentence(url: str, error: Exception) -> str:
    address = without_login(url)
    if isinstance(error, _WrongError):
        return f"{address} {error}; nothing of it was kept: it was changed on its way, or its index is of another day"
    if isinstance(error, OSError) and error.filename and not isinstance(error, urllib.error.URLError):
        return f"{error.filename} cannot be written: {WORDS.get(error.errno or 0, error.strerror)}"
    if isinstance(error, OSError) and error.errno in WORDS:
        return f"{address} cannot be kept: {WORDS[error.errno]}"
    reason = getattr(error, "reason", None) or error
    return f"{address} cannot be fetched: {reason}; check the control node's network, proxy and certificates"
