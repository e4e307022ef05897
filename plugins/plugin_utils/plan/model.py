# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a plan: plain data, every key always there."""

from __future__ import annotations

from typing import Any, TypedDict

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common.problems import Problem


class PlanTensorflow(TypedDict):
    """guide_url: where the guides fetched the wheel from, for where the index has no match; moves: whether every run looks for a newer
    build; cuda_build: whether the session must find a build with GPU support, None accepts either.
    """

    version: str | None
    package: str | None
    requirement: str | None
    channel: str | None
    wheel_url: str | None
    wheel_sha256: str | None
    guide_url: str | None
    moves: bool
    cuda_build: bool | None


class PlanWheel(TypedDict):
    file: str | None
    sha256: str | None


class PlanPython(TypedDict):
    version: str | None
    path: str | None
    provider: str | None


# "from" is a word of the language, so this one is written as a call.
PlanCuda = TypedDict("PlanCuda", {"from": str, "version": str | None, "packages": list[str], "libraries": list[str]})


class PlanLibrary(TypedDict):
    version: str | None
    packages: list[str]


class PlanTensorrt(TypedDict):
    version: str | None
    packages: list[str]
    archive: str | None  # a file of the control node, in place of packages


class PlanDriver(TypedDict):
    """version: of somebody else's driver, where only Fabric Manager is added; reboot: the installed driver waits for one."""

    minimum: str | None
    branch: str | None
    packages: list[str]
    fabric_manager: str | None
    version: str | None
    reboot: bool


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


class PlanBazelisk(TypedDict):
    version: str | None
    url: str | None
    sha256: str | None


class PlanBuild(TypedDict):
    """A build from source. Wheels of the same key are the same but for the GPUs that they carry code for.

    parts: what the key stands for; program: the compiler, None where the host has none that would do; wheel: the record of one that is
    there; short: why the host cannot make it itself; host: which host makes it, or has it, and given is that one's record; makes:
    whether this host is to make one, for for_capabilities and the hosts that users names.
    """

    key: str | None
    parts: list[str]
    bazel: str | None
    compiler: str | None
    program: str | None
    packages: list[str]
    url: str | None
    tag: str | None
    commit: str | None
    bazelisk: PlanBazelisk
    capabilities: list[str]
    environment: list[str]
    requirements: list[str]
    options: list[str]
    jobs: int
    memory_mb: int
    hours: int
    disk_mb: int
    directory: str | None
    asked_host: str | None
    wheel: dict[str, Any] | None
    short: list[Problem]
    host: str | None
    given: dict[str, Any] | None
    makes: bool
    for_capabilities: list[str]
    users: list[str]


class PlanPath(TypedDict):
    """given: as it was asked for, which may begin with ~."""

    given: str | None
    absolute: str | None
    become: bool


class PlanInstaller(TypedDict):
    """What installs the packages, and the pip that the environment holds."""

    name: str | None
    version: str | None
    file: str | None
    sha256: str | None
    pip: str | None
    virtualenv: PlanWheel  # where Python has no venv of its own


class PlanStandalone(TypedDict):
    """The archive of a standalone Python: url is where all of them are."""

    url: str | None
    file: str | None
    sha256: str | None


class PlanDeadsnakes(TypedDict):
    """The PPA of that name: suite is the distribution's codename, key the full fingerprint."""

    url: str | None
    suite: str | None
    key: str | None
    key_url: str | None


class PlanConda(TypedDict):
    """The installer of method conda."""

    version: str | None
    url: str | None
    sha256: str | None


class PlanSpace(TypedDict):
    needed_mb: int


class Plan(TypedDict):
    problems: list[Problem]
    notes: list[str]
    tensorflow: PlanTensorflow
    device: str | None
    method: str | None
    python: PlanPython
    standalone: PlanStandalone
    deadsnakes: PlanDeadsnakes
    conda: PlanConda
    installer: PlanInstaller
    cuda: PlanCuda
    cudnn: PlanLibrary
    nccl: PlanLibrary
    tensorrt: PlanTensorrt
    driver: PlanDriver
    repository: PlanRepository
    toolkit: PlanToolkit
    image: PlanImage
    constraints: list[str]
    packages: list[str]  # what users of a release need in it beside TensorFlow
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
            "wheel_sha256": None,
            "guide_url": None,
            "moves": False,
            "cuda_build": None,
        },
        "device": None,
        "method": None,
        "python": {"version": None, "path": None, "provider": None},
        "standalone": {"url": None, "file": None, "sha256": None},
        "deadsnakes": {"url": None, "suite": None, "key": None, "key_url": None},
        "conda": {"version": None, "url": None, "sha256": None},
        "installer": {
            "name": None,
            "version": None,
            "file": None,
            "sha256": None,
            "pip": None,
            "virtualenv": {"file": None, "sha256": None},
        },
        "cuda": {"from": "none", "version": None, "packages": [], "libraries": []},
        "cudnn": {"version": None, "packages": []},
        "nccl": {"version": None, "packages": []},
        "tensorrt": {"version": None, "packages": [], "archive": None},
        "driver": {
            "minimum": None,
            "branch": None,
            "packages": [],
            "fabric_manager": None,
            "version": None,
            "reboot": False,
        },
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
        "packages": [],
        "build": {
            "key": None,
            "parts": [],
            "bazel": None,
            "compiler": None,
            "program": None,
            "packages": [],
            "url": None,
            "tag": None,
            "commit": None,
            "bazelisk": {"version": None, "url": None, "sha256": None},
            "capabilities": [],
            "environment": [],
            "requirements": [],
            "options": [],
            "jobs": 0,
            "memory_mb": 0,
            "hours": 0,
            "disk_mb": 0,
            "directory": None,
            "asked_host": None,
            "wheel": None,
            "short": [],
            "host": None,
            "given": None,
            "makes": False,
            "for_capabilities": [],
            "users": [],
        },
        "path": {"given": None, "absolute": None, "become": False},
        "space": {"needed_mb": 0},
        "roles": [],
    }
