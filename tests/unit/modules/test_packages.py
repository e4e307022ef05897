# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module writes down before apt works, with a stand-in for apt and dpkg."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import dpkg
from ansible_collections.tensorwright.fleet.plugins.module_utils.apt import packages as package_set
from ansible_collections.tensorwright.fleet.plugins.module_utils.receipts import drift, footprints
from ansible_collections.tensorwright.fleet.plugins.modules import packages

NEEDS = {"nginx": ["nginx-common"], "nginx-common": [], "cuda": ["libcudnn"], "libcudnn": [], "hello": []}


class CutOffError(BaseException):
    """The run is killed."""


class Apt:
    """A stand-in for apt: what is installed, and after what it is killed."""

    def __init__(self) -> None:
        self.installed = {"hello": "1"}
        self.held: set[str] = set()
        self.killed = ""

    def read(self) -> dict[str, package_set.Package]:
        return {
            name: package_set.Package(
                name, version, "hold" if name in self.held else "install", "installed", tuple(NEEDS[name]), False, ()
            )
            for name, version in self.installed.items()
        }

    def _names(self, words: list[str]) -> list[str]:
        asked = [word.partition("=")[0] for word in words if word.partition("=")[0] in NEEDS]
        return [name for one in asked for name in [*NEEDS[one], one]]

    def simulate(self, words: list[str]) -> list[package_set.Step]:
        if words == ["autoremove"]:
            needed = {"hello", *(need for name in self.installed for need in NEEDS[name])}
            return [package_set.Step("Remv", name, "1", None) for name in sorted(set(self.installed) - needed)]
        if "purge" in words or "remove" in words:
            return [package_set.Step("Purg", name, "1", None) for name in words if name in self.installed]
        return [package_set.Step("Inst", name, None, "1") for name in self._names(words) if name not in self.installed]

    def fetching(self, words: list[str]) -> str:
        if "install" in words:
            self.installed.update(dict.fromkeys(self._names(words), "1"))
            if self.killed == "install":
                raise CutOffError
        return ""

    def run(self, command: list[str]) -> str:
        if "purge" in command:
            for name in command[command.index("purge") + 1 :]:
                self.installed.pop(name, None)
        if command[:2] == ["apt-mark", "hold"]:
            self.held.update(command[2:])
            if self.killed == "hold":
                raise CutOffError
        return ""


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    apt = Apt()
    monkeypatch.setattr(drift, "DIRECTORY", str(tmp_path / "receipts"))
    monkeypatch.setattr(packages, "BLACKLIST", str(tmp_path / "blacklist-{0}"))
    for name in ("read", "simulate", "fetching", "run"):
        monkeypatch.setattr(package_set, name, getattr(apt, name))
    monkeypatch.setattr(
        *(dpkg, "packages"),
        lambda names: {
            name: dpkg.Package(name, apt.installed[name], "amd64", name in apt.held)
            for name in names
            if name in apt.installed
        },
    )
    return apt


def run(role: str, **asked: Any) -> dict[str, Any]:
    out = io.StringIO()
    with patch_module_args({"role": role, **asked}), contextlib.redirect_stdout(out), pytest.raises(SystemExit):
        packages.main()
    answer: dict[str, Any] = json.loads(out.getvalue())
    assert not answer.get("failed"), answer
    return answer


def test_what_a_run_that_was_cut_off_has_installed_goes_with_the_role(apt: Apt) -> None:
    apt.killed = "install"
    with pytest.raises(CutOffError):
        run("package_cache_server", plain=["nginx", "hello"])
    assert set(apt.installed) == {"nginx", "nginx-common", "hello"}
    run("package_cache_server", state="absent", wholly=True)
    assert set(apt.installed) == {"hello"}


def test_the_next_run_counts_it_as_what_the_role_brought(apt: Apt) -> None:
    apt.killed = "install"
    with pytest.raises(CutOffError):
        run("package_cache_server", plain=["nginx"])
    apt.killed = ""
    footprint = run("package_cache_server", plain=["nginx"])["footprint"]
    assert (footprint["packages"], footprint["asked"]) == ({"nginx": False, "nginx-common": False}, ["nginx"])
    file = f"{drift.DIRECTORY}/package_cache_server.json"
    drift.write(file, "package_cache_server", "x", footprints.record(footprint))
    run("package_cache_server", state="absent", wholly=True)
    assert set(apt.installed) == {"hello"}


@pytest.mark.parametrize("killed", ["install", "hold"])
def test_what_was_installed_for_roles_that_follow_is_theirs(apt: Apt, killed: str) -> None:
    apt.killed = killed
    with pytest.raises(CutOffError):
        run("cuda", names=["cuda"], together={"cudnn": ["libcudnn=1"]})
    run("cudnn", state="absent")
    assert set(apt.installed) == {"cuda", "hello"}
    run("cuda", state="absent")
    assert set(apt.installed) == {"hello"}


def test_for_which_environments_it_was_done_is_known(apt: Apt, tmp_path: Path) -> None:
    (tmp_path / "tensorflow").mkdir()
    apt.killed = "install"
    with pytest.raises(CutOffError):
        run("package_cache_server", plain=["nginx"], environments=[str(tmp_path / "tensorflow")])
    (found,) = drift.survey(drift.DIRECTORY, [])
    assert found["environments"] == {str(tmp_path / "tensorflow"): ""}


def test_a_removal_that_was_cut_off_goes_on(apt: Apt) -> None:
    answer = run("cuda", names=["cuda"])
    drift.write(f"{drift.DIRECTORY}/cuda.json", "cuda", "x", footprints.record(answer["footprint"]))
    del apt.installed["cuda"]  # removed, and the run was killed before it could remove what came along
    run("cuda", state="absent")
    assert set(apt.installed) == {"hello"}
