# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an object lies in a bundle, what the manifest says, and how the folder is held against it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import manifest as bundle
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.manifest import BundleError, Item

ONE, OTHER = "1" * 64, "2" * 64


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://pypi.org/simple/numpy/", "pypi.org/simple/numpy/index.html"),
        (
            "http://deb.debian.org/debian/pool/libc6_2.41-12%2bdeb13u4_amd64.deb",
            "deb.debian.org/debian/pool/libc6_2.41-12+deb13u4_amd64.deb",
        ),
        ("https://x.org/cuda/repos/ubuntu2204/./libcudnn9.deb", "x.org/cuda/repos/ubuntu2204/libcudnn9.deb"),
        ("https://someone:secret@Mirror.example.org:8081//x//y.whl", "mirror.example.org:8081/x/y.whl"),
        ("https://keys.example.org/lookup?op=get", "keys.example.org/lookup?op=get"),
        ("https://example.org", "example.org/index.html"),
    ],
)
def test_an_object_lies_below_its_origin_s_host_and_path(url: str, path: str) -> None:
    assert bundle.path_of(url) == path


@pytest.mark.parametrize(
    "url",
    [
        "https://x.org/../../etc/passwd",
        "https://x.org/%2e%2e/y",
        "https://../y",
        "https://./y",
        "file:///etc/passwd",
        "https:///y",
        "https://x.org/a%00b",
    ],
)
def test_an_address_that_leads_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(BundleError, match="is not the address of an object"):
        bundle.path_of(url)


def test_a_refusal_keeps_a_login_to_itself() -> None:
    with pytest.raises(BundleError) as refusal:
        bundle.path_of("https://someone:secret@x.org/../y")
    assert "secret" not in str(refusal.value)


def test_an_object_is_held_once_for_all_hosts() -> None:
    items = [Item("https://x.org/a", frozenset("a")), Item("https://x.org/a", frozenset("b"), ONE, 5)]
    assert bundle.merged(items) == [Item("https://x.org/a", frozenset("ab"), ONE, 5)]
    assert bundle.merged(reversed(items)) == bundle.merged(items)


def test_two_hashes_of_one_object_are_refused() -> None:
    with pytest.raises(BundleError, match=r"x\.org/a is to have SHA-256 1{64} for web1 and 2{64} for web2"):
        bundle.merged(
            [Item("https://x.org/a", frozenset(["web1"]), ONE), Item("https://x.org/a", frozenset(["web2"]), OTHER)]
        )


def test_the_conditions_of_an_object(tmp_path: Path) -> None:
    item = bundle.made("https://x.org/a", b"new", ["web1"])
    old = bundle.made("https://x.org/a", b"old", ["web1"])
    entry = {"sha256": old.sha256}
    assert bundle.condition(tmp_path, item, entry) == "absent"
    bundle.place(tmp_path, item.path, b"new")
    assert bundle.condition(tmp_path, item, entry) == "whole"
    bundle.place(tmp_path, item.path, b"old")
    assert bundle.condition(tmp_path, item, entry) == "older"
    bundle.place(tmp_path, item.path, b"something else")
    assert bundle.condition(tmp_path, item, entry) == "damaged"
    assert bundle.condition(tmp_path, item, None) == "damaged"


def test_without_a_told_hash_the_first_one_counts(tmp_path: Path) -> None:
    item, old = Item("https://x.org/a", frozenset()), bundle.made("https://x.org/a", b"old", [])
    bundle.place(tmp_path, item.path, b"old")
    assert bundle.condition(tmp_path, item, {"sha256": old.sha256}) == "whole"
    bundle.place(tmp_path, item.path, b"new")
    assert bundle.condition(tmp_path, item, {"sha256": old.sha256}) == "damaged"


def test_what_only_other_hosts_need_stays() -> None:
    earlier = {
        "x.org/both": {"path": "x.org/both", "hosts": ["web1", "web2"]},
        "x.org/gone": {"path": "x.org/gone", "hosts": ["web1"]},
        "x.org/kept": {"path": "x.org/kept", "hosts": ["web1"]},
    }
    still, surplus = bundle.kept(earlier, {"x.org/kept"}, ["web2"])
    assert still == [{"path": "x.org/both", "hosts": ["web2"]}]
    assert surplus == ["x.org/gone"]


def test_a_removed_object_leaves_no_empty_directory(tmp_path: Path) -> None:
    for path in ("x.org/a/b/c", "x.org/d"):
        bundle.place(tmp_path, path, b"")
    bundle.remove(tmp_path, "x.org/a/b/c")
    assert [path.name for path in (tmp_path / "x.org").iterdir()] == ["d"]
    bundle.remove(tmp_path, "x.org/d")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 1, "objects": [{}]}', "\xff"])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / bundle.MANIFEST).write_text(text)
    with pytest.raises(BundleError, match="is no manifest of a bundle; move it away"):
        bundle.read_manifest(tmp_path)


def test_a_manifest_of_a_later_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / bundle.MANIFEST).write_text(json.dumps({"schema": 2, "objects": []}))
    with pytest.raises(BundleError, match="is of schema 2, and this version knows schema 1"):
        bundle.read_manifest(tmp_path)
