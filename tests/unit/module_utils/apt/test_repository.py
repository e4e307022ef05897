# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository with its key, and what older guides left of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import openpgp
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import repository as apt_repository
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt.repository import Edit, RepositoryError

URL = "https://download.docker.com/linux/debian"


def key(content: bytes) -> bytes:
    """A packet that has the form of a key."""
    return b"\xc6" + bytes([len(content) + 1]) + b"\x04" + content


GOOD = key(b"good")
FINGERPRINT = openpgp.certificates(GOOD)[0].fingerprint


def asked(**more: object) -> dict[str, object]:
    given = {
        "name": "docker",
        "role": "docker",
        "url": URL,
        "suite": "bookworm",
        "components": ["stable"],
        "architecture": "amd64",
        "fingerprint": FINGERPRINT,
        "key": openpgp.armor(GOOD).decode(),
        "key_url": "",
        "retired": {r"old\.example\.org/.*": "it has moved"},
        "retired_keys": {FINGERPRINT: "of Docker"},
    }
    return {**given, **more}


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    for name in ("sources.list.d", "trusted.gpg.d"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_written_once_and_removed(apt: Path, tmp_path: Path) -> None:
    edit = Edit(False)
    files = apt_repository.present(edit, asked(), str(apt))
    source = apt / "sources.list.d" / "tensorwright-docker.list"
    keyring = apt / "keyrings" / "tensorwright-docker.gpg"
    assert files == [str(keyring), str(source)]
    assert source.read_text() == f"deb [arch=amd64 signed-by={keyring}] {URL} bookworm stable\n"
    assert keyring.read_bytes() == GOOD
    again = Edit(False)
    apt_repository.present(again, asked(key=""), str(apt))  # what is there is right, so that nothing is fetched
    assert not again.changed
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "download.docker.com_linux_debian_dists_bookworm_InRelease").touch()
    apt_repository.absent(again, "docker", URL, str(apt), str(lists))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_flat_repository(apt: Path) -> None:
    apt_repository.present(Edit(False), asked(suite="/", components=[]), str(apt))
    assert (apt / "sources.list.d" / "tensorwright-docker.list").read_text().endswith(f"] {URL} /\n")


def test_a_rehearsal_writes_nothing(apt: Path) -> None:
    edit = Edit(True)
    apt_repository.present(edit, asked(), str(apt))
    assert edit.changed
    assert not [path for path in apt.rglob("*") if path.is_file()]


def test_a_key_that_cannot_be_fetched_is_told_with_the_role_s_variables(apt: Path, tmp_path: Path) -> None:
    with pytest.raises(
        RepositoryError, match=r"and docker_repository_url, or give the key as docker_repository_key_file$"
    ):
        apt_repository.present(Edit(False), asked(key="", key_url=f"file://{tmp_path}/missing"), str(apt))


def test_another_key_is_refused_before_any_change(apt: Path) -> None:
    (apt / "sources.list.d" / "docker.list").write_text(f"deb {URL} bookworm stable\n")
    with pytest.raises(RepositoryError, match="holds the key"):
        apt_repository.present(Edit(False), asked(fingerprint="0" * 40), str(apt))
    assert (apt / "sources.list.d" / "docker.list").read_text() == f"deb {URL} bookworm stable\n"


def test_what_older_guides_left_is_disabled_and_told(apt: Path) -> None:
    (apt / "sources.list.d" / "docker.list").write_text(f"deb [signed-by=/x.gpg] {URL}/ bookworm stable\n")
    (apt / "sources.list.d" / "old.sources").write_text("Types: deb\nURIs: http://old.example.org/a\nSuites: /\n")
    (apt / "sources.list.d" / "other.list").write_text("deb https://download.docker.com/linux/debian-else bookworm x\n")
    (apt / "trusted.gpg.d" / "docker.gpg").write_bytes(GOOD)
    edit = Edit(False)
    apt_repository.present(edit, asked(), str(apt))
    assert (
        (apt / "sources.list.d" / "docker.list")
        .read_text()
        .startswith("# Disabled by Tensorwright: the same repository")
    )
    assert (apt / "sources.list.d" / "old.sources").read_text().startswith("# Disabled by Tensorwright: it has moved\n")
    assert (apt / "sources.list.d" / "other.list").read_text().startswith("deb ")
    assert not (apt / "trusted.gpg.d" / "docker.gpg").exists()
    assert len(edit.repaired) == 3
