# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads of a bundle: whole and right, or not there; what broke off goes on."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import fetch as bundle_fetch
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.fetch import Fetcher
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import PARTIAL, BundleError

from tests.unit.plugin_utils.bundle.http_origin import Origin

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def origin(no_settings: None) -> Iterator[Origin]:
    with Origin({"/x": CONTENT}) as serving:
        yield serving


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(timeout=5, retries=2, pause=0)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with nothing in it."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def there(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_it_arrives_whole(origin: Origin, fetcher: Fetcher, place: Path) -> None:
    got: list[int] = []
    assert fetcher.fetch(f"{origin.url}/x", place / "d" / "x", SHA256, got.append) == SHA256
    assert (place / "d" / "x").read_bytes() == CONTENT
    assert there(place / "d") == ["x"]
    assert sum(got) == len(CONTENT)


def test_what_breaks_off_goes_on_in_the_same_run(origin: Origin, fetcher: Fetcher, place: Path) -> None:
    origin.breaks["/x"] = 1000
    fetcher.fetch(f"{origin.url}/x", place / "x", SHA256)
    assert (place / "x").read_bytes() == CONTENT
    assert [wanted for _method, _path, wanted in origin.asked] == ["", "bytes=1000-"]


def test_what_broke_off_goes_on_in_the_next_run(origin: Origin, place: Path) -> None:
    origin.breaks["/x"] = 1000
    with pytest.raises(BundleError, match="cannot be fetched: connection broken after 1000 of 102400 bytes"):
        Fetcher(timeout=5, retries=0).fetch(f"{origin.url}/x", place / "x", SHA256)
    assert there(place) == [f"x{PARTIAL}"]
    Fetcher(timeout=5, retries=0).fetch(f"{origin.url}/x", place / "x", SHA256)
    assert (place / "x").read_bytes() == CONTENT
    assert origin.asked[-1] == ("GET", "/x", "bytes=1000-")


@pytest.mark.parametrize("part", [b"of something older", CONTENT + b"and more"])
def test_a_part_of_something_else_does_no_harm(origin: Origin, fetcher: Fetcher, place: Path, part: bytes) -> None:
    (place / f"x{PARTIAL}").write_bytes(part)
    fetcher.fetch(f"{origin.url}/x", place / "x", SHA256)
    assert (place / "x").read_bytes() == CONTENT


def test_a_part_that_is_all_of_it_is_taken(origin: Origin, fetcher: Fetcher, place: Path) -> None:
    (place / f"x{PARTIAL}").write_bytes(CONTENT)
    fetcher.fetch(f"{origin.url}/x", place / "x", SHA256)
    assert there(place) == ["x"]


def test_what_is_not_what_it_has_to_be_is_not_kept(origin: Origin, fetcher: Fetcher, place: Path) -> None:
    with pytest.raises(
        BundleError, match=rf"/x has SHA-256 {SHA256}, and 0{{64}} was expected; nothing of it was kept"
    ):
        fetcher.fetch(f"{origin.url}/x", place / "x", "0" * 64)
    assert there(place) == []


def test_what_is_not_there_is_asked_for_once(origin: Origin, fetcher: Fetcher, place: Path) -> None:
    with pytest.raises(BundleError, match=r"/y cannot be fetched: Not Found; check the control node's network"):
        fetcher.fetch(f"{origin.url}/y", place / "y", None)
    assert origin.paths() == ["/y"]


def test_no_network_is_one_sentence(fetcher: Fetcher, place: Path) -> None:
    with pytest.raises(
        BundleError, match=r"^http://127\.0\.0\.1:9/x cannot be fetched: .*refused; check the control node's"
    ):
        fetcher.fetch("http://me:secret@127.0.0.1:9/x", place / "x", None)


def test_a_full_disk_is_one_sentence_and_tried_once(
    origin: Origin, fetcher: Fetcher, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(bundle_fetch.Fetcher, "_append", full)
    with pytest.raises(BundleError, match=r"/x cannot be kept: the disk is full$"):
        fetcher.fetch(f"{origin.url}/x", place / "x", None)
    assert origin.asked == []


def test_a_size_is_asked_for(origin: Origin, fetcher: Fetcher) -> None:
    assert fetcher.size(f"{origin.url}/x") == len(CONTENT)
    assert fetcher.size(f"{origin.url}/y") is None
    assert origin.paths("GET") == []
