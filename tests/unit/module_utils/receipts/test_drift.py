# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import getpass
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import dpkg
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift, footprints, rules

PACKAGES = {
    "cuda-libraries-12-5": ("12.5.1-1", "hold"),
    "pciutils": ("3.9.0-4", "install"),
}


def write_status(path: Path, packages: dict[str, tuple[str, str]]) -> None:
    path.write_text(
        "\n".join(
            f"Package: {name}\nStatus: {want} ok installed\nArchitecture: all\nVersion: {version}\n"
            for name, (version, want) in packages.items()
        )
    )


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with one thing of every kind that a footprint knows, and dpkg's and systemd's books beside it."""
    write_status(tmp_path / "status", PACKAGES)
    ask = dpkg.packages
    monkeypatch.setattr(dpkg, "packages", lambda names: ask(names, str(tmp_path / "status")))
    monkeypatch.setattr(footprints, "UNITS", str(tmp_path / "units"))
    monkeypatch.setattr(footprints, "CONTROL_GROUPS", (str(tmp_path / "cgroup"),))
    (tmp_path / "etc").write_text("export CUDA_HOME=/usr/local/cuda\n")
    (tmp_path / "link").symlink_to("cuda-12.5")
    for name in ("numpy-2.1.0.dist-info", "Keras_Hub-0.1.dist-info", "gast-0.2.2-py2.7.egg-info", "numpy"):
        (tmp_path / "site-packages" / name).mkdir(parents=True)
    (tmp_path / "units" / "multi-user.target.wants").mkdir(parents=True)
    (tmp_path / "units" / "multi-user.target.wants" / "docker.service").symlink_to("/lib/docker.service")
    (tmp_path / "cgroup" / "system.slice" / "docker.service").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def request_of(host: Path) -> dict[str, Any]:
    return {
        "packages": {"cuda-libraries-12-5": True, "pciutils": False},
        "held": ["cuda-libraries-12-5"],
        "files": [str(host / "etc")],
        "links": [str(host / "link")],
        "distributions": {str(host / "site-packages"): ["NumPy", "keras.hub", "gast"]},
        "units": ["docker.service"],
        "users": [getpass.getuser()],
    }


def test_record(host: Path, request_of: dict[str, Any]) -> None:
    assert footprints.record(request_of) == {
        "packages": {"cuda-libraries-12-5": "12.5.1-1", "pciutils": None},
        "held": ["cuda-libraries-12-5"],
        "asked": [],
        "files": {str(host / "etc"): hashlib.sha256(b"export CUDA_HOME=/usr/local/cuda\n").hexdigest()},
        "links": {str(host / "link"): "cuda-12.5"},
        "distributions": {str(host / "site-packages"): {"numpy": "2.1.0", "keras-hub": "0.1", "gast": "0.2.2"}},
        "units": {"docker.service": {"enabled": True, "active": True}},
        "users": {getpass.getuser(): os.getuid()},
        "members": {},
        "settings": {},
        "images": {},
        "trees": {},
    }


def test_packages_may_be_a_list_of_which_any_version_is_right(host: Path) -> None:
    footprint = footprints.record({"packages": ["pciutils"]})
    assert footprint["packages"] == {"pciutils": None}
    write_status(host / "status", {"pciutils": ("9", "install")})
    assert footprints.drift(footprint) == []


def test_record_refuses_what_it_cannot_watch(host: Path) -> None:
    with pytest.raises(ValueError, match=r"a footprint has no file; it has packages, held, asked, files"):
        footprints.record({"file": []})
    with pytest.raises(ValueError, match="is a directory: a footprint names the files"):
        footprints.record({"files": [str(host)]})


def test_no_drift_where_nothing_moved(request_of: dict[str, Any]) -> None:
    assert footprints.drift(footprints.record(request_of)) == []
    assert footprints.drift({}) == []


def edit(host: Path) -> None:
    (host / "etc").write_text("export CUDA_HOME=/opt\n")


def remove_file(host: Path) -> None:
    (host / "etc").unlink()


def move_link(host: Path) -> None:
    (host / "link").unlink()
    (host / "link").symlink_to("cuda-13.0")


def remove_link(host: Path) -> None:
    (host / "link").unlink()


def replace_link(host: Path) -> None:
    (host / "link").unlink()
    (host / "link").mkdir()


def upgrade(host: Path) -> None:
    write_status(host / "status", {**PACKAGES, "cuda-libraries-12-5": ("12.5.2-1", "hold")})


def purge(host: Path) -> None:
    write_status(host / "status", {"cuda-libraries-12-5": ("12.5.1-1", "hold")})


def unhold(host: Path) -> None:
    write_status(host / "status", {**PACKAGES, "cuda-libraries-12-5": ("12.5.1-1", "install")})


def pip_upgrade(host: Path) -> None:
    (host / "site-packages" / "numpy-2.1.0.dist-info").rename(host / "site-packages" / "numpy-2.2.0.dist-info")


def pip_uninstall(host: Path) -> None:
    (host / "site-packages" / "numpy-2.1.0.dist-info").rmdir()


def lose_site_packages(host: Path) -> None:
    (host / "site-packages").rename(host / "elsewhere")


def disable(host: Path) -> None:
    (host / "units" / "multi-user.target.wants" / "docker.service").unlink()


def stop(host: Path) -> None:
    (host / "cgroup" / "system.slice" / "docker.service").rmdir()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (edit, "{host}/etc was edited"),
        (remove_file, "{host}/etc is missing"),
        (move_link, "{host}/link points to cuda-13.0 instead of cuda-12.5"),
        (remove_link, "{host}/link is missing"),
        (replace_link, "{host}/link is no longer a link"),
        (upgrade, "package cuda-libraries-12-5 is 12.5.2-1 instead of 12.5.1-1"),
        (purge, "package pciutils is not installed"),
        (unhold, "package cuda-libraries-12-5 is no longer held"),
        (pip_upgrade, "numpy in {host}/site-packages is 2.2.0 instead of 2.1.0"),
        (pip_uninstall, "numpy is missing from {host}/site-packages"),
        (lose_site_packages, "{host}/site-packages is missing"),
        (disable, "docker.service is no longer enabled"),
        (stop, "docker.service is not running"),
    ],
)
def test_each_kind_of_drift_is_one_sentence(
    host: Path, request_of: dict[str, Any], change: Callable[[Path], None], sentence: str
) -> None:
    footprint = json.loads(json.dumps(footprints.record(request_of)))
    change(host)
    assert footprints.drift(footprint) == [sentence.format(host=host)]


def test_users() -> None:
    assert footprints.drift({"users": {"nobody-of-this-name": 4711}}) == ["user nobody-of-this-name is gone"]
    assert footprints.drift({"users": {"root": 1}}) == ["user root has the id 0 instead of 1"]


def test_a_stopped_unit_that_was_never_active_is_no_drift() -> None:
    assert footprints.drift({"units": {"x.service": {"enabled": False, "active": False}}}) == []


def test_what_may_not_be_read_is_not_held_against_the_host(
    host: Path, request_of: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    footprint = footprints.record(request_of)
    edit(host)
    monkeypatch.setattr(os, "access", lambda path, _mode: path != str(host / "etc"))
    assert footprints.drift(footprint) == []


def test_a_place_that_may_not_be_looked_into_proves_nothing(
    host: Path, request_of: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    footprint = footprints.record({"files": request_of["files"]})
    remove_file(host)

    def locked(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "lstat", locked)
    assert footprints.drift(footprint) == []


FOOTPRINT = {"packages": {}, "held": [], "files": {"/etc/hostname": None}}


def test_write_then_read(tmp_path: Path) -> None:
    file = tmp_path / "receipts" / "python.json"
    assert drift.write(str(file), "python", "abc", FOOTPRINT) is True
    receipt = drift.read(str(file))
    assert receipt is not None
    written = receipt.pop("written")
    assert receipt == {"schema": 1, "role": "python", "inputs": "abc", "footprint": FOOTPRINT}
    assert len(written) == len("2026-11-20T11:02:03Z")
    assert file.stat().st_mode & 0o777 == 0o644


def test_the_same_again_writes_nothing(tmp_path: Path) -> None:
    file = str(tmp_path / "python.json")
    drift.write(file, "python", "abc", FOOTPRINT)
    before = os.stat(file)
    assert drift.write(file, "python", "abc", FOOTPRINT) is False
    assert os.stat(file).st_ino == before.st_ino
    assert drift.write(file, "python", "abcd", FOOTPRINT) is True
    assert drift.write(file, "python", "abcd", {}) is True


def test_environments_that_rely_on_it_are_added_and_those_that_are_gone_forgotten(tmp_path: Path) -> None:
    file = str(tmp_path / "receipts" / "python.json")
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()

    def known() -> Any:
        return [row["environments"] for row in drift.survey(str(tmp_path / "receipts"), ["/nonexistent/x"])]

    assert drift.write(file, "python", "abc", {}, environments=[str(one)]) is True
    assert drift.write(file, "python", "abc", {}, environments=[str(one)]) is False
    assert drift.write(file, "python", "abc", {}, environments=[str(other)]) is True
    assert known() == [{str(one): "abc"}]  # the other one is not there yet
    other.symlink_to("/nonexistent")
    assert known() == [{str(one): "abc", str(other): "abc"}]
    one.rmdir()
    assert known() == [{str(other): "abc"}]
    assert drift.write(file, "python", "abc", {}, environments=["docker"]) is True
    assert known() == [{str(other): "abc", "docker": "abc"}]
    assert drift.write(file, "python", "abcd", {}, environments=["docker"]) is True
    assert known() == [{str(other): "abc", "docker": "abcd"}]
    assert drift.write(file, "python", "abc", {}, environments=[str(other)]) is False  # each has its own inputs
    drift.write(file, "python", "abc", {})
    assert known() == [None]


def test_check_mode_writes_and_removes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "receipts" / "python.json"
    assert drift.write(str(file), "python", "abc", {}, check_mode=True) is True
    assert list(tmp_path.iterdir()) == []
    drift.write(str(file), "python", "abc", {})
    assert drift.remove(str(file), check_mode=True) is True
    assert file.exists()


def test_remove_takes_the_directories_that_it_leaves_empty(tmp_path: Path) -> None:
    file = tmp_path / "lib" / "tensorwright" / "receipts" / "python.json"
    drift.write(str(file), "python", "abc", {})
    drift.write(str(file.with_name("cuda.json")), "cuda", "abc", {})
    assert drift.remove(str(file)) is True
    assert drift.remove(str(file)) is False
    assert [entry.name for entry in file.parent.iterdir()] == ["cuda.json"]
    drift.remove(str(file.with_name("cuda.json")))
    assert list((tmp_path / "lib").iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{half",
        "[]",
        '{"schema": 2, "role": "python", "inputs": "x", "footprint": {}}',
        '{"schema": 1, "role": "python", "footprint": {}}',
        '{"schema": 1, "role": null, "inputs": "x", "footprint": {}}',
        '{"schema": 1, "role": "python", "inputs": "x"}',
        '{"schema": 1, "role": "python", "inputs": "x", "footprint": []}',
        '{"schema": 1, "role": "python", "inputs": "x", "footprint": {"files": []}}',
        '{"schema": 1, "role": "python", "inputs": "x", "footprint": {"held": {}}}',
    ],
)
def test_a_receipt_that_makes_no_sense_counts_as_missing(tmp_path: Path, content: str) -> None:
    (tmp_path / "python.json").write_text(content)
    assert drift.read(str(tmp_path / "python.json")) is None
    assert drift.survey(str(tmp_path), "/nonexistent/tensorflow") == []
    assert drift.write(str(tmp_path / "python.json"), "python", "x", {}) is True


@pytest.mark.parametrize("footprint", [{"distributions": {"/usr": 3}}, {"units": {"x.service": None}}])
def test_a_footprint_of_another_shape_counts_as_missing(tmp_path: Path, footprint: dict[str, Any]) -> None:
    drift.write(str(tmp_path / ".tensorwright" / "receipts" / "tensorflow.json"), "tensorflow_pip", "x", footprint)
    assert drift.survey("/nonexistent", [str(tmp_path / "tensorflow")]) == []


def test_survey(host: Path, request_of: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    directory = host / "receipts"
    own = host / ".tensorwright" / "receipts" / "tensorflow.json"
    monkeypatch.setitem(rules.SCOPES, "cuda", dict.fromkeys(footprints.KINDS, rules.ANY))
    drift.write(str(directory / "cuda.json"), "cuda", "a", footprints.record(request_of))
    drift.write(str(directory / "python.json"), "python", "b", {"packages": {"pciutils": None, "missing": None}})
    drift.write(str(own), "tensorflow_pip", "c", {})
    drift.write(str(own.with_name("other.json")), "tensorflow_pip", "d", {})
    edit(host)
    found = drift.survey(str(directory), [str(host / "tensorflow")])
    assert [(one["role"], one["inputs"], one["file"], one["drift"]) for one in found] == [
        ("cuda", "a", str(directory / "cuda.json"), [f"{host}/etc was edited"]),
        ("python", "b", str(directory / "python.json"), ["package missing is not installed"]),
        ("tensorflow_pip", "c", str(own), []),
    ]
    assert found[2]["footprint"] == {}


def test_members_that_left_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = {"docker": ["alice", "eve"]}
    monkeypatch.setattr("grp.getgrnam", lambda name: type("Group", (), {"gr_mem": groups[name]}))
    footprint = footprints.record({"members": {"docker": ["bob", "alice"]}})
    assert footprint["members"] == {"docker": ["alice", "bob"]}
    assert footprints.drift(footprint) == ["user bob is no longer in group docker"]
    groups.clear()
    assert footprints.drift(footprint) == ["group docker is gone"]


def test_settings_that_somebody_changed(tmp_path: Path) -> None:
    file = tmp_path / "daemon.json"
    footprint = footprints.record({"settings": {str(file): {"live-restore": True, "runtimes": {"a": {"path": "a"}}}}})
    file.write_text('{"live-restore": true, "runtimes": {"a": {"path": "a"}, "b": {}}, "debug": true}')
    assert footprints.drift(footprint) == []
    file.write_text('{"live-restore": false, "runtimes": {"a": {"path": "a"}}}')
    assert footprints.drift(footprint) == [f"live-restore in {file} is no longer as it was set"]
    file.write_text("{")
    (told,) = footprints.drift(footprint)
    assert told.startswith(f"{file} is not valid JSON: line 1: ")
    file.unlink()
    assert len(footprints.drift(footprint)) == 2


@pytest.mark.parametrize(
    ("content", "mode", "withheld"),
    [
        ("HTTP_PROXY=http://user:secret@proxy:3128\n", 0o600, True),
        ("HTTP_PROXY=http://token@proxy:3128\n", 0o640, True),
        ("HTTP_PROXY=http://user:secret@proxy:3128\n", 0o644, False),  # whoever reads the receipt can read the file
        ("HTTP_PROXY=http://proxy:3128\n", 0o600, False),
    ],
)
def test_a_footprint_has_no_hash_of_a_login_that_is_secret(
    tmp_path: Path, content: str, mode: int, withheld: bool
) -> None:
    file = tmp_path / "proxy.env"
    file.write_text(content)
    file.chmod(mode)
    footprint = footprints.record({**{kind: {} for kind in footprints.KINDS}, "files": [str(file)]})
    assert (footprint["files"][str(file)] == footprints.WITHHELD) is withheld
    assert footprints.drift(footprint) == []
    file.write_text("")
    assert footprints.drift(footprint) == ([] if withheld else [f"{file} was edited"])
    file.unlink()
    assert footprints.drift(footprint) == [f"{file} is missing"]
