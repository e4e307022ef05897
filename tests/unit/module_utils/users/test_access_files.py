# SPDX-License-Identifier: GPL-3.0-or-later
"""The files by which users reach environments."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.module_utils.users import access_files
from ansible_collections.tensorwright.fleet.plugins.module_utils.users.access_files import Environment


def plan(path: str, version: str | None, method: str = "virtualenv") -> dict[str, Any]:
    python = {"version": "3.11", "path": "/usr/bin/python3.11"}
    return {
        "path": {"absolute": path},
        "method": method,
        "tensorflow": {"version": version},
        "python": python,
        "device": "cpu",
    }


def environments(*rows: tuple[str, str, str]) -> list[Environment]:
    return access_files.read([plan(*row) for row in rows])


ONE = environments(("/opt/tensorflow", "2.21.0", "virtualenv"))


def test_names_are_those_of_paths_and_differ() -> None:
    rows = [
        ("/opt/tensorflow", "2.21.0", "virtualenv"),
        ("/srv/tensorflow", "2.15.1", "conda"),
        ("/opt/a b", "2.1.0", "conda"),
    ]
    assert [one.name for one in environments(*rows)] == ["tensorflow", "srv-tensorflow", "a-b"]


def test_a_login_shell_finds_the_first_that_has_programs() -> None:
    rows = [("/opt/native", "2.21.0", "native"), ("/opt/tensorflow", "2.21.0", "virtualenv")]
    ((text, mode),) = access_files.profile(environments(*rows)).values()
    for uid, path, expected in (
        (1000, "/usr/bin", "/opt/tensorflow/bin:/usr/bin"),
        (1000, "/usr/bin:/opt/tensorflow/bin", "/usr/bin:/opt/tensorflow/bin"),
        (0, "/usr/bin", "/usr/bin"),
    ):
        script = f"id() {{ echo {uid}; }}; PATH={path}; {text}echo $PATH"
        assert subprocess.check_output(["/bin/sh", "-c", script], text=True).strip() == expected
    assert mode == 0o644
    assert access_files.profile(environments(rows[0])) == {}


def test_modulefiles_lie_where_the_hosts_tools_look() -> None:
    both = {sign for sign, _place in access_files.MODULE_TOOLS}
    assert access_files.module_directories("auto", both.__contains__) == [
        "/etc/environment-modules/modules",
        "/etc/lmod/modules",
    ]
    assert access_files.module_directories("auto", lambda _path: False) == []
    assert access_files.module_directories("false", lambda _path: True) == []
    assert access_files.module_directories(False, lambda _path: True) == []
    assert access_files.module_directories("/sw/modules/", lambda _path: False) == ["/sw/modules"]
    assert access_files.module_directories(["/a", "/b"]) == ["/a", "/b"]


def test_modules_are_named_after_releases_and_differ() -> None:
    rows = [
        ("/opt/tensorflow", "2.21.0", "virtualenv"),
        ("/opt/old", "2.15.1", "conda"),
        ("/opt/other", "2.21.0", "source"),
        ("/opt/night", "2.23.0.dev20261026", "virtualenv"),
        ("/opt/native", "2.20.0", "native"),
    ]
    names = [name for name, _one in access_files.module_versions(environments(*rows))]
    assert names == ["2.21", "2.15", "2.21-other", "nightly"]
    files = access_files.modulefiles(environments(*rows), ["/etc/lmod/modules"])
    assert 'set ModulesVersion "2.21"' in files["/etc/lmod/modules/tensorflow/.version"][0]
    assert "prepend-path PATH {/opt/other/bin}" in files["/etc/lmod/modules/tensorflow/2.21-other"][0]
    assert access_files.modulefiles([], ["/etc/lmod/modules"]) == {}


def test_a_kernel_is_started_by_the_users_launcher() -> None:
    ((path, (text, _mode)),) = access_files.kernels(ONE).items()
    assert path == "/usr/local/share/jupyter/kernels/tensorflow/kernel.json"
    argv = json.loads(text)["argv"]
    assert argv[:6] == [
        "/usr/local/bin/tensorflow-env",
        "run",
        "-e",
        "/opt/tensorflow",
        "--",
        "/opt/tensorflow/bin/python",
    ]
    assert argv[-1] == "{connection_file}"
    assert access_files.kernels(environments(("/opt/tensorflow", "2.21.0", "docker"))) == {}


def test_pam_sets_the_first_row_last_and_never_stops_a_login() -> None:
    gpus: list[dict[str, Any]] = [{"user": "alice", "gpus": []}, {"group": "vision", "gpus": [0, 1]}]
    files = access_files.sessions(gpus, memory_growth=True)
    lines = files[access_files.PAM_PROFILE][0].split("Session:\n")[1].splitlines()
    assert [line.split()[-1] for line in lines] == [
        "conffile=/etc/security/tensorwright/memory-growth.conf",
        "vision",
        "conffile=/etc/security/tensorwright/group-vision.conf",
        "alice",
        "conffile=/etc/security/tensorwright/user-alice.conf",
    ]
    # Each condition skips the one line that follows it; nothing is required.
    assert all(
        line.startswith(("\toptional\tpam_env.so", "\t[success=1 default=ignore]\tpam_succeed_if.so")) for line in lines
    )
    assert "CUDA_VISIBLE_DEVICES DEFAULT=0,1\n" in files["/etc/security/tensorwright/group-vision.conf"][0]
    assert "CUDA_VISIBLE_DEVICES DEFAULT=-1\n" in files["/etc/security/tensorwright/user-alice.conf"][0]
    assert access_files.sessions([], memory_growth=False) == {}


def test_each_file_says_whose_it_is() -> None:
    """By that a run knows them that was interrupted before its receipt."""
    files = {
        **access_files.command(),
        **access_files.profile(ONE),
        **access_files.modulefiles(ONE, ["/m"]),
        **access_files.kernels(ONE),
        **access_files.registry(ONE, [], []),
        **access_files.sessions([{"user": "alice", "gpus": [0]}], memory_growth=True),
    }
    assert [path for path, (text, _mode) in files.items() if access_files.MARK not in text] == [
        access_files.PAM_PROFILE
    ]
