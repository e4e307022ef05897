# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift, rules

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
FORGED = {"files": {"/etc/precious.conf": "x", "/root/.bashrc": "x"}, "members": {"sudo": ["bob"]}}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory in which everybody may make files, as /tmp, with a receipt beside an environment in it."""
    place = tmp_path / "data"
    place.mkdir()
    place.chmod(0o1777)
    drift.write(str(place / ".tensorwright/receipts/tensorflow.json"), "tensorflow_pip", "x", {})
    return place


def believed(data: Path) -> list[str]:
    return [str(one["role"]) for one in drift.survey("/nonexistent", [str(data / "tensorflow")])]


def receipt_of(data: Path) -> Path:
    return data / ".tensorwright" / "receipts" / "tensorflow.json"


def give_away(*parts: str) -> Callable[[Path], None]:
    return lambda data: os.chown(data.joinpath(*parts), NOBODY, NOBODY)


def let_write(mode: int, *parts: str) -> Callable[[Path], None]:
    return lambda data: data.joinpath(*parts).chmod(mode)


def let_group_write(mode: int, *parts: str) -> Callable[[Path], None]:
    """Let a group write in which others are; what only the owner's own group may write is as good as closed."""

    def forge(data: Path) -> None:
        os.chown(data.joinpath(*parts), -1, NOBODY)
        data.joinpath(*parts).chmod(mode)

    return forge


def link(data: Path) -> None:
    receipt_of(data).rename(data / "elsewhere")
    receipt_of(data).symlink_to(data / "elsewhere")


def pipe(data: Path) -> None:
    receipt_of(data).unlink()
    os.mkfifo(receipt_of(data))


FILE = (".tensorwright", "receipts", "tensorflow.json")


@pytest.mark.parametrize(
    "forge",
    [
        let_write(0o666, *FILE),
        pytest.param(let_group_write(0o664, *FILE), marks=root_only),
        let_write(0o777, *FILE[:2]),
        pytest.param(let_group_write(0o775, *FILE[:1]), marks=root_only),
        let_write(0o777),  # without its sticky bit anybody may exchange what is below
        link,
        pipe,
        pytest.param(give_away(*FILE), marks=root_only),
        pytest.param(give_away(*FILE[:2]), marks=root_only),
        pytest.param(give_away(*FILE[:1]), marks=root_only),
        pytest.param(give_away(), marks=root_only),
    ],
)
def test_a_receipt_that_somebody_else_may_have_written_counts_as_missing(
    data: Path, forge: Callable[[Path], None]
) -> None:
    assert believed(data) == ["tensorflow_pip"]
    forge(data)
    assert believed(data) == []


def test_a_link_of_our_own_on_the_way_is_followed_and_one_of_others_is_not(data: Path, tmp_path: Path) -> None:
    way = tmp_path / "way"
    way.symlink_to("data")
    assert believed(way) == ["tensorflow_pip"]
    (tmp_path / "absolute").symlink_to(data)
    assert believed(tmp_path / "absolute") == ["tensorflow_pip"]
    if os.geteuid() == 0:
        os.lchown(way, NOBODY, NOBODY)
        assert believed(way) == []
    (tmp_path / "round").symlink_to("round")
    assert believed(tmp_path / "round") == []


@pytest.mark.parametrize("role", ["tensorflow_users", "docker", "ca_certificates", "package_cache_server", "python"])
@pytest.mark.parametrize("kind", ["receipts", "builds", "runtimes"])
def test_a_role_of_the_host_is_not_believed_beside_an_environment(data: Path, role: str, kind: str) -> None:
    drift.write(str(data / ".tensorwright" / kind / "tensorflow.json"), role, "x", FORGED)
    assert role not in believed(data)


def test_a_role_is_believed_from_its_own_file_only(tmp_path: Path) -> None:
    for name in ("docker", "tensorflow_users"):
        drift.write(str(tmp_path / f"{name}.json"), "docker", "x", {"units": {"docker.service": {}}})
    drift.write(str(tmp_path / "somebody.json"), "somebody", "x", {})
    assert [(one["role"], one["file"]) for one in drift.survey(str(tmp_path), [])] == [
        ("docker", str(tmp_path / "docker.json"))
    ]


def test_what_a_role_cannot_have_made_is_not_its_to_remove(tmp_path: Path) -> None:
    ours = "/etc/profile.d/tensorwright-site.sh"
    bent = "/usr/local/share/ca-certificates/tensorwright-/../../../../../etc/x.crt"
    files = {ours: None, bent: None, "/etc/precious.conf": "x"}
    footprint = {"files": files, "members": {"sudo": ["bob"]}, "packages": {"ca-certificates": None}}
    drift.write(str(tmp_path / "ca_certificates.json"), "ca_certificates", "x", footprint)
    (found,) = drift.survey(str(tmp_path), [])
    assert found["footprint"] == {"files": {ours: None}, "members": {}, "packages": {"ca-certificates": None}}
    assert [line for line in found["drift"] if "cannot have made" in line] == [
        f"{tmp_path}/ca_certificates.json names {name}, which role ca_certificates cannot have made"
        for name in ("/etc/precious.conf", bent, "sudo")
    ]


def test_a_member_of_docker_may_not_be_one_of_another_group() -> None:
    kept, strange = rules.within("docker", "/x/docker.json", {"members": {"docker": ["a"], "sudo": ["b"]}})
    assert (kept, strange) == ({"members": {"docker": ["a"]}}, ["sudo"])


def test_every_role_that_writes_a_receipt_has_a_scope() -> None:
    roles = Path(rules.__file__).resolve().parents[3] / "roles"
    written = set()
    for file in roles.glob("*/tasks/*.yml"):
        lines = file.read_text().splitlines()
        written |= {
            lines[number + 1].partition("role: ")[2]
            for number, line in enumerate(lines)
            if line.strip() == "tensorwright.fleet.receipt:"
        }
    assert written == set(rules.SCOPES)


@pytest.mark.parametrize(
    ("role", "kind", "name"),
    [
        ("tensorflow_docker", "files", "/etc/systemd/system/tensorflow-jupyter-alice.service"),
        ("tensorflow_docker", "units", "tensorflow-tensorboard-alice.service"),
        ("package_cache_server", "files", "/srv/cache/.tensorwright-package-cache"),
    ],
)
def test_what_a_role_makes_is_its_own(role: str, kind: str, name: str) -> None:
    footprint = {kind: {name: None}}
    assert rules.within(role, f"/var/lib/tensorwright/receipts/{role}.json", footprint) == (footprint, [])
