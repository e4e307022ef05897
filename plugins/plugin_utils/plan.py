# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a plan: plain data, every key always there."""

from __future__ import annotations

from typing import TypedDict

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.problems import Problem


class PlanTensorflow(TypedDict):
    """cuda_build: whether the session must find a build with GPU support; None accepts either."""

    version: str | None
    package: str | None
    requirement: str | None
    channel: str | None
    wheel_url: str | None
    cuda_build: bool | None


class PlanPython(TypedDict):
    version: str | None
    path: str | None
    provider: str | None


# "from" is a word of the language, so this one is written as a call.
PlanCuda = TypedDict("PlanCuda", {"from": str, "version": str | None, "packages": list[str], "libraries": list[str]})


class PlanLibrary(TypedDict):
    version: str | None
    packages: list[str]


class PlanDriver(TypedDict):
    minimum: str | None
    branch: str | None
    packages: list[str]


class PlanKey(TypedDict):
    fingerprint: str
    name: str


class PlanRetired(TypedDict):
    file: str
    why: str


class PlanRepository(TypedDict):
    distro: str | None
    architecture: str | None
    key: str | None
    drivers: bool  # whether drivers are taken from it as well
    retired_keys: list[PlanKey]  # apt is to trust none of them for every repository
    retired_files: list[PlanRetired]


class PlanToolkit(TypedDict):
    """NVIDIA's container toolkit."""

    packages: list[str]
    key: str | None


class PlanImage(TypedDict):
    """reference: name and tag or digest, as it is pulled. base and requirements: of an image that is built, what it is made of.

    programs: which of Jupyter and TensorBoard it has. gpus: how many a session in it has to find.
    """

    reference: str | None
    name: str | None
    tag: str | None
    digest: str | None
    base: str | None
    requirements: list[str]
    programs: list[str]
    gpus: int


class PlanBuild(TypedDict):
    bazel: str | None
    compiler: str | None


class PlanPath(TypedDict):
    absolute: str | None
    become: bool


class PlanInstaller(TypedDict):
    """What installs the packages, and the pip that the environment holds."""

    name: str | None
    version: str | None
    file: str | None
    sha256: str | None
    pip: str | None


class PlanSpace(TypedDict):
    needed_mb: int


class Plan(TypedDict):
    problems: list[Problem]
    notes: list[str]
    tensorflow: PlanTensorflow
    device: str | None
    method: str | None
    python: PlanPython
    installer: PlanInstaller
    cuda: PlanCuda
    cudnn: PlanLibrary
    nccl: PlanLibrary
    tensorrt: PlanLibrary
    driver: PlanDriver
    repository: PlanRepository
    toolkit: PlanToolkit
    image: PlanImage
    constraints: list[str]
    build: PlanBuild
    path: PlanPath
    space: PlanSpace
    roles: list[str]


def blank() -> Plan:
    """A plan that plans nothing."""
    return {
        "problems": [],
        "notes": [],
        "tensorflow": {
            "version": None,
            "package": None,
            "requirement": None,
            "channel": None,
            "wheel_url": None,
            "cuda_build": None,
        },
        "device": None,
        "method": None,
        "python": {"version": None, "path": None, "provider": None},
        "installer": {"name": None, "version": None, "file": None, "sha256": None, "pip": None},
        "cuda": {"from": "none", "version": None, "packages": [], "libraries": []},
        "cudnn": {"version": None, "packages": []},
        "nccl": {"version": None, "packages": []},
        "tensorrt": {"version": None, "packages": []},
        "driver": {"minimum": None, "branch": None, "packages": []},
        "repository": {
            "distro": None,
            "architecture": None,
            "key": None,
            "drivers": False,
            "retired_keys": [],
            "retired_files": [],
        },
        "toolkit": {"packages": [], "key": None},
        "image": {
            "reference": None,
            "name": None,
            "tag": None,
            "digest": None,
            "base": None,
            "requirements": [],
            "programs": [],
            "gpus": 0,
        },
        "constraints": [],
        "build": {"bazel": None, "compiler": None},
        "path": {"absolute": None, "become": False},
        "space": {"needed_mb": 0},
        "roles": [],
    }
