# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of its apt: sources, keys and packages, and no login."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tensorwright.fleet.plugins.modules import bundle_host

STATUS = """Package: demo
Status: install ok installed
Maintainer: Somebody <somebody@example.org>
Architecture: amd64
Version: 1.0
Depends: libc6 (>= 2.36),
 other
Conffiles:
 /etc/demo 0123
Description: nothing to resolve by
 that is long

Package: other
Status: deinstall ok config-files
Architecture: all
Version: 2.0
"""


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    directory = tmp_path / "apt"
    for name in ("sources.list.d", "preferences.d", "trusted.gpg.d", "auth.conf.d"):
        (directory / name).mkdir(parents=True)
    (directory / "auth.conf").write_text("machine x login me password secret")
    key = tmp_path / "key.gpg"
    key.write_bytes(b"\x99key")
    (directory / "sources.list").write_text(
        f"deb [arch=amd64 signed-by={key},{tmp_path}/none.gpg] http://x.org/debian stable main\n"
    )
    (directory / "sources.list.d" / "more.sources").write_text(f"Types: deb\nURIs: http://y.org\nSigned-By: {key}\n")
    (directory / "sources.list.d" / "old.list.save").write_text("not read")
    (directory / "preferences.d" / "pin").write_text("Package: *\n")
    (directory / "preferences.d" / "pin.bak").write_text("not read")
    (directory / "trusted.gpg.d" / "old.gpg").write_bytes(b"\x99old")
    (tmp_path / "status").write_text(STATUS)
    return directory


def look(apt: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with patch_module_args({"directory": str(apt), "status": str(apt.parent / "status")}), pytest.raises(SystemExit):
        bundle_host.main()
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_sources_preferences_and_the_keys_that_they_name(apt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = look(apt, capsys)
    assert [Path(path).name for path in answer["sources"]] == ["sources.list", "more.sources"]
    assert [Path(path).name for path in answer["preferences"]] == ["pin"]
    keys = {Path(path).name: base64.b64decode(content) for path, content in answer["keys"].items()}
    assert keys == {"key.gpg": b"\x99key", "old.gpg": b"\x99old"}
    assert not answer["changed"]


def test_no_login_leaves_the_host(apt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "secret" not in json.dumps(look(apt, capsys))


def test_packages_with_what_apt_resolves_by(apt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = zlib.decompress(base64.b64decode(look(apt, capsys)["status"])).decode()
    first, second = status.strip().split("\n\n")
    assert first == (
        "Package: demo\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\nDepends: libc6 (>= 2.36),\n other"
    )
    assert second.startswith("Package: other\n")
