# SPDX-License-Identifier: GPL-3.0-or-later
"""The device: GPUs, drivers, CUDA and its libraries."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plugin_utils.plan.hosts import (
    A100,
    CUDA_9_0,
    GOOD,
    GTX980,
    H100,
    K80,
    P100,
    RTX5090,
    T4,
    UNKNOWN,
    V100,
    Facts,
    Request,
    debian,
    driver,
    planned,
    pythons,
    refusals,
    ubuntu,
)

# A driver without Fabric Manager that is installed or there, and waits for no reboot.
ALONE = {"fabric_manager": None, "version": None, "reboot": False}
# Where the NVIDIA roles are not offered.
WITHOUT_NVIDIA = frozenset({"python", "tensorflow_pip"})


def test_auto_takes_a_gpu_that_can_be_used() -> None:
    plan = planned({}, debian(gpus=[A100], driver=GOOD))
    assert plan["device"] == "gpu"
    assert plan["tensorflow"]["requirement"] == "tensorflow[and-cuda]==2.21.0"
    assert plan["cuda"] == {"from": "wheels", "version": "12.5", "packages": [], "libraries": ["libcudart.so.12"]}
    assert plan["cudnn"] == {"version": "9.3", "packages": []}
    assert plan["nccl"] == {"version": "2.27.7", "packages": []}
    assert plan["driver"] == {"minimum": "525.60.13", "branch": "580", "packages": [], **ALONE}
    assert plan["constraints"] == []
    assert "nvidia_driver" not in plan["roles"]
    assert plan["notes"] == ["The GPU is used: NVIDIA A100-SXM4-80GB."]
    assert planned({"device": "gpu"}, debian(gpus=[A100], driver=GOOD))["notes"] == []


@pytest.mark.parametrize(
    ("host", "note"),
    [
        (debian(), "The CPU is used: this host has no NVIDIA GPU."),
        (
            debian(gpus=[A100], become=False),
            "The CPU is used: there is no NVIDIA driver, and this run may not become root to install one.",
        ),
        (
            debian(gpus=[A100], driver=driver("470.82.01"), become=False),
            "The CPU is used: the driver 470.82.01 is older than 525.60.13, and this run may not become root to install one.",
        ),
        (
            debian(gpus=[K80], driver=driver("470.82.01")),
            "The CPU is used: Tesla K80 (compute capability 3.7) is older than CUDA 12.5 serves.",
        ),
        (
            debian(gpus=[GTX980], driver=GOOD),
            "The CPU is used: GeForce GTX 980 (compute capability 5.2) is older than the builds of TensorFlow 2.21 serve (6.0).",
        ),
        (
            debian(gpus=[RTX5090], driver=GOOD),
            "The CPU is used: NVIDIA GeForce RTX 5090 (compute capability 12.0) is newer than CUDA 12.5 knows.",
        ),
        (debian(gpus=[UNKNOWN], driver=GOOD), "The CPU is used: NVIDIA Tomorrow 1 is not in the tables."),
        (
            debian(gpus=[A100], driver=GOOD, architecture="aarch64"),
            "The CPU is used: TensorFlow 2.21.0 has no GPU build for aarch64.",
        ),
        (
            debian(gpus=[A100], driver={"installed": "580.95.05", "loaded": None}),
            None,
        ),
    ],
)
def test_auto_falls_back_to_the_cpu_with_a_note(host: Facts, note: str | None) -> None:
    if note is None:
        assert refusals({}, host) == [
            (
                "tensorflow_device is 'auto', but the installed driver 580.95.05 is not loaded; accepted: the same after a reboot "
                "of the host."
            )
        ]
        return
    plan = planned({}, host)
    assert plan["device"] == "cpu"
    assert note in plan["notes"]


@pytest.mark.parametrize(
    ("request_", "host", "sentence_"),
    [
        ({}, debian(), "tensorflow_device is 'gpu', but this host has no NVIDIA GPU; accepted: auto, cpu."),
        (
            {},
            debian(gpus=[A100], become=False),
            (
                "tensorflow_device is 'gpu', but there is no NVIDIA driver, and this run may not become root to install one; accepted: "
                "cpu, a host with driver 525.60.13 or newer, or a run that may become root."
            ),
        ),
        (
            {},
            debian(gpus=[A100], driver={"installed": "580.95.05", "loaded": "550.54.15"}),
            (
                "tensorflow_device is 'gpu', but the driver in use, 550.54.15, is not the installed one, 580.95.05; accepted: the "
                "same after a reboot of the host."
            ),
        ),
        (
            {"version": "2.21.0"},
            debian(gpus=[GTX980], driver=GOOD),
            (
                "tensorflow_device is 'gpu', but GeForce GTX 980 (compute capability 5.2) is older than the builds of TensorFlow "
                "2.21 serve (6.0); accepted: cpu, or tensorflow_version: 2.16.2, the newest with code for it."
            ),
        ),
        (
            {"version": "2.17"},
            debian(gpus=[RTX5090], driver=GOOD),
            (
                "tensorflow_device is 'gpu', but NVIDIA GeForce RTX 5090 (compute capability 12.0) is newer than CUDA 12.3 knows; "
                "accepted: cpu."
            ),
        ),
        (
            {"version": "1.12.0"},
            ubuntu("16.04", gpus=[H100], driver=GOOD),
            (
                "tensorflow_device is 'gpu', but NVIDIA H100 PCIe (compute capability 9.0) is newer than CUDA 9.0 knows; accepted: "
                "cpu, or tensorflow_version: 2.21.0, the newest with code for it."
            ),
        ),
        (
            {"version": "2.15.1"},
            debian(gpus=[K80], driver=driver("470.82.01")),
            (
                "tensorflow_device is 'gpu', but Tesla K80 (compute capability 3.7) is older than CUDA 12.2 serves; accepted: cpu, "
                "or tensorflow_version: 2.14.1, the newest with code for it."
            ),
        ),
        (
            {"version": "2.21.0"},
            debian(gpus=[A100], driver=GOOD, architecture="aarch64"),
            "tensorflow_device is 'gpu', but TensorFlow 2.21.0 has no GPU build for aarch64; accepted: auto, cpu.",
        ),
        (
            {"version": "2.14.1", "cuda_from": "wheels"},
            debian(gpus=[A100], driver=GOOD),
            (
                "tensorflow_cuda_from is 'wheels', but the CUDA wheels of TensorFlow 2.14.1 cannot be installed on Python 3.11; "
                "accepted: auto, apt, or tensorflow_version: 2.21.0."
            ),
        ),
        (
            {"version": "2.12.1", "cuda_from": "wheels"},
            debian(gpus=[A100], driver=GOOD),
            (
                "tensorflow_cuda_from is 'wheels', but TensorFlow 2.12.1 has no CUDA wheels; accepted: auto, apt, or "
                "tensorflow_version: 2.21.0."
            ),
        ),
        (
            {"version": "2.11.1", "cuda_from": "apt"},
            ubuntu("22.04", gpus=[A100], driver=GOOD),
            (
                "tensorflow_cuda_from is 'apt', but no apt repository for Ubuntu 22.04 carries CUDA 11.2, which TensorFlow 2.11.1 "
                "needs; accepted: a host with Ubuntu 20.04, Ubuntu 18.04, Ubuntu 16.04 or Debian 10."
            ),
        ),
        (
            {"version": "2.21.0", "cuda_from": "apt"},
            debian("13", gpus=[A100], driver=GOOD),
            (
                "tensorflow_cuda_from is 'apt', but no apt repository for Debian 13 carries CUDA 12.5, which TensorFlow 2.21.0 "
                "needs; accepted: wheels, or a host with Ubuntu 24.04, Ubuntu 22.04, Ubuntu 20.04, Debian 12 or Debian 11."
            ),
        ),
        (
            {"tensorrt": True, "version": "2.21.0"},
            debian(gpus=[A100], driver=GOOD),
            (
                "tensorflow_tensorrt is true, but TensorFlow 2.21.0 is built without TensorRT; accepted: false, auto, or "
                "tensorflow_version: 2.17.1, the newest with it."
            ),
        ),
    ],
)
def test_a_gpu_that_cannot_be_had(request_: Request, host: Facts, sentence_: str) -> None:
    assert refusals({"device": "gpu", **request_}, host) == [sentence_]


@pytest.mark.parametrize(
    ("host", "version"),
    [
        (debian(gpus=[GTX980], driver=GOOD), "2.16.2"),
        (debian(gpus=[P100], driver=GOOD), "2.21.0"),
        (debian(gpus=[H100], driver=GOOD), "2.21.0"),
        (ubuntu("22.04", gpus=[K80], driver=driver("470.82.01")), "2.14.1"),
    ],
)
def test_latest_on_a_gpu_is_the_newest_that_serves_it(host: Facts, version: str) -> None:
    plan = planned({"device": "gpu"}, host)
    assert (plan["tensorflow"]["version"], plan["device"]) == (version, "gpu")


def test_a_host_with_gpus_of_two_kinds_uses_those_that_are_served() -> None:
    plan = planned({}, debian(gpus=[GTX980, A100], driver=GOOD))
    assert plan["device"] == "gpu"
    assert plan["notes"] == [
        "The GPU is used: NVIDIA A100-SXM4-80GB.",
        "One GPU is left out: GeForce GTX 980 (compute capability 5.2) is older than the builds of TensorFlow 2.21 serve (6.0).",
    ]


def test_old_gpus_keep_the_cudnn_that_has_code_for_them() -> None:
    for old in (P100, V100):
        assert planned({}, debian(gpus=[old], driver=GOOD))["constraints"] == ["nvidia-cudnn-cu12<9.11"]
    assert planned({}, debian(gpus=[T4], driver=GOOD))["constraints"] == []
    assert planned({"device": "cpu"}, debian(gpus=[P100], driver=GOOD))["constraints"] == []
    assert planned({"version": "2.19"}, debian(gpus=[P100], driver=GOOD))["constraints"] == []


def test_ptx_needs_the_driver_of_its_toolkit() -> None:
    """Machine code runs on any driver of CUDA 12; an A100 has to compile 2.15's PTX, and only 535 knows that of 12.2."""
    asked = {"device": "gpu", "version": "2.15.1"}
    assert planned(asked, debian(gpus=[A100], driver=driver("535.54.03")))["driver"]["minimum"] == "535.54.03"
    assert refusals(asked, debian(gpus=[A100], driver=driver("535.54.02"))) != []
    assert planned(asked, debian(gpus=[T4], driver=driver("525.60.13")))["driver"]["minimum"] == "525.60.13"


