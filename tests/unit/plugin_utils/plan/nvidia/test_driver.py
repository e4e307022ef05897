# SPDX-License-Identifier: GPL-3.0-or-later
"""Drivers as a plan treats them: what is installed, what stays, what waits for a reboot, and what goes with them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.receipts import due

from tests.unit.plugin_utils.plan.hosts import (
    A100,
    GOOD,
    H100,
    H200,
    V100,
    Facts,
    debian,
    driver,
    planned,
    refusals,
    ubuntu,
)

KEY = "/var/lib/dkms/mok.pub"


def ours(*packages: str) -> list[Facts]:
    """The role's receipt, as it names these packages."""
    footprint = {"packages": dict.fromkeys(packages, "580.95.05-1")}
    return [{"role": "nvidia_driver", "inputs": "x", "drift": [], "footprint": footprint}]


# -- none is replaced unasked ------------------------------------------------------------------------------------------

OLD = ubuntu("22.04", gpus=[A100], driver=driver("470.82.01"))


def test_a_driver_that_is_too_old_is_replaced_only_where_a_branch_is_asked_for() -> None:
    assert refusals({}, OLD) == [
        (
            "tensorflow_driver_branch is 'auto', but the driver 470.82.01 is older than 525.60.13, and a driver that is there is "
            "replaced only where a branch is asked for; accepted: 580, or tensorflow_device: cpu."
        )
    ]
    assert planned({"driver_branch": "580"}, OLD)["driver"]["branch"] == "580"
    assert planned({"device": "cpu"}, OLD)["driver"]["branch"] is None


def test_of_a_driver_of_our_own_the_same_holds() -> None:
    assert refusals({}, {**OLD, "receipts": ours("nvidia-driver-470")}) != []


def test_where_there_is_none_the_plan_installs_one() -> None:
    assert planned({}, ubuntu("22.04", gpus=[A100]))["driver"]["packages"] != []


@pytest.mark.parametrize("become", [True, False])
def test_one_that_runs_and_was_installed_by_nobody_here_stays(become: bool) -> None:
    """A cloud's machine with its driver mounted: neither a package nor a file where packages put it tells of it."""
    mounted = {"installed": None, "loaded": "580.159.04", "fabric_manager": None}
    plan = planned({}, ubuntu("24.04", gpus=[H200], driver=mounted, become=become))
    assert (plan["device"], plan["tensorflow"]["requirement"]) == ("gpu", "tensorflow[and-cuda]==2.21.0")
    assert (plan["driver"]["branch"], plan["driver"]["packages"]) == ("580", [])
    assert plan["roles"][-1] == "tensorflow_pip"
    assert not {"nvidia_repo", "nvidia_driver"} & set(plan["roles"])


# -- repositories carry what they are proved to carry ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "version", "branch"),
    [
        (ubuntu("16.04", gpus=[V100]), "1.10.1", "465"),
        (ubuntu("18.04", gpus=[V100]), "2.3.4", "465"),
        (debian("12", gpus=[V100]), "2.17.1", "580"),
        (debian("11", gpus=[V100]), "2.17.1", "535"),
        (debian("13", gpus=[A100]), "2.21.0", "595"),
    ],
)
def test_the_branch_is_one_that_the_repository_has(host: Facts, version: str, branch: str) -> None:
    assert planned({"version": version}, host)["driver"]["branch"] == branch


def test_a_branch_that_no_repository_is_proved_to_have() -> None:
    (sentence,) = refusals({"version": "1.10.1", "driver_branch": "580"}, ubuntu("16.04", gpus=[V100]))
    assert "no packages of branch 580; accepted: auto, 465" in sentence


# -- Fabric Manager ----------------------------------------------------------------------------------------------------

DGX = ubuntu("24.04", gpus=[H100] * 8, nvswitches=4)


def with_driver(fabric_manager: str | None, **more: Any) -> Facts:
    """The machine with NVSwitches and a driver that is good, and not ours."""
    return {**DGX, "driver": {**GOOD, "fabric_manager": fabric_manager}, **more}


def test_a_driver_of_ours_brings_fabric_manager() -> None:
    assert planned({}, DGX)["driver"]["fabric_manager"] == "nvidia-fabricmanager-580"
    rolling = planned({"driver_branch": "590"}, {**debian("12", gpus=[H100]), "nvswitches": 4})
    assert rolling["driver"]["fabric_manager"] == "nvidia-fabricmanager"
    assert planned({}, {**DGX, "nvswitches": 0})["driver"]["fabric_manager"] is None


def test_somebody_else_s_driver_gets_the_fabric_manager_of_its_version() -> None:
    for present in (None, "570.86.15"):
        plan = planned({}, with_driver(present))
        assert plan["driver"]["packages"] == []
        assert (plan["driver"]["fabric_manager"], plan["driver"]["version"]) == (
            "nvidia-fabricmanager-580",
            "580.95.05",
        )
        assert plan["roles"][0] == "nvidia_driver"
        assert any("Fabric Manager 580.95.05" in note for note in plan["notes"])
    plan = planned({}, with_driver("580.95.05"))
    assert plan["driver"]["fabric_manager"] is None
    assert "nvidia_driver" not in plan["roles"]


