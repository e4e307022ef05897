# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import openpgp


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


@pytest.fixture(scope="module", params=["rsa2048", "ed25519"])
def mixed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The right key, with a subkey that signs, and another one like it; each with its parts (tag of the packet → packet)."""
    home = tmp_path_factory.mktemp("gnupg")
    home.chmod(0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", ""]
    found = {}
    for name in ("right", "other"):
        subprocess.run(
            [*gpg, "--quick-generate-key", name, request.param, "cert", "never"], check=True, capture_output=True
        )
        listing = subprocess.check_output([*gpg, "--with-colons", "--list-keys", name], text=True)
        (fingerprint,) = [line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:")]
        subprocess.run(
            [*gpg, "--quick-add-key", fingerprint, request.param, "sign", "never"], check=True, capture_output=True
        )
        found[name] = subprocess.check_output([*gpg, "--export", name])
    subprocess.run(
        [*gpg, "--yes", "--default-key", "other", "--quick-sign-key", fingerprint_of(found["right"])], check=True
    )
    found["signed by the other"] = subprocess.check_output([*gpg, "--export", "right"])
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    shutil.rmtree(home, ignore_errors=True)
    return found


def fingerprint_of(key: bytes) -> str:
    return openpgp.certificates(key)[0].fingerprint


def parts(key: bytes) -> list[bytes]:
    """Key, user, the key's signature on it, subkey, the key's signature on that."""
    return [key[start:end] for _tag, start, _body, end in openpgp._packets(key)]


def shown(key: bytes, home: Path) -> list[str]:
    """What gpg itself finds in it."""
    told = subprocess.check_output(
        ["gpg", "--homedir", str(home), "--show-keys", "--with-colons"], input=key, stderr=subprocess.DEVNULL
    ).decode()
    return [line.split(":")[9] for line in told.splitlines() if line.startswith(("fpr", "uid"))]


def test_a_key_keeps_its_own_subkeys(mixed: dict[str, bytes], tmp_path: Path) -> None:
    (found,) = openpgp.certificates(mixed["right"])
    assert found.content == mixed["right"]
    assert len(shown(found.content, tmp_path)) == 3


def test_of_what_others_have_added_nothing_is_kept(mixed: dict[str, bytes]) -> None:
    right, (user, users_signature, subkey, its_signature) = mixed["right"], parts(mixed["other"])[1:]
    for added in (subkey, subkey + its_signature, user, user + users_signature, users_signature):
        assert [one.content for one in openpgp.certificates(right + added)] == [right]
    assert len(mixed["signed by the other"]) > len(right)
    assert [one.content for one in openpgp.certificates(mixed["signed by the other"])] == [right]


@pytest.mark.parametrize("mixed", ["rsa2048"], indirect=True)
def test_a_subkey_whose_signature_only_says_whose_it_is(mixed: dict[str, bytes]) -> None:
    right, other = mixed["right"], mixed["other"]
    mine, theirs = fingerprint_of(right), fingerprint_of(other)
    subkey, its_signature = parts(other)[3:]
    forged = its_signature.replace(bytes.fromhex(theirs), bytes.fromhex(mine))
    forged = forged.replace(bytes.fromhex(theirs[-16:]), bytes.fromhex(mine[-16:]))
    assert forged != its_signature
    for signature in (forged, parts(right)[4]):  # or the right key's own signature, on another subkey
        assert [one.content for one in openpgp.certificates(right + subkey + signature)] == [right]


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
