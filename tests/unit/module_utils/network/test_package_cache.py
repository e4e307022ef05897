# SPDX-License-Identifier: GPL-3.0-or-later
"""The package cache as hosts use it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import nvidia_repository
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import packages as package_set
from ansible_collections.tensorwright.fleet.plugins.module_utils.network import package_cache
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.download import (
    DownloadError,
    fetch_url,
    fetch_wheel,
)
from ansible_collections.tensorwright.fleet.plugins.module_utils.network.package_cache import Cache

from tests.doubles.package_index import BREAK, PackageIndex
from tests.doubles.wheels import Wheel

URL = "http://cache.example.org:8180"
WHEEL = Wheel("thing", "1.0", {"thing.py": ""})
PIN = {"file": WHEEL.file, "sha256": WHEEL.sha256}


def closed() -> str:
    """Return the address of nobody."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (URL, ("cache.example.org", 8180)),
        ("https://cache/", ("cache", 443)),
        ("http://[fd00::1]:81", ("fd00::1", 81)),
        ("http://cache/simple", None),
        ("http://cache\n", None),
        ("ftp://cache", None),
        ("http://user@cache", None),
        ("http://cache:0", None),
    ],
)
def test_addresses(url: str, place: tuple[str, int] | None) -> None:
    assert package_cache.address(url) == place


def test_an_object_lies_under_its_own_address() -> None:
    cache = Cache({"url": URL + "/", "hosts": ["pypi.org"]})
    assert cache.of("https://pypi.org/simple") == URL + "/pypi.org/simple"
    assert cache.places("https://pypi.org/simple") == [URL + "/pypi.org/simple", "https://pypi.org/simple"]


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example.org/x",
        "https://me:secret@pypi.org/simple",
        "file:///pypi.org/x",
        URL + "/pypi.org/simple",
    ],
)
def test_what_it_does_not_have_is_asked_of_the_origin(url: str) -> None:
    assert Cache({"url": URL, "hosts": ["pypi.org"]}).places(url) == [url]


def test_where_nothing_else_may_be_asked_it_is_asked_for_everything() -> None:
    cache = Cache({"url": URL, "only": True})
    assert cache.places("https://other.example.org/x") == [URL + "/other.example.org/x"]


def test_without_a_cache_all_is_as_it_was() -> None:
    assert not package_cache.NONE.usable()
    assert package_cache.NONE.places("https://pypi.org/") == ["https://pypi.org/"]
    assert package_cache.NONE.refusal() == ""


def test_the_site_s_proxy_is_not_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.delenv("NO_PROXY", raising=False)
    Cache({"url": URL}).reach_directly()
    Cache({"url": URL}).reach_directly()
    assert (os.environ["no_proxy"], os.environ["NO_PROXY"]) == ("localhost,cache.example.org", "cache.example.org")


def test_a_wheel_comes_from_the_cache_while_it_works(tmp_path: Path) -> None:
    with PackageIndex() as cache, PackageIndex() as origin:
        cache.add(WHEEL)
        origin.add(WHEEL)
        cache.stands_for = origin.address
        asked = Cache({"url": f"http://{cache.address}", "hosts": [origin.address]})
        fetch_wheel("thing", PIN, str(tmp_path), index=origin.url, cache=asked, retries=0)
        assert cache.asked_for(".whl") == 1
        assert origin.requests == []


@pytest.mark.parametrize("how", [502, 403, BREAK])
def test_what_the_cache_fails_to_give_comes_from_the_origin(tmp_path: Path, how: Any) -> None:
    with PackageIndex() as cache, PackageIndex() as origin:
        cache.add(WHEEL)
        origin.add(WHEEL)
        cache.fail(how, on=".whl")
        cache.stands_for = origin.address
        asked = Cache({"url": f"http://{cache.address}", "hosts": [origin.address]})
        fetch_url(
            f"http://{origin.address}/files/{WHEEL.file}", str(tmp_path / "it"), WHEEL.sha256, retries=0, cache=asked
        )
        assert (tmp_path / "it").read_bytes() == WHEEL.content


def test_a_wheel_that_was_changed_in_the_cache_is_not_taken(tmp_path: Path) -> None:
    other = Wheel("thing", "1.0", {"thing.py": "evil"})
    with PackageIndex() as cache:
        cache.add(other)
        cache.stands_for = "a.example.org"
        asked = Cache({"url": f"http://{cache.address}", "only": True})
        with pytest.raises(DownloadError, match="SHA-256"):
            fetch_url(
                f"https://a.example.org/files/{WHEEL.file}", str(tmp_path / "it"), WHEEL.sha256, retries=0, cache=asked
            )
    assert not (tmp_path / "it").exists()


def test_a_cache_that_is_gone_is_not_asked(tmp_path: Path) -> None:
    with PackageIndex() as origin:
        origin.add(WHEEL)
        gone = Cache({"url": closed(), "hosts": [origin.address]})
        assert package_cache.fact(gone.url) == {"url": gone.url, "answers": False}
        fetch_wheel("thing", PIN, str(tmp_path), index=origin.url, cache=gone, retries=0)


