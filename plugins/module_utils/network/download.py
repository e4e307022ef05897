# SPDX-License-Identifier: GPL-3.0-or-later

"""Fetch a wheel from a package index with nothing but the standard library, and trust it only by its SHA-256.

A fresh host has Python but neither pip nor venv; from here it gets the installer that does the rest.
"""

import base64
import errno
import functools
import hashlib
import html
import http.client
import json
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit

from ansible_collections.tensorwright.fleet.plugins.module_utils.common import safe_tree
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.package_cache import NONE, Cache

DEFAULT_INDEX = "https://pypi.org/simple"
CHUNK = 1 << 20  # bytes
T = TypeVar("T")
HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG)


class DownloadError(Exception):
    """A download failed for good; the text is one sentence for the user."""


class _BrokenError(DownloadError):
    """What arrived is not what was sent; another attempt may be luckier."""


def default_index() -> str:
    """Return the package index that the environment names (uv's variable, then pip's), or the public one."""
    return os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or DEFAULT_INDEX


def split_login(url: str) -> Tuple[str, Optional[str]]:
    """Return a URL without user and password, and the header `Authorization` that says the same."""
    parts = urlsplit(url)
    login, has_login, host = parts.netloc.rpartition("@")
    if not has_login:
        return url, None
    user, _colon, password = login.partition(":")
    token = "{}:{}".format(unquote(user), unquote(password)).encode("utf-8")
    return urlunsplit(parts._replace(netloc=host)), "Basic " + base64.b64encode(token).decode("ascii")


def without_login(url: str) -> str:
    """Return a URL without user and password: the site's login is not for every user of the host to read."""
    return split_login(url)[0]


def tls_context(ca_file: Optional[str] = None) -> ssl.SSLContext:
    """Return a verifying TLS context that trusts `ca_file`, or the bundle that pip or requests are told to trust."""
    bundle = ca_file or os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
    try:
        return ssl.create_default_context(cafile=bundle or None)
    except OSError as error:
        raise DownloadError("the CA certificates in {} cannot be read: {}".format(bundle, error)) from error


def _open(url: str, index: str, context: ssl.SSLContext, timeout: float, accept: str = "*/*") -> Any:
    """Open a URL, with the index's login where it is of the index's own host."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    address, login = split_login(index)
    if login and urlsplit(url)[:2] == urlsplit(address)[:2]:
        request.add_unredirected_header("Authorization", login)  # where the index sends us next, it is not for
    return urllib.request.urlopen(request, timeout=timeout, context=context)


def offered(index: str, project: str, context: ssl.SSLContext, timeout: float) -> Dict[str, str]:
    """Return the files on the project's page of the index, each with its address (PEP 691 JSON or PEP 503 HTML)."""
    page = "{}/{}/".format(without_login(index).rstrip("/"), project)
    accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
    with _open(page, index, context, timeout, accept) as answer:
        body = answer.read().decode("utf-8", "replace")
        base = answer.geturl()
        is_json = "json" in answer.headers.get("Content-Type", "")
    if is_json:
        links = [item["url"] for item in json.loads(body).get("files", [])]
    else:
        links = [html.unescape(link) for _quote, link in re.findall(r"""href\s*=\s*(["'])(.*?)\1""", body)]
    urls = [str(urldefrag(urljoin(base, link))[0]) for link in links]
    return {unquote(urlsplit(url).path.rpartition("/")[2]): url for url in urls}


def wheel_url(index: str, project: str, filename: str, context: ssl.SSLContext, timeout: float) -> str:
    """Return the address of `filename`, a file of the project. Raises DownloadError."""
    urls = offered(index, project, context, timeout)
    if filename not in urls:
        raise DownloadError("the package index {} does not offer {}".format(without_login(index), filename))
    return urls[filename]


def newest_build(
    project: str,
    tag: str,
    indexes: List[str],
    ca_file: Optional[str],
    timeout: float,
    retries: int,
    cache: Cache = NONE,
) -> str:
    """Return the newest version that any of the indexes has a wheel of for a Python tag (cp311) and this machine.

    Raises DownloadError.
    """
    context, found = tls_context(ca_file), {}
    pattern = re.compile(
        r"{}-([^-]+)-{}-[^-]+-[^-]*linux[^-]*_{}\.whl".format(
            re.escape(project.replace("-", "_")), tag, os.uname().machine
        )
    )
    for index in indexes:
        address = without_login(index)
        ask = functools.partial(offered, project=project, context=context, timeout=timeout)
        try:
            files = _by_way_of(cache, index, ask, "the list of " + project, retries)
        except DownloadError:
            if len(indexes) == 1:
                raise
            continue  # an extra index need not have it
        for match in filter(None, map(pattern.match, files)):
            found[match.group(1)] = tuple(int(number) for number in re.findall(r"\d+", match.group(1)))
    if not found:
        raise DownloadError("the package index {} does not offer {} for {}".format(address, project, tag))
    return max(found, key=lambda version: found[version])


