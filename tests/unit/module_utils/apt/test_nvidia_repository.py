# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import nvidia_repository, openpgp
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt.nvidia_repository import Edit, RepositoryError

URL = "https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2204/x86_64/"


def key(content: bytes) -> bytes:
    """A packet that has the form of a key."""
    body = b"\x04" + content
    return b"\xc6" + bytes([len(body)]) + body


GOOD, OLD = key(b"good"), key(b"old")
FINGERPRINT, RETIRED = (openpgp.certificates(one)[0].fingerprint for one in (GOOD, OLD))


def asked(**more: object) -> dict[str, object]:
    given = {
        "url": URL,
        "architecture": "amd64",
        "fingerprint": FINGERPRINT,
        "key": openpgp.armor(GOOD).decode(),
        "key_url": "",
        "pins": "Package: *\n",
        "label": "NVIDIA CUDA",
        "retired_keys": {RETIRED: "7fa2af80"},
        "retired_files": {},
    }
    return {**given, **more}


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    for name in ("sources.list.d", "trusted.gpg.d", "preferences.d"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_written_once(apt: Path) -> None:
    edit = Edit(False)
    nvidia_repository.present(edit, asked(), str(apt))
    assert edit.changed
    assert not edit.repaired
    line = f"deb [arch=amd64 signed-by={apt}/keyrings/tensorwright-nvidia.gpg] {URL} /\n"
    assert (apt / "sources.list.d" / "tensorwright-nvidia.list").read_text() == line
    assert (apt / "keyrings" / "tensorwright-nvidia.gpg").read_bytes() == GOOD
    again = Edit(False)
    nvidia_repository.present(again, asked(key=""), str(apt))  # what is there is right, so that nothing is fetched
    assert not again.changed
    nvidia_repository.absent(again, str(apt))
    assert not [path for path in apt.rglob("*") if path.is_file()]


def test_a_rehearsal_writes_nothing(apt: Path) -> None:
    edit = Edit(True)
    nvidia_repository.present(edit, asked(), str(apt))
    assert edit.changed
    assert not [path for path in apt.rglob("*") if path.is_file()]


def test_a_rotated_key_is_replaced(apt: Path) -> None:
    (apt / "keyrings").mkdir()
    (apt / "keyrings" / "tensorwright-nvidia.gpg").write_bytes(OLD)
    nvidia_repository.present(Edit(False), asked(), str(apt))
    assert (apt / "keyrings" / "tensorwright-nvidia.gpg").read_bytes() == GOOD


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (openpgp.armor(OLD).decode(), f"holds the key {RETIRED}, not {FINGERPRINT}"),
        ("nonsense", "no key that can be read"),
    ],
)
def test_another_key_is_refused_before_any_change(apt: Path, given: str, told: str) -> None:
    (apt / "sources.list.d" / "cuda.list").write_text(f"deb {URL} /\n")
    with pytest.raises(RepositoryError, match=told):
        nvidia_repository.present(Edit(False), asked(key=given), str(apt))
    assert (apt / "sources.list.d" / "cuda.list").read_text() == f"deb {URL} /\n"


def test_a_key_that_cannot_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=r"cannot be fetched: .*No such file"):
        nvidia_repository.download(f"file://{tmp_path}/missing.pub")


def test_keyrings_of_global_trust_lose_nvidia_s_keys_only(apt: Path) -> None:
    other = key(b"another vendor's")
    (apt / "trusted.gpg").write_bytes(other + OLD)
    (apt / "trusted.gpg.d" / "cuda.gpg").write_bytes(OLD)
    (apt / "trusted.gpg.d" / "both.asc").write_bytes(openpgp.armor(OLD + other))
    (apt / "trusted.gpg.d" / "keybox.gpg").write_bytes(b"\x00\x00\x00\x20\x01\x01\x00\x02KBXf")
    edit = Edit(False)
    nvidia_repository.present(edit, asked(), str(apt))
    assert len(edit.repaired) == 3
    assert (apt / "trusted.gpg").read_bytes() == other
    assert not (apt / "trusted.gpg.d" / "cuda.gpg").exists()
    assert openpgp.dearmor((apt / "trusted.gpg.d" / "both.asc").read_bytes()) == other
    assert (apt / "trusted.gpg.d" / "keybox.gpg").exists()


def test_a_retired_file_is_disabled_with_its_reason(apt: Path) -> None:
    file = apt / "sources.list.d" / "nvidia-docker.list"
    file.write_text("deb https://nvidia.github.io/nvidia-docker/ubuntu18.04/amd64 /\n")
    edit = Edit(False)
    nvidia_repository.present(edit, asked(retired_files={str(file): "it was archived"}), str(apt))
    assert file.read_text().startswith("# Disabled by Tensorwright: it was archived\n# deb")
    assert edit.repaired == [f"{file}: disabled, it was archived."]


@pytest.mark.parametrize("pin", ["release l=NVIDIA CUDA", "origin developer.download.nvidia.com"])
def test_a_pin_that_forbids_the_repository(apt: Path, pin: str) -> None:
    (apt / "preferences.d" / "site").write_text(f"Explanation: no\nPackage: *\nPin: {pin}\nPin-Priority: -10\n")
    with pytest.raises(RepositoryError, match=r"preferences\.d/site forbids all packages"):
        nvidia_repository.present(Edit(False), asked(), str(apt))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (URL, "developer.download.nvidia.com_compute_cuda_repos_ubuntu2204_x86%5f64_InRelease"),
        ("http://mirror:8080/Cuda/", "mirror:8080_Cuda_InRelease"),
        ("file:///srv/cuda/", "_srv_cuda_InRelease"),
    ],
)
def test_the_lists_that_apt_keeps(tmp_path: Path, url: str, name: str) -> None:
    (tmp_path / name).touch()
    (tmp_path / "deb.debian.org_debian_dists_bookworm_InRelease").touch()
    assert nvidia_repository.lists_of(url, str(tmp_path)) == (f"{tmp_path}/{name}",)
