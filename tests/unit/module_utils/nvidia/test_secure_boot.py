# SPDX-License-Identifier: GPL-3.0-or-later
"""Secure Boot, with files in place of the firmware's variables."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.nvidia import secure_boot

ON, OFF = b"\x06\0\0\0\x01", b"\x06\0\0\0\0"
CERTIFICATE = b"0\x82\x03\x01 the certificate of this host's key"
LIST = b"\x07\0\0\0 header " + b"0\x82 somebody else's" + CERTIFICATE + b" trailer"


def variable(efi: Path, name: str, content: bytes) -> Path:
    """Lay out a variable of the firmware."""
    path = efi / "efivars" / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("firmware", "shim", "expected"),
    [(ON, None, True), (OFF, None, False), (None, None, None), (ON, ON, False), (ON, OFF, True)],
)
def test_whether_it_is_on(tmp_path: Path, firmware: bytes | None, shim: bytes | None, expected: bool | None) -> None:
    (tmp_path / "efivars").mkdir()
    if firmware:
        variable(tmp_path, secure_boot.FIRMWARE, firmware)
    if shim:
        variable(tmp_path, f"MokSBStateRT-{secure_boot.SHIM}", shim)
    assert secure_boot.is_on(str(tmp_path)) is expected


def test_without_efi_it_is_off(tmp_path: Path) -> None:
    assert secure_boot.is_on(str(tmp_path / "efi")) is False


def key(tmp_path: Path) -> dict[str, object]:
    """What is told of a host whose files lie below a directory."""
    return secure_boot.key(str(tmp_path / "efi"), str(tmp_path / "root"))


def lay(tmp_path: Path, name: str, content: bytes) -> Path:
    """Lay out a file of the host."""
    path = Path(f"{tmp_path}/root{name}")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_no_key_has_been_made(tmp_path: Path) -> None:
    assert key(tmp_path) == {"file": None, "enrolled": None}


@pytest.mark.parametrize("name", secure_boot.KEYS)
@pytest.mark.parametrize("place", [f"efivars/MokListRT-{secure_boot.SHIM}", "mok-variables/MokListRT"])
def test_a_key_that_is_enrolled_and_one_that_is_not(tmp_path: Path, name: str, place: str) -> None:
    file = lay(tmp_path, name, CERTIFICATE)
    assert key(tmp_path) == {"file": name, "enrolled": False}
    (tmp_path / "efi" / place).parent.mkdir(parents=True)
    (tmp_path / "efi" / place).write_bytes(LIST)
    assert key(tmp_path) == {"file": name, "enrolled": True}
    file.write_bytes(CERTIFICATE + b", another")
    assert key(tmp_path) == {"file": name, "enrolled": False}


def test_an_empty_file_is_no_enrolled_key(tmp_path: Path) -> None:
    lay(tmp_path, secure_boot.KEYS[0], b"")
    variable(tmp_path / "efi", f"MokListRT-{secure_boot.SHIM}", LIST)
    assert key(tmp_path)["enrolled"] is False


def test_what_this_user_may_not_read_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, secure_boot.KEYS[0], CERTIFICATE)
    variable(tmp_path / "efi", f"MokListRT-{secure_boot.SHIM}", LIST)
    real = secure_boot._content
    monkeypatch.setattr(secure_boot, "_content", lambda path: None if "MokListRT" in path else real(path))
    assert key(tmp_path)["enrolled"] is None


def test_the_key_that_dkms_was_told_to_use(tmp_path: Path) -> None:
    lay(tmp_path, "/etc/dkms/framework.conf", b"# mok_certificate=/no\nmok_certificate=/root/site.der\n")
    lay(tmp_path, "/root/site.der", CERTIFICATE)
    variable(tmp_path / "efi", f"MokListRT-{secure_boot.SHIM}", LIST)
    assert key(tmp_path) == {"file": "/root/site.der", "enrolled": True}