def fetch(url: str, index: str, target: str, sha256: Optional[str], context: ssl.SSLContext, timeout: float) -> str:
    """Download `url` to `target` and return its SHA-256; the file appears only when that is the expected one, if any is."""
    digest, got = hashlib.sha256(), 0
    partial = "{}.part{}".format(target, os.getpid())
    try:
        with _open(url, index, context, timeout) as answer, safe_tree.open_file(partial, "w", encoding=None) as out:
            for chunk in iter(lambda: answer.read(CHUNK), b""):
                digest.update(chunk)
                got += len(chunk)
                out.write(chunk)
            size = answer.headers.get("Content-Length")
        if size is not None and got != int(size):
            raise _BrokenError("{}: connection broken after {} of {} bytes".format(url, got, size))
        if sha256 and digest.hexdigest() != sha256:
            raise _BrokenError("{} has SHA-256 {}, expected {}".format(url, digest.hexdigest(), sha256))
        safe_tree.rename(partial, target)
        return digest.hexdigest()
    finally:
        if os.path.exists(partial):
            safe_tree.unlink(partial)


def _is_hopeless(error: Exception) -> bool:
    """Tell whether another attempt would fail alike."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code < 500 and error.code not in (408, 429)
    if isinstance(error, DownloadError):
        return not isinstance(error, _BrokenError)
    words = str(error)
    return (
        getattr(error, "errno", None) in HOPELESS
        or "Tunnel connection failed: 4" in words
        or "CERTIFICATE_VERIFY_FAILED" in words
    )


def fetch_wheel(
    project: str,
    wheel: Dict[str, str],
    directory: str,
    index: Optional[str] = None,
    ca_file: Optional[str] = None,
    timeout: float = 60.0,
    retries: int = 3,
    cache: Cache = NONE,
) -> str:
    """Fetch the pinned `wheel` ({file, sha256}) of `project` into `directory` and return its path.

    `timeout` is in seconds for each read; a download that breaks off is tried `retries` more times.
    Raises DownloadError.
    """
    index = index or default_index()
    target = os.path.join(directory, wheel["file"])
    context = tls_context(ca_file)

    def once(place: str) -> None:
        url = wheel_url(place, project, wheel["file"], context, timeout)
        fetch(url, place, target, wheel["sha256"], context, timeout)

    _by_way_of(cache, index, once, wheel["file"], retries)
    return target


def fetch_url(
    url: str,
    target: str,
    sha256: Optional[str] = None,
    ca_file: Optional[str] = None,
    timeout: float = 60.0,
    retries: int = 3,
    cache: Cache = NONE,
) -> str:
    """Download a URL, which may hold a login, to a file; return the file's SHA-256. Raises DownloadError."""
    context = tls_context(ca_file)

    def once(place: str) -> str:
        return fetch(without_login(place), place, target, sha256, context, timeout)

    return _by_way_of(cache, url, once, os.path.basename(target), retries)


def _by_way_of(cache: Cache, url: str, once: Callable[[str], T], what: str, retries: int) -> T:
    """Do something for a URL at each place where its object may be had, until it works. Raises DownloadError."""
    places = cache.places(url) if cache.usable() else [url]
    for number, place in enumerate(places):
        address = without_login(place)
        if address.endswith("/" + what):
            address = address[: -len(what) - 1]
        patience = cache.timeout if place != url else 0
        try:
            return _tried(functools.partial(once, place), what, address, retries, patience)
        except DownloadError as error:
            if number + 1 == len(places):
                refusal = cache.refusal()
                if refusal:
                    raise DownloadError("{}: {}".format(what, refusal)) from error
                raise
    raise AssertionError("unreachable: the last place returns or raises")


def _tried(once: Callable[[], T], what: str, address: str, retries: int, patience: float = 0) -> T:
    """Do something that reaches the network until it works, or is known never to. Raises DownloadError.

    `patience`: seconds for which silence is no failure, as of a cache that is fetching what was asked for.
    """
    attempt, deadline = 0, time.time() + patience
    while True:
        try:
            return once()
        except (OSError, EOFError, DownloadError, ValueError, http.client.HTTPException) as error:
            if isinstance(error, socket.timeout) and time.time() < deadline:
                continue
            if attempt >= retries or _is_hopeless(error):
                raise DownloadError("cannot fetch {} from {}: {}".format(what, address, error)) from error
            time.sleep(min(2.0**attempt, 10.0))
            attempt += 1
