# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import http.server
import resource
import socketserver
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis import matcher
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import download
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.download import DownloadError, fetch_wheel

from tests.doubles.package_index import BREAK, HANG, WRONG_HASH, PackageIndex
from tests.doubles.wheels import Wheel

WHEEL = Wheel("uv", "1.0+local", {"uv.py": "x = 1\n"}, data=bytes(100_000))
PIN = {"file": WHEEL.file, "sha256": WHEEL.sha256}


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch, no_settings: None) -> list[float]:
    """How long the code under test would have slept."""
    naps: list[float] = []
    monkeypatch.setattr(time, "sleep", naps.append)
    return naps


@pytest.fixture(params=["html", "json"])
def offered(index: PackageIndex, request: pytest.FixtureRequest) -> PackageIndex:
    index.speaks_json = request.param == "json"
    index.add(WHEEL)
    return index


def fetch(index: PackageIndex, directory: Path, /, **changes: Any) -> str:
    return fetch_wheel("uv", PIN, str(directory), **{"index": index.url, "timeout": 5, "retries": 2, **changes})


def test_a_wheel_is_fetched_whichever_way_the_index_speaks(offered: PackageIndex, tmp_path: Path) -> None:
    assert fetch(offered, tmp_path) == str(tmp_path / WHEEL.file)
    assert (tmp_path / WHEEL.file).read_bytes() == WHEEL.content


@pytest.mark.parametrize(
    "link",
    [
        '<a href="{file}">x</a>',
        "<a class='x' href='./{file}#sha256=0'>x</a>",
        '<a href = "/files/{file}?a=1&amp;b=2#sha256=0">x</a>',
        '<a href="other-{file}">x</a> <a href="../../x/{file}">x</a>',
    ],
)
def test_pages_of_simple_indexes_are_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, link: str) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = link.format(file=WHEEL.file.replace("+", "%2B")).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(WHEEL.content if ".whl" in self.path else page)

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        fetch_wheel("uv", PIN, str(tmp_path), index=f"http://127.0.0.1:{server.server_port}/simple/", retries=0)
        server.shutdown()
    assert (tmp_path / WHEEL.file).read_bytes() == WHEEL.content


def test_a_download_that_breaks_in_the_middle_is_tried_again(
    offered: PackageIndex, tmp_path: Path, naps: list[float]
) -> None:
    offered.fail(BREAK, on=WHEEL.file, times=2)
    fetch(offered, tmp_path)
    assert (tmp_path / WHEEL.file).read_bytes() == WHEEL.content
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [WHEEL.file]
    assert naps == [1.0, 2.0]


@pytest.mark.parametrize(
    ("how", "on", "cause"),
    [
        (BREAK, WHEEL.file, "download-truncated"),
        (503, "/uv/", "server-overloaded"),
        (429, WHEEL.file, "server-overloaded"),
    ],
)
def test_when_retries_are_used_up_one_sentence_says_why(
    index: PackageIndex, tmp_path: Path, how: int | str, on: str, cause: str
) -> None:
    index.add(WHEEL)
    index.fail(how, on=on)
    with pytest.raises(DownloadError, match=r"^cannot fetch uv-1.0\+local-py3-none-any.whl from http://127") as refused:
        fetch(index, tmp_path)
    assert index.asked_for(on) == 3
    row = matcher.diagnose(str(refused.value))
    assert row is not None
    assert row.id == cause
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_what_the_index_says_of_a_files_hash_does_not_count(index: PackageIndex, tmp_path: Path) -> None:
    index.add(WHEEL)
    index.fail(WRONG_HASH)
    assert fetch(index, tmp_path)


def test_a_file_that_is_not_the_pinned_one_is_never_kept(index: PackageIndex, tmp_path: Path) -> None:
    index.add(WHEEL)
    with pytest.raises(DownloadError, match=f"has SHA-256 {WHEEL.sha256}, expected {'0' * 64}") as refused:
        fetch_wheel("uv", {**PIN, "sha256": "0" * 64}, str(tmp_path), index=index.url, retries=1)
    assert index.asked_for(WHEEL.file) == 2
    assert matcher.explain(str(refused.value)).startswith("a download is not the file that was expected")
    assert not list(tmp_path.glob("*.whl*"))


@pytest.mark.parametrize(
    ("how", "cause"), [(401, "index-denied"), (403, "index-denied"), (404, "not-found"), (407, "proxy-login")]
)
def test_what_the_index_refuses_is_not_tried_again(
    index: PackageIndex, tmp_path: Path, how: int, cause: str | None, naps: list[float]
) -> None:
    index.add(WHEEL)
    index.fail(how)
    with pytest.raises(DownloadError) as refused:
        fetch(index, tmp_path)
    assert len(index.requests) == 1
    assert naps == []
    row = matcher.diagnose(str(refused.value))
    assert (row and row.id) == cause