def test_the_driver_of_a_toolkit_may_be_too_old_for_its_programs() -> None:
    """CUDA 11.0 came with 450.51.05, and its programs need 450.80.02; an A100 has to compile 2.4's PTX."""
    host = ubuntu("18.04", gpus=[A100], driver=GOOD)
    plan = planned({"device": "gpu", "version": "2.4"}, host)
    assert plan["driver"]["minimum"] == "450.80.02"


def test_drivers_are_installed_once_that_is_built() -> None:
    asked = {"device": "gpu"}
    plan = planned(asked, ubuntu("22.04", gpus=[A100]))
    assert plan["driver"] == {
        "minimum": "525.60.13",
        "branch": "580",
        "packages": ["nvidia-driver-580-server-open", "nvidia-utils-580-server"],
        **ALONE,
    }
    assert plan["roles"][0] == "nvidia_driver"
    plan = planned(asked, ubuntu("22.04", gpus=[P100]))
    assert plan["driver"]["packages"] == ["nvidia-driver-580-server", "nvidia-utils-580-server"]
    plan = planned(asked, debian("12", gpus=[A100]))
    assert plan["driver"]["packages"] == ["nvidia-open-580"]
    assert plan["roles"][:2] == ["nvidia_repo", "nvidia_driver"]
    assert plan["repository"]["distro"] == "debian12"
    assert plan["repository"]["architecture"] == "x86_64"
    assert plan["repository"]["key"] == "EB693B3035CD5710E231E123A4B469963BF863CC"
    assert plan["repository"]["drivers"]
    plan = planned({**asked, "driver_branch": "595"}, ubuntu("24.04", gpus=[T4]))
    assert plan["driver"]["branch"] == "595"
    plan = planned({**asked, "driver_branch": 590}, debian("12", gpus=[T4]))
    assert plan["driver"]["packages"] == ["nvidia-driver-pinning-590", "nvidia-open"]
    plan = planned({**asked, "version": "2.14"}, ubuntu("22.04", gpus=[K80]))
    assert plan["driver"]["branch"] == "470"
    assert plan["driver"]["packages"] == ["nvidia-driver-470", "nvidia-utils-470"]


