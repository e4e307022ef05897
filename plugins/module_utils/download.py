# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetch a wheel from a package index with nothing but the standard library, and trust it only by its SHA-256.

A fresh host has Python but neither pip nor venv; from here it gets the installer that does the rest.
"""

import hashlib
import json
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from typing import Dict, Optional
from urllib.parse import urldefrag, urljoin

DEFAULT_INDEX = "https://pypi.org/simple"
CHUNK = 1 << 20  # bytes


class DownloadError(Exception):
    """A download failed for good; the text is one sentence for the user."""


def default_index() -> str:
    """Return the package index that the environment names (uv's variable, then pip's), or the public one."""
    return os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or DEFAULT_INDEX


def tls_context(ca_file: Optional[str] = None) -> ssl.SSLContext:
    """Return a verifying TLS context that trusts `ca_file`, or the bundle that pip or requests are told to trust."""
    bundle = ca_file or os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
    return ssl.create_default_context(cafile=bundle or None)


def wheel_url(index: str, project: str, filename: str, context: ssl.SSLContext, timeout: float) -> str:
    """Return the address of `filename` on the project's page of the index (PEP 691 JSON or PEP 503 HTML)."""
    page = "{}/{}/".format(index.rstrip("/"), project)
    accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
    request = urllib.request.Request(page, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
        body = answer.read().decode("utf-8", "replace")
        base = answer.geturl()
        is_json = "json" in answer.headers.get("Content-Type", "")
    if is_json:
        links = [item["url"] for item in json.loads(body)["files"] if item["filename"] == filename]
    else:
        links = [link for link in re.findall(r'href="([^"]+)"', body) if urldefrag(link)[0].endswith("/" + filename)]
    if not links:
        raise DownloadError("the package index {} does not offer {}".format(index, filename))
    return str(urldefrag(urljoin(base, links[0]))[0])


def fetch(url: str, target: str, sha256: str, context: ssl.SSLContext, timeout: float) -> None:
    """Download `url` to `target`; the file appears only when its SHA-256 is the expected one."""
    digest = hashlib.sha256()
    partial = "{}.part{}".format(target, os.getpid())
    try:
        with urllib.request.urlopen(url, timeout=timeout, context=context) as answer, open(partial, "wb") as out:
            for chunk in iter(lambda: answer.read(CHUNK), b""):
                digest.update(chunk)
                out.write(chunk)
        if digest.hexdigest() != sha256:
            raise DownloadError("{} has SHA-256 {}, expected {}".format(url, digest.hexdigest(), sha256))
        os.replace(partial, target)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def fetch_wheel(
    project: str,
    wheel: Dict[str, str],
    directory: str,
    index: Optional[str] = None,
    ca_file: Optional[str] = None,
    timeout: float = 60.0,
    retries: int = 3,
) -> str:
    """Fetch the pinned `wheel` ({file, sha256}) of `project` into `directory` and return its path.

    `timeout` is in seconds for each read; a download that breaks off is tried `retries` more times.
    Raises DownloadError.
    """
    index = index or default_index()
    target = os.path.join(directory, wheel["file"])
    context = tls_context(ca_file)
    for attempt in range(retries + 1):
        try:
            fetch(wheel_url(index, project, wheel["file"], context, timeout), target, wheel["sha256"], context, timeout)
            return target
        except (OSError, EOFError, DownloadError, ValueError) as error:
            refused = isinstance(error, urllib.error.HTTPError) and error.code in (401, 403, 404, 407)
            if refused or attempt == retries:
                raise DownloadError("cannot fetch {} from {}: {}".format(wheel["file"], index, error)) from error
            time.sleep(min(2.0**attempt, 10.0))
    raise AssertionError("unreachable: the last attempt returns or raises")
