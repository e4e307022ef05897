# SPDX-License-Identifier: GPL-3.0-or-later
"""The sets that the guides type by hand, as plans; and NCCL and TensorRT wherever they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia import tensorrt_archive
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.resolver import resolve
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.roles import nvidia as nvidia_wishes
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.report.plan_view import view

from tests.unit.plugin_utils.plan.hosts import A100, CUDA_9_0, GOOD, V100, Facts, debian, planned, refusals, ubuntu

ARCHIVE = "/srv/TensorRT-3.0.4.Ubuntu-16.04.3.x86_64.cuda-9.0.cudnn7.0.tar.gz"


def test_tensorflow_1_10_on_ubuntu_16_04() -> None:
    plan = planned({"version": "1.10.1", "nccl": True, "tensorrt": True}, ubuntu("16.04", gpus=[V100]))
    assert plan["cuda"]["packages"] == CUDA_9_0
    assert plan["cudnn"]["packages"] == ["libcudnn7=7.1.4.18-1+cuda9.0"]
    assert plan["nccl"]["packages"] == ["libnccl2=2.2.13-1+cuda9.0"]
    assert plan["tensorrt"]["packages"] == ["libnvinfer4=4.1.2-1+cuda9.0"]
    assert plan["driver"]["packages"] == ["cuda-drivers-465"]
    assert plan["repository"]["distro"] == "ubuntu1604"
    shown = view([["v100", plan]])
    for package in ("libcudnn7=7.1.4.18-1+cuda9.0", "libnccl2=2.2.13-1+cuda9.0", "libnvinfer4=4.1.2-1+cuda9.0"):
        assert package in shown


@pytest.mark.parametrize(
    ("host", "branch"), [(ubuntu("22.04", gpus=[A100]), "server-open"), (debian("12", gpus=[A100]), "open-580")]
)
def test_tensorflow_2_17_with_cuda_from_apt(host: Facts, branch: str) -> None:
    plan = planned({"version": "2.17.1", "cuda_from": "apt"}, host)
    assert plan["cuda"]["version"] == "12.3"
    assert "cuda-command-line-tools-12-3" in plan["cuda"]["packages"]
    assert plan["cudnn"]["packages"] == ["libcudnn8=8.9.7.29-1+cuda12.2"]
    assert plan["nccl"] == {"version": None, "packages": []}
    assert branch in plan["driver"]["packages"][0]
    assert plan["tensorflow"]["requirement"] == "tensorflow==2.17.1"


@pytest.mark.parametrize("host", [ubuntu("22.04"), ubuntu("24.04"), debian("12")])
def test_tensorflow_2_21_with_wheels_has_no_cuda_of_the_system(host: Facts) -> None:
    plan = planned({"version": "2.21.0"}, {**host, "gpus": [A100, A100]})
    assert plan["tensorflow"]["requirement"] == "tensorflow[and-cuda]==2.21.0"
    assert plan["driver"]["packages"] != []
    for part in (plan["cuda"], plan["cudnn"], plan["nccl"], plan["tensorrt"]):
        assert part["packages"] == []
    assert not {"cuda", "cudnn", "nccl", "tensorrt"} & set(plan["roles"])
    assert plan["nccl"]["version"] == "2.27.7"


# -- NCCL --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "package"),
    [("2.17.1", "libnccl2=2.19.3-1+cuda12.3"), ("2.21.0", "libnccl2=2.27.7-1+cuda12.9"), ("2.13.1", None)],
)
def test_nccl_for_several_gpus_with_cuda_from_apt(version: str, package: str | None) -> None:
    """From 2.14 on the build loads NCCL from beside itself; before, it is inside."""
    plan = planned({"version": version, "cuda_from": "apt"}, ubuntu("22.04", gpus=[A100, A100], driver=GOOD))
    assert plan["nccl"]["packages"] == ([package] if package else [])
    assert ("nccl" in plan["roles"]) == (package is not None)
    alone = planned({"version": version, "cuda_from": "apt"}, ubuntu("22.04", gpus=[A100], driver=GOOD))
    assert alone["nccl"]["packages"] == []


def test_nccl_that_no_package_is_known_of() -> None:
    rows = {"tensorflow": {"series": {"2.17": {"nccl": {"version": "2.19.3", "from": "and_cuda", "apt": ""}}}}}
    host = ubuntu("22.04", gpus=[A100, A100], driver=GOOD)
    asked = {"version": "2.17.1", "cuda_from": "apt", "overrides": rows}
    assert any(note.startswith("NCCL is left out") for note in planned(asked, host)["notes"])
    (sentence,) = refusals({**asked, "nccl": True, "device": "gpu"}, host)
    assert sentence.startswith(
        "tensorflow_nccl is true, but no package with the NCCL 2.19.3 of TensorFlow 2.17.1 is known"
    )


# -- TensorRT from an archive of the site's ----------------------------------------------------------------------------


def with_archive(archive: str = ARCHIVE, **asked: Any) -> Any:
    """The plan of an Ubuntu 16.04 host for which the site has an archive."""
    host = ubuntu("16.04", gpus=[V100], driver=GOOD, tensorrt_archive=archive)
    return resolve({"version": "1.8.0", "tensorrt": True, **asked}, host)


def test_an_archive_serves_where_no_repository_does() -> None:
    plan = with_archive()
    assert plan["problems"] == []
    assert plan["tensorrt"] == {"version": "3.0.4", "packages": [], "archive": ARCHIVE}
    assert plan["roles"].index("tensorrt") > plan["roles"].index("cuda")
    assert f"TensorRT 3.0.4 is unpacked from {ARCHIVE}." in plan["notes"]
    assert f"archive     {ARCHIVE}" in view([["h", plan]])


def test_an_archive_of_another_version_is_refused() -> None:
    (problem,) = with_archive(ARCHIVE.replace("3.0.4", "7.2.2.3"))["problems"]
    assert "holds TensorRT 7.2.2.3, and TensorFlow 1.8.0 was built with 3.0.4" in problem["message"]


def test_without_tensorrt_in_the_request_the_archive_stays() -> None:
    assert with_archive(tensorrt=False)["tensorrt"]["archive"] is None


def test_the_archive_as_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "TensorRT-3.0.4.tar.gz"
    file.touch()
    good = {tensorrt_archive.FILE: str(file), tensorrt_archive.SHA256: "a" * 64}
    assert tensorrt_archive.problems(good) == []
    assert tensorrt_archive.problems({}) == []
    for wrong, words in (
        ({tensorrt_archive.FILE: ""}, "tensorrt_archive_sha256 is set without tensorrt_archive_file"),
        ({tensorrt_archive.SHA256: ""}, "tensorrt_archive_file is set without tensorrt_archive_sha256"),
        ({tensorrt_archive.SHA256: "a" * 63}, "which is no SHA-256"),
        ({tensorrt_archive.FILE: str(tmp_path / "other.tar.gz")}, "the control node has no such file"),
        ({tensorrt_archive.FILE: "relative.tar.gz"}, "which names no archive"),
        ({tensorrt_archive.FILE: str(tmp_path)}, "which names no archive"),
    ):
        (problem,) = tensorrt_archive.problems({**good, **wrong})
        assert words in problem["message"]
        assert problem["accepted"]


def test_what_the_plan_says_of_the_site_s_settings(tmp_path: Path) -> None:
    file = tmp_path / "TensorRT-3.0.4.tar.gz"
    plan = with_archive(tensorrt=False)
    nvidia_wishes.add(plan, {tensorrt_archive.FILE: str(file), tensorrt_archive.SHA256: "a" * 64})
    assert "no such file" in plan["problems"][0]["message"]
    file.touch()
    plan = with_archive(tensorrt=False)
    nvidia_wishes.add(plan, {tensorrt_archive.FILE: str(file), tensorrt_archive.SHA256: "a" * 64})
    assert plan["problems"] == []
    assert "tensorrt_archive_file is not used: TensorRT is not in this plan." in plan["notes"]


def test_settings_that_decide_a_plan() -> None:
    known = nvidia_wishes.facts({"a": 1}, {})
    assert known == {"a": 1, "may_reboot": False, "tensorrt_archive": None}
    settings = {"nvidia_driver_reboot": "yes", "nvidia_driver_key_enrolled": True, tensorrt_archive.FILE: ARCHIVE}
    known = nvidia_wishes.facts({"secure_boot_key": {"file": "k", "enrolled": False}}, settings)
    assert known["may_reboot"] is True
    assert known["secure_boot_key"] == {"file": "k", "enrolled": True}
    assert known["tensorrt_archive"] == ARCHIVE
