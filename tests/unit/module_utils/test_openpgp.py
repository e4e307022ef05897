# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils import openpgp


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Fingerprint → key, as gpg itself makes and tells them."""
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", ""]
    for kind in ("rsa2048", "ed25519"):
        subprocess.run([*gpg, "--quick-generate-key", kind, kind, "sign", "never"], check=True, capture_output=True)
    listing = subprocess.check_output([*gpg, "--with-colons", "--list-keys"], text=True)
    names = [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]
    found = {name: subprocess.check_output([*gpg, "--export", name]) for name in names}
    subprocess.run([*gpg, "--armor", "--export", "--output", str(home / "all.asc")], check=True)
    found["armored"] = (home / "all.asc").read_bytes()
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    shutil.rmtree(home, ignore_errors=True)
    return found


def test_fingerprints_are_those_that_gpg_tells(keys: dict[str, bytes]) -> None:
    names = keys.keys() - {"armored"}
    assert len(names) == 2
    for name in names:
        assert openpgp.certificates(keys[name]) == [openpgp.Certificate(name, keys[name])]


def test_several_keys_in_one_armor_come_apart(keys: dict[str, bytes]) -> None:
    found = openpgp.certificates(keys["armored"])
    assert {one.fingerprint: one.content for one in found} == {
        name: key for name, key in keys.items() if name != "armored"
    }


def test_armor_is_read_back(keys: dict[str, bytes], tmp_path: Path) -> None:
    data = openpgp.dearmor(keys["armored"])
    assert openpgp.dearmor(openpgp.armor(data)) == data
    (tmp_path / "key.asc").write_bytes(openpgp.armor(data))
    shown = subprocess.check_output(
        ["gpg", "--homedir", str(tmp_path), "--show-keys", "--with-colons", str(tmp_path / "key.asc")]
    )
    assert shown.count(b"fpr:") == 2


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"<html>404</html>", "not in OpenPGP format"),
        (b"", "no public key"),
        (b"\xc6\x05\x04", "cut off"),
        (b"\xc6", "cut off"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabcde\n=xxxx\n-----END PGP PUBLIC KEY BLOCK-----\n", "damaged"),
        (
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + base64.b64encode(b"\xb4\x03abc") + b"\n-----END",
            "no public key",
        ),
    ],
)
def test_what_is_no_key(data: bytes, told: str) -> None:
    with pytest.raises(openpgp.OpenPgpError, match=told):
        openpgp.certificates(data)