def test_a_good_driver_is_left_alone_unless_another_branch_is_asked_for() -> None:
    host = ubuntu("22.04", gpus=[A100], driver=driver("550.54.15"))
    assert planned({"device": "gpu"}, host)["driver"]["packages"] == []
    plan = planned({"device": "gpu", "driver_branch": "580"}, host)
    assert plan["driver"]["branch"] == "580"
    assert plan["driver"]["packages"] != []


@pytest.mark.parametrize(
    ("request_", "host", "sentence_"),
    [
        (
            {"driver_branch": "590"},
            debian(gpus=[P100]),
            (
                "tensorflow_driver_branch is '590', but branch 590 no longer serves compute capability 6.0; accepted: auto, 580, "
                "535, 570, 550."
            ),
        ),
        (
            {
                "driver_branch": "550",
                "version": "nightly",
                "overrides": {"tensorflow": {"series": {"2.22": {"cuda": "12.9"}}}},
            },
            debian("12", gpus=[RTX5090]),
            (
                "tensorflow_driver_branch is '550', but branch 550 does not know compute capability 12.0 yet; accepted: auto, 580, "
                "595, 570, 610, 590."
            ),
        ),
        (
            {"driver_branch": "590"},
            {**ubuntu("22.04", gpus=[A100]), "release": "23.10"},
            "tensorflow_driver_branch is '590', but this distribution has no packages of branch 590; accepted: auto.",
        ),
        (
            {"driver_branch": "470"},
            ubuntu("22.04", gpus=[A100]),
            (
                "tensorflow_driver_branch is '470', but branch 470 is older than the driver 525.60.13 that the plan needs; "
                "accepted: auto, 580, 535, 595, 570, 550, 610, 590."
            ),
        ),
        (
            {"driver_branch": "550", "version": "2.14", "python": "3.10"},
            ubuntu("22.04", gpus=[RTX5090]),
            (
                "tensorflow_device is 'gpu', but NVIDIA GeForce RTX 5090 (compute capability 12.0) is newer than CUDA 11.8 knows; "
                "accepted: cpu."
            ),
        ),
        (
            {},
            ubuntu("22.04", gpus=[A100], become=False),
            (
                "tensorflow_device is 'gpu', but there is no NVIDIA driver, and this run may not become root to install one; "
                "accepted: cpu, a host with driver 525.60.13 or newer, or a run that may become root."
            ),
        ),
        (
            {"version": "2.14"},
            debian("12", gpus=[K80], pythons=pythons("3.10")),
            "tensorflow_device is 'gpu', but no driver branch that would do (470, 465) can be had on Debian 12; accepted: cpu.",
        ),
    ],
)
def test_a_driver_that_cannot_be_had(request_: Request, host: Facts, sentence_: str) -> None:
    assert refusals({"device": "gpu", **request_}, host) == [sentence_]