def test_fabric_manager_alone_makes_no_driver_ours() -> None:
    plan = planned({}, with_driver("580.95.05", receipts=ours("nvidia-fabricmanager-580")))
    assert plan["driver"]["packages"] == []


def test_from_nvidia_s_repository_comes_only_fabric_manager() -> None:
    host = {**debian("12", gpus=[H100]), "nvswitches": 4, "driver": GOOD}
    plan = planned({}, host)
    assert plan["roles"][:2] == ["nvidia_repo", "nvidia_driver"]
    assert not plan["repository"]["drivers"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"become": False}, "may not become root to install it"),
        ({"driver": driver("581.11.22")}, "no repository for Ubuntu 24.04 is known to have it"),
    ],
)
def test_what_is_missing_is_told_where_it_cannot_be_had(more: Facts, words: str) -> None:
    (sentence,) = refusals({"device": "gpu"}, with_driver(None, **more))
    assert "no Fabric Manager of its driver's version" in sentence
    assert words in sentence
    notes = planned({}, with_driver(None, **more))["notes"]
    assert any("no Fabric Manager" in note for note in notes)


# -- Secure Boot -------------------------------------------------------------------------------------------------------


def booted(enrolled: bool | None, file: str | None = KEY, **more: Any) -> Facts:
    """A host with Secure Boot on."""
    return ubuntu("22.04", gpus=[A100], secure_boot=True, secure_boot_key={"file": file, "enrolled": enrolled}, **more)


def test_an_enrolled_key_is_fine() -> None:
    plan = planned({}, booted(True))
    assert plan["driver"]["packages"] != []
    assert any("is enrolled" in note for note in plan["notes"])


@pytest.mark.parametrize("device", ["auto", "gpu"])
@pytest.mark.parametrize(
    ("enrolled", "file", "words"),
    [
        (False, KEY, f"mokutil --import {KEY}"),
        (None, KEY, "which this user cannot see"),
        (None, None, "dkms generate_mok"),
    ],
)
def test_one_that_is_not_enrolled_is_refused_with_the_remedy(
    device: str, enrolled: bool | None, file: str | None, words: str
) -> None:
    (sentence,) = refusals({"device": device}, booted(enrolled, file))
    assert sentence.startswith(f"tensorflow_device is '{device}', but Secure Boot is on, and ")
    assert words in sentence
    assert "nvidia_driver_key_enrolled: true" in sentence


def test_a_driver_that_runs_needs_no_key() -> None:
    assert planned({}, booted(None, None, driver=GOOD))["notes"] == ["The GPU is used: NVIDIA A100-SXM4-80GB."]


# -- reboots -----------------------------------------------------------------------------------------------------------

WAITING = ubuntu("22.04", gpus=[A100], driver={"installed": "580.95.05", "loaded": "550.54.15"})


@pytest.mark.parametrize("loaded", ["550.54.15", None])
def test_a_driver_of_ours_that_waits_for_a_reboot_gets_it_where_that_is_allowed(loaded: str | None) -> None:
    ready = {**WAITING, "driver": {"installed": "580.95.05", "loaded": loaded}, "may_reboot": True}
    assert refusals({}, {**ready, "receipts": []}) != []
    assert refusals({}, {**ready, "receipts": ours("nvidia-driver-580-server-open"), "may_reboot": False}) != []
    host = {**ready, "receipts": ours("nvidia-driver-580-server-open")}
    plan = planned({}, host)
    assert plan["driver"]["reboot"] is True
    assert any("rebooted" in note for note in plan["notes"])
    current = [{**host["receipts"][0], "file": "", "inputs": due.inputs({**plan}, "nvidia_driver", {})}]
    assert "nvidia_driver" in due.due({**plan}, {"receipts": current}, {})
    settled = {**plan, "driver": {**plan["driver"], "reboot": False}}
    assert "nvidia_driver" not in due.due(settled, {"receipts": current}, {})


# -- what an administrator has put where packages go -------------------------------------------------------------------

UNINSTALLER = "/usr/local/cuda-12.3/bin/cuda-uninstaller"


@pytest.mark.parametrize("device", ["auto", "gpu"])
@pytest.mark.parametrize(
    ("cuda", "words"),
    [
        ({"uninstallers": [UNINSTALLER], "directory": False}, f"the same after {UNINSTALLER} has removed it"),
        ({"uninstallers": [], "directory": True}, "/usr/local/cuda is a directory that was made by hand"),
    ],
)
def test_a_cuda_in_the_way_is_refused_before_any_change(device: str, cuda: Facts, words: str) -> None:
    host = ubuntu("22.04", gpus=[A100], cuda=cuda)
    (sentence,) = refusals({"version": "2.17.1", "cuda_from": "apt", "device": device}, host)
    assert words in sentence
    assert "tensorflow_cuda_from: wheels" in sentence
    planned({"version": "2.17.1", "cuda_from": "wheels"}, host)


def test_a_run_file_s_cuda_of_another_version_is_in_nobody_s_way() -> None:
    cuda = {"uninstallers": ["/usr/local/cuda-11.8/bin/cuda-uninstaller"], "directory": False}
    planned({"version": "2.17.1", "cuda_from": "apt"}, ubuntu("22.04", gpus=[A100], cuda=cuda))