def test_a_proxy_that_wants_a_login_is_not_tried_again(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://{index.address}")
    index.fail(407)
    with pytest.raises(DownloadError) as refused:
        fetch_wheel("uv", PIN, str(tmp_path), index="https://index.example/simple", retries=3)
    assert [request.method for request in index.requests] == ["CONNECT"]
    assert "the proxy asks for a login" in matcher.explain(str(refused.value))


def test_a_proxy_is_used(index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://{index.address}")
    index.add(WHEEL)
    fetch_wheel("uv", PIN, str(tmp_path), index="http://index.example/simple", retries=0)
    assert (tmp_path / WHEEL.file).exists()


def test_a_wheel_that_the_index_does_not_have(index: PackageIndex, tmp_path: Path, naps: list[float]) -> None:
    index.add(Wheel("uv", "2.0", {}))
    with pytest.raises(DownloadError, match=r"the package index http://\S+ does not offer uv-1.0"):
        fetch(index, tmp_path)
    assert naps == []


def test_an_index_that_says_nothing(index: PackageIndex, tmp_path: Path) -> None:
    index.fail(HANG)
    with pytest.raises(DownloadError, match="timed out") as refused:
        fetch(index, tmp_path, timeout=0.1, retries=1)
    assert len(index.requests) == 2
    assert matcher.transient(str(refused.value))


def test_an_index_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="Connection refused") as refused:
        fetch_wheel("uv", PIN, str(tmp_path), index="http://127.0.0.1:1/simple", retries=1)
    assert matcher.transient(str(refused.value))


@pytest.mark.parametrize("answer", [b"rubbish\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"])
def test_an_index_that_speaks_rubbish(tmp_path: Path, answer: bytes, speaker: Any) -> None:
    with pytest.raises(DownloadError, match="cannot fetch"):
        fetch_wheel("uv", PIN, str(tmp_path), index=speaker(answer), retries=1)


@pytest.fixture
def speaker(request: pytest.FixtureRequest) -> Any:
    """Return a function that starts a server which says the same to everybody and returns its URL."""

    def start(answer: bytes) -> str:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(answer)

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        request.addfinalizer(server.server_close)
        request.addfinalizer(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}/simple"

    return start


def test_a_body_without_length_that_breaks_off(tmp_path: Path, speaker: Any) -> None:
    """Chunked, as behind some proxies: Python's own exception for it is not an OSError."""
    url = speaker(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf")
    with pytest.raises(DownloadError, match="IncompleteRead") as refused:
        fetch_wheel("uv", PIN, str(tmp_path), index=url, retries=1)
    assert matcher.transient(str(refused.value))


def test_a_login_travels_as_a_header_and_is_never_told(index: PackageIndex, tmp_path: Path) -> None:
    index.add(WHEEL)
    index.login = ("bob@example.org", "s3cret/%")
    fetch(index, tmp_path, index=index.url_with_login)
    token = base64.b64encode(b"bob@example.org:s3cret/%").decode()
    assert {request.authorization for request in index.requests} == {f"Basic {token}"}
    index.fail(403)
    with pytest.raises(DownloadError) as refused:
        fetch(index, tmp_path, index=index.url_with_login)
    assert "s3cret" not in str(refused.value)
    assert "bob" not in str(refused.value)


def test_a_login_is_not_told_to_another_host(index: PackageIndex, tmp_path: Path, speaker: Any) -> None:
    """The index of one host may name, or redirect to, files of another."""
    with PackageIndex() as other:
        other.add(WHEEL)
        url = speaker(
            f'HTTP/1.1 200 OK\r\n\r\n<a href="http://{other.address}/files/{WHEEL.file}">x</a>'.replace(
                "+", "%2B"
            ).encode()
        )
        fetch_wheel("uv", PIN, str(tmp_path), index=url.replace("//", "//bob:s3cret@"), retries=0)
        moved = speaker(f"HTTP/1.1 302 Found\r\nLocation: {other.url}/uv/\r\n\r\n".encode())
        fetch_wheel("uv", PIN, str(tmp_path), index=moved.replace("//", "//bob:s3cret@"), retries=0)
        assert {request.authorization for request in other.requests} == {None}


def test_a_disk_that_is_full_is_not_tried_again(index: PackageIndex, tmp_path: Path, naps: list[float]) -> None:
    index.add(WHEEL)
    with file_size_limit(50_000), pytest.raises(DownloadError, match="File too large"):
        fetch(index, tmp_path)
    assert naps == []
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


class file_size_limit:  # noqa: N801  # reads as a statement
    """A limit to the size of files, which behaves as a disk that is nearly full."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __enter__(self) -> None:
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.before[1]))

    def __exit__(self, *_exception: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


def test_a_ca_file_that_is_not_there_is_named(index: PackageIndex, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"the CA certificates in /nowhere/ca.pem cannot be read"):
        fetch(index, tmp_path, ca_file="/nowhere/ca.pem")


@pytest.mark.parametrize(
    ("variables", "index_url"),
    [
        ({}, "https://pypi.org/simple"),
        ({"PIP_INDEX_URL": "http://pip"}, "http://pip"),
        ({"PIP_INDEX_URL": "http://pip", "UV_DEFAULT_INDEX": "http://uv"}, "http://uv"),
        ({"PIP_INDEX_URL": ""}, "https://pypi.org/simple"),
    ],
)
def test_the_default_index(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], index_url: str, no_settings: None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert download.default_index() == index_url


@pytest.mark.parametrize(
    ("url", "without"),
    [
        ("https://bob:pw@index.example/simple", "https://index.example/simple"),
        ("https://bob@index.example:8443/simple?x=1", "https://index.example:8443/simple?x=1"),
        ("https://b%40b:p%2Fw@index.example", "https://index.example"),
        ("https://index.example/a@b", "https://index.example/a@b"),
        ("file:///srv/index", "file:///srv/index"),
        ("/srv/index", "/srv/index"),
    ],
)
def test_a_url_without_its_login(url: str, without: str) -> None:
    assert download.without_login(url) == without