def test_an_unknown_branch() -> None:
    assert refusals({"driver_branch": "581"}, debian()) == [
        (
            "tensorflow_driver_branch is '581', which is not a known driver branch; accepted: auto, or a driver branch: 465, 470, "
            "535, 550, 570, 580, 590, 595, 610 (the nearest is 580)."
        )
    ]


def test_cuda_from_apt_once_that_is_built() -> None:
    host = ubuntu("16.04", gpus=[V100, V100], driver=driver("580.95.05"))
    plan = planned({"device": "gpu", "version": "1.12.0", "tensorrt": True}, host)
    assert plan["tensorflow"]["requirement"] == "tensorflow-gpu==1.12.0"
    assert plan["cuda"]["from"] == "apt"
    assert plan["cuda"]["packages"] == CUDA_9_0
    assert plan["cudnn"] == {"version": "7.2", "packages": ["libcudnn7=7.2.1.38-1+cuda9.0"]}
    assert plan["nccl"] == {"version": "2.2.13", "packages": ["libnccl2=2.2.13-1+cuda9.0"]}
    assert plan["tensorrt"] == {"version": "4.1.2", "packages": ["libnvinfer4=4.1.2-1+cuda9.0"], "archive": None}
    assert plan["repository"]["distro"] == "ubuntu1604"
    assert plan["roles"] == ["nvidia_repo", "cuda", "cudnn", "nccl", "tensorrt", "tensorflow_pip"]


