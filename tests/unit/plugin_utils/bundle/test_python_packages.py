# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file of a package index a host would take, and the pages that offer it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle import python_packages
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.bundle.python_packages import File, Pin

HASH = "a" * 64
PIN = Pin("demo", "1.0", None, frozenset([HASH]))


def files(*names: str, sha256: str = HASH) -> list[File]:
    return [File(name, f"https://files.example.org/{name}", sha256) for name in names]


def chosen(python: str, glibc: str, *names: str, architecture: str = "x86_64") -> str | None:
    file = python_packages.choose(PIN, files(*names), python_packages.tags(python, architecture, glibc))
    return file.name if file else None


@pytest.mark.parametrize(
    ("python", "glibc", "expected"),
    [
        ("3.11", "2.36", "demo-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"),
        ("3.11", "2.27", "demo-1.0-cp311-cp311-manylinux2014_x86_64.whl"),
        ("3.12", "2.41", "demo-1.0-cp310-abi3-manylinux2014_x86_64.whl"),
        ("3.9", "2.31", "demo-1.0-py3-none-any.whl"),
        ("2.7", "2.31", "demo-1.0.tar.gz"),
    ],
)
def test_the_file_that_suits_a_host(python: str, glibc: str, expected: str) -> None:
    names = (
        "demo-1.0.zip",
        "demo-1.0.tar.gz",
        "demo-1.0-py3-none-any.whl",
        "demo-1.0-cp310-abi3-manylinux2014_x86_64.whl",
        "demo-1.0-cp311-cp311-manylinux2014_x86_64.whl",
        "demo-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "demo-1.0-cp311-cp311-manylinux_2_28_aarch64.whl",
        "demo-1.0-cp311-cp311-win_amd64.whl",
    )
    assert chosen(python, glibc, *names) == expected
    assert chosen(python, glibc, *reversed(names)) == expected


def test_old_pythons_have_an_abi_of_their_own() -> None:
    assert chosen("3.6", "2.31", "demo-1.0-cp36-cp36m-manylinux1_x86_64.whl")
    assert chosen("3.8", "2.31", "demo-1.0-cp38-cp38m-manylinux1_x86_64.whl") is None


def test_another_architecture_has_other_wheels() -> None:
    name = "demo-1.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl"
    assert chosen("3.11", "2.36", name, architecture="aarch64") == name
    assert chosen("3.11", "2.36", name) is None


def test_only_what_the_resolution_vouches_for_is_taken() -> None:
    ranks = python_packages.tags("3.11", "x86_64", "2.36")
    assert python_packages.choose(PIN, files("demo-1.0-py3-none-any.whl", sha256="b" * 64), ranks) is None


@pytest.mark.parametrize(
    ("glibc", "expected"), [("2.31", "2_31"), ("2.41", "2_40"), ("2.27", "2_17"), ("2.30", "2_28"), ("2.12", "2_17")]
)
def test_the_platform_in_uv_s_words(glibc: str, expected: str) -> None:
    assert python_packages.platform("x86_64", glibc) == f"x86_64-manylinux_{expected}"


def test_what_uv_has_resolved() -> None:
    text = f"""Demo.One[extra]==1.0 ; python_version >= '3' \\
    --hash=sha256:{HASH} \\
    --hash=sha256:{"b" * 64}
    # via nothing
two @ https://x.org/two-1.0-py3-none-any.whl
"""
    assert python_packages.pins(text) == [
        Pin("demo-one", "1.0", None, frozenset([HASH, "b" * 64])),
        Pin("two", None, "https://x.org/two-1.0-py3-none-any.whl", frozenset()),
    ]


def test_both_forms_of_a_page_say_the_same() -> None:
    base = "https://pypi.example.org/simple/demo/"
    name = "demo-1.0-py3-none-any.whl"
    page = f'<a href="../../files/{name}#sha256={HASH}" data-requires-python="&gt;=3.9">{name}</a>'
    one = {"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": HASH}, "requires-python": ">=3.9"}
    expected = [File(name, f"https://pypi.example.org/files/{name}", HASH, None, ">=3.9")]
    assert python_packages.offers(page, base, False) == expected
    assert python_packages.offers(json.dumps({"files": [one]}), base, True) == expected


def test_a_page_of_the_bundle_leads_into_the_folder() -> None:
    address = "https://pypi.org/simple/demo/"
    file = File(
        "demo-1.0+cpu-py3-none-any.whl",
        "https://files.example.org/a%20b/demo-1.0%2Bcpu-py3-none-any.whl",
        HASH,
        1,
        ">=3.9",
    )
    page = python_packages.page(address, [file], {}).decode()
    served = "http://10.0.0.5:8180/pypi.org/simple/demo/"
    (again,) = python_packages.offers(page, served, False)
    assert again.url == "http://10.0.0.5:8180/files.example.org/a%20b/demo-1.0%2Bcpu-py3-none-any.whl"
    assert (again.name, again.sha256, again.requires_python) == (file.name, HASH, ">=3.9")


def test_the_installer_is_asked_as_on_the_host() -> None:
    need = {"installer": {"name": "pip", "version": "21.3.1"}, "requirements": ["tensorflow==2.6.0", "pip"]}
    assert list(python_packages.requirements(need)) == ["tensorflow==2.6.0", "pip==21.3.1"]
    need["installer"] = {"name": "uv", "version": "0.13.8"}
    assert list(python_packages.requirements(need)) == ["tensorflow==2.6.0", "pip"]