def test_where_the_site_forbids_the_origin_one_sentence_tells(tmp_path: Path) -> None:
    with PackageIndex() as origin:
        origin.add(WHEEL)
        gone = Cache({"url": closed(), "hosts": [origin.address], "only": True})
        with pytest.raises(
            DownloadError, match=f"package_cache_only is true, and the package cache {gone.url} does not answer"
        ):
            fetch_wheel("thing", PIN, str(tmp_path), index=origin.url, cache=gone, retries=0)
        assert origin.requests == []


def test_apt_s_own_settings_tell_of_it(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    assert not package_cache.of_apt(str(conf))
    assert package_cache.apt_options(str(conf)) == []
    url = closed()
    conf.write_text(
        f'Tensorwright::PackageCache "{url}";\nTensorwright::PackageCacheOnly "true";\nTensorwright::PackageCacheTimeout "70";\n'
    )
    cache = package_cache.of_apt(str(conf))
    assert (cache.url, cache.only, cache.timeout) == (url, True, 70)
    assert package_cache.apt_options(str(conf)) == [
        "-o",
        "Acquire::http::127.0.0.1::Timeout=2",
        "-o",
        "Acquire::Retries=0",
    ]
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        there.listen()
        conf.write_text(conf.read_text().replace(url, f"http://127.0.0.1:{there.getsockname()[1]}"))
        assert package_cache.apt_options(str(conf)) == ["-o", "Acquire::http::Timeout=70"]


def test_apt_asks_the_cache_first_and_then_the_origin(tmp_path: Path) -> None:
    url = "https://download.docker.com/linux/debian"
    cache = Cache({"url": URL, "hosts": ["download.docker.com"]})
    edit = nvidia_repository.Edit(rehearse=False)
    assert (
        nvidia_repository.mirrored(edit, "docker", url, cache, str(tmp_path))
        == f"mirror+file:{tmp_path}/tensorwright-docker.mirrors"
    )
    assert (tmp_path / "tensorwright-docker.mirrors").read_text() == (
        f"{URL}/download.docker.com/linux/debian\tpriority:1\n{url}\tpriority:2\n"
    )
    assert nvidia_repository.mirrored(edit, "docker", url, package_cache.NONE, str(tmp_path)) == url
    assert not list(tmp_path.iterdir())


# -- apt's calls ------------------------------------------------------------------------------------------------------

UNREACHABLE = package_set.PackagesError("apt says no", "E: Failed to fetch http://deb.debian.org/x  Connection refused")
WITHOUT = ["-o", "Acquire::http::Proxy-Auto-Detect=/bin/true"]


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[list[str]]]:
    """Return a function that lets apt-get give these answers, with a cache or without, and returns what it was called with."""

    def prepare(*answers: str | Exception, **asked: Any) -> list[list[str]]:
        calls: list[list[str]] = []
        left = iter(answers)

        def run(command: list[str]) -> str:
            calls.append(command)
            answer = next(left)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(package_set, "run", run)
        monkeypatch.setattr(package_cache, "of_apt", lambda *_: Cache(asked))
        return calls

    return prepare


def test_apt_asks_once_where_there_is_no_cache(apt: Callable[..., list[list[str]]]) -> None:
    calls = apt(UNREACHABLE)
    with pytest.raises(package_set.PackagesError, match="apt says no"):
        package_set.fetching(["install", "hello"])
    assert len(calls) == 1


def test_apt_asks_the_origin_after_a_cache_that_failed(apt: Callable[..., list[list[str]]]) -> None:
    calls = apt(UNREACHABLE, "done", url=closed())
    assert package_set.fetching(["install", "hello"]) == "done"
    assert calls[1][-4:] == [*WITHOUT, "install", "hello"]


def test_apt_asks_for_its_lists_again_where_the_cache_did_not_give_them(apt: Callable[..., list[list[str]]]) -> None:
    calls = apt("W: Failed to fetch http://deb.debian.org/x  Connection refused\n", "done", url=closed())
    assert package_set.fetching(["update"]) == "done"
    assert calls[1][-3:] == [*WITHOUT, "update"]


def test_what_is_no_matter_of_fetching_is_not_asked_twice(apt: Callable[..., list[list[str]]]) -> None:
    calls = apt(package_set.PackagesError("dpkg says no", "dpkg: error processing package"), url=closed())
    with pytest.raises(package_set.PackagesError, match="dpkg says no"):
        package_set.fetching(["install", "hello"])
    assert len(calls) == 1


@pytest.mark.parametrize("answer", [UNREACHABLE, "W: Failed to fetch http://deb.debian.org/x  Connection refused\n"])
def test_apt_s_failure_is_the_cache_s_where_the_site_forbids_the_origin(
    apt: Callable[..., list[list[str]]], answer: str | Exception
) -> None:
    calls = apt(answer, url=closed(), only=True)
    with pytest.raises(package_set.PackagesError, match="package_cache_only is true, and the package cache"):
        package_set.fetching(["update"])
    assert len(calls) == 1