def test_nccl_only_for_several_gpus_unless_asked() -> None:
    asked = {"device": "gpu", "version": "1.12.0"}

    def packages(number: int, **more: Any) -> list[str]:
        host = ubuntu("16.04", gpus=[V100] * number, driver=GOOD)
        return planned({**asked, **more}, host)["nccl"]["packages"]

    assert packages(1) == []
    assert packages(2) == ["libnccl2=2.2.13-1+cuda9.0"]
    assert packages(1, nccl=True) == ["libnccl2=2.2.13-1+cuda9.0"]
    assert packages(2, nccl=False) == []


def test_apt_where_the_wheels_cannot_be_installed() -> None:
    plan = planned({"device": "gpu", "version": "2.14.1"}, ubuntu("22.04", gpus=[A100], driver=GOOD))
    assert plan["cuda"]["from"] == "wheels"
    host = ubuntu("22.04", gpus=[A100], driver=GOOD, pythons=pythons("3.11"))
    plan = planned({"device": "gpu", "version": "2.14.1"}, host)
    assert plan["cuda"]["from"] == "apt"
    assert plan["tensorflow"]["requirement"] == "tensorflow==2.14.1"


def test_an_older_distributions_repository_where_a_row_says_so() -> None:
    site = {"nvidia": {"repositories": {"ubuntu2204": {"also": "ubuntu2004"}}}}
    host = ubuntu("22.04", gpus=[A100], driver=GOOD)
    asked = {"device": "gpu", "version": "2.11.1", "overrides": site}
    plan = planned(asked, host)
    assert plan["repository"]["distro"] == "ubuntu2004"


def test_tensorrt() -> None:
    host = debian(gpus=[A100], driver=GOOD)
    plan = planned({"tensorrt": "auto"}, host)
    assert "TensorRT is left out: TensorFlow 2.21.0 is built without TensorRT." in plan["notes"]
    assert plan["tensorrt"] == {"version": None, "packages": [], "archive": None}
    with_wheels = ubuntu("22.04", gpus=[A100], driver=GOOD)
    inside = planned({"tensorrt": True, "device": "gpu", "version": "2.14.1"}, with_wheels)
    assert inside["tensorflow"]["version"] == "2.14.1"
    assert inside["tensorrt"] == {"version": "8.5.3", "packages": [], "archive": None}
    plan = planned({"tensorrt": True, "version": "2.17"}, host)
    assert plan["tensorrt"]["packages"] == ["libnvinfer8=8.6.1.6-1+cuda12.0", "libnvinfer-plugin8=8.6.1.6-1+cuda12.0"]
    assert planned({"tensorrt": "auto"}, debian())["tensorrt"]["version"] is None
    assert refusals(
        {"tensorrt": True, "version": "1.8.0", "device": "gpu"},
        ubuntu("16.04", gpus=[V100], driver=GOOD),
    ) == [
        (
            "tensorflow_tensorrt is true, but TensorRT 3.0.4, which TensorFlow 1.8.0 needs, is in no repository; accepted: false, "
            "auto, or tensorrt_archive_file with the archive that NVIDIA offers."
        )
    ]


def test_a_prerelease_on_a_gpu_is_taken_on_trust() -> None:
    plan = planned({"version": "2.22.0rc0"}, debian(gpus=[A100], driver=GOOD))
    assert plan["device"] == "gpu"
    assert "The tables do not say which GPUs TensorFlow 2.22.0rc0 carries code for." in plan["notes"]
