# SPDX-License-Identifier: GPL-3.0-or-later
"""The host facts, read with patience: what is missing or unreadable is unknown, and stops nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions

_DRIVERS = ("nvidia-driver-", "nvidia-open", "cuda-drivers")
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class Interpreter:
    path: str
    version: str

    @property
    def series(self) -> str:
        return versions.series(self.version)


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    pci_id: str
    capability: str | None
    memory_mb: int


@dataclass(frozen=True, slots=True)
class PathFacts:
    given: str | None
    absolute: str | None
    blocked_by: str | None
    writable: bool
    occupied: bool
    untrusted: Mapping[str, object]  # see trust.py


@dataclass(frozen=True, slots=True)
class DockerFacts:
    engines: Mapping[str, tuple[str, ...]]  # maker → the packages of its engine that are installed
    settings_error: str | None
    data_root: str | None
    free_mb: int | None
    subids: frozenset[str] | None
    images: frozenset[str]  # those that are kept here, by name and tag


@dataclass(frozen=True, slots=True)
class Host:
    """What the machine is; None where nobody knows."""

    distribution: str | None
    release: str | None
    architecture: str
    glibc: str | None
    cpu_flags: frozenset[str] | None
    pythons: tuple[Interpreter, ...] | None
    gpus: tuple[Gpu, ...] | None
    driver_installed: str | None
    driver_loaded: str | None
    driver_is_ours: bool  # the role installed it
    fabric_manager: str | None
    nvswitches: int
    cuda_uninstallers: tuple[str, ...]  # of a CUDA that was installed by a run file
    cuda_is_directory: bool  # /usr/local/cuda, where CUDA's packages put a link
    secure_boot: bool | None
    signing_key: str | None  # the file of the key that signs modules on this host
    key_enrolled: bool | None
    may_reboot: bool
    tensorrt_archive: str | None
    free_mb: int | None
    become: bool
    path: PathFacts | None
    home: str | None
    user: str | None  # who connects
    is_root: bool  # and is root
    sealed: Mapping[str, object]
    nightly: str | None  # the nightly build that the environment in use holds
    managed: frozenset[str]  # the roles that have a receipt here
    docker: DockerFacts | None
    cpus: int | None
    cpu_model: str | None
    memory_mb: int | None
    programs: frozenset[str] | None  # of those that a build from source needs
    builds: tuple[Mapping[str, object], ...]  # the wheels that were built from source, by what their records say

    @property
    def shared(self) -> bool:
        """Whether the environment is for others than the connecting user: its path is not below that user's home."""
        place = self.path.absolute if self.path else None
        homes = (self.home.rstrip("/") + "/",) if self.home else ("/home/", "/root/")
        return bool(place and not place.startswith(homes))

    @property
    def platform(self) -> str:
        """The name of the host's row in platforms.yml: Debian counts in whole numbers, Ubuntu in years and months."""
        release = self.release or ""
        return f"{self.distribution} {release.split('.')[0] if self.distribution == 'Debian' else release}"


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str) and value else None


def _version(value: object) -> str | None:
    text = str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
    return text if versions.key(text) else None


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(part) for part in value if isinstance(part, str)) if isinstance(value, (list, tuple)) else ()


def _mappings(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, (list, tuple)):
        yield from (part for part in value if isinstance(part, Mapping))


def _interpreters(value: object) -> tuple[Interpreter, ...] | None:
    if not isinstance(value, (list, tuple)):
        return None
    found = {
        Interpreter(path, version)
        for row in _mappings(value)
        if (path := _text(row.get("path"))) and (version := _version(row.get("version")))
    }
    return tuple(sorted(found, key=lambda one: (versions.order(one.version), one.path)))


def _gpus(value: object) -> tuple[Gpu, ...] | None:
    if not isinstance(value, (list, tuple)):
        return None
    found = [
        Gpu(
            name=_text(row.get("name")) or "",
            pci_id=(_text(row.get("pci_id")) or "").lower(),
            capability=_version(row.get("compute_capability")),
            memory_mb=_number(row.get("memory_mb")) or 0,
        )
        for row in _mappings(value)
    ]
    return tuple(sorted(found, key=lambda gpu: (gpu.name, gpu.pci_id, gpu.capability or "", gpu.memory_mb)))


def _path(value: object) -> PathFacts | None:
    if not isinstance(value, Mapping):
        return None
    return PathFacts(
        given=_text(value.get("given")),
        absolute=_text(value.get("absolute")),
        blocked_by=_text(value.get("blocked_by")),
        writable=value.get("writable") is not False,
        occupied=value.get("occupied") is True,
        untrusted=_mapping(value.get("untrusted")),
    )


def _home(user: object) -> str | None:
    return _text(user.get("home")) if isinstance(user, Mapping) else None


def _sealed(environment: object) -> Mapping[str, object]:
    """What the environment in use was made of; empty where there is none."""
    seal = environment.get("sealed") if isinstance(environment, Mapping) else None
    contents = seal.get("contents") if isinstance(seal, Mapping) else None
    return contents if isinstance(contents, Mapping) else {}


def _nightly(sealed: Mapping[str, object]) -> str | None:
    wanted = sealed.get("requirements")
    builds = (
        [str(one).partition("==")[2] for one in wanted if str(one).startswith("tf-nightly")]
        if isinstance(wanted, (list, tuple))
        else []
    )
    return builds[0] or None if builds else None


def _driver_is_ours(receipts: object) -> bool:
    """Whether the role's receipt names a driver, and not only what goes with somebody else's."""
    footprints = (row.get("footprint") for row in _mappings(receipts) if row.get("role") == "nvidia_driver")
    packages = [one.get("packages") for one in footprints if isinstance(one, Mapping)]
    return any(str(name).startswith(_DRIVERS) for part in packages if isinstance(part, Mapping) for name in part)


def _docker(value: object) -> DockerFacts | None:
    if not isinstance(value, Mapping):
        return None
    engines = value.get("engines")
    subids = value.get("subids")
    return DockerFacts(
        engines={str(maker): _texts(engines[maker]) for maker in engines} if isinstance(engines, Mapping) else {},
        settings_error=_text(value.get("settings_error")),
        data_root=_text(value.get("data_root")),
        free_mb=_number(value.get("free_mb")),
        subids=frozenset(_texts(subids)) if isinstance(subids, (list, tuple)) else None,
        images=frozenset(name for row in _mappings(value.get("images")) if (name := _text(row.get("reference")))),
    )


def read(facts: Mapping[str, object]) -> Host:
    """The facts of a host as the resolver asks for them."""
    architecture = _text(facts.get("architecture")) or "x86_64"
    flags = facts.get("cpu_flags")
    drivers = _mapping(facts.get("driver"))
    secure_boot = facts.get("secure_boot")
    key = _mapping(facts.get("secure_boot_key"))
    enrolled = key.get("enrolled")
    cuda = _mapping(facts.get("cuda"))
    source = _mapping(facts.get("source"))
    programs = source.get("programs")
    return Host(
        distribution=_text(facts.get("distribution")),
        release=_version(facts.get("release")),
        architecture=_ARCHITECTURES.get(architecture, architecture),
        glibc=_version(facts.get("glibc")),
        cpu_flags=frozenset(str(flag) for flag in flags) if isinstance(flags, (list, tuple)) else None,
        pythons=_interpreters(facts.get("pythons")),
        gpus=_gpus(facts.get("gpus")),
        driver_installed=_version(drivers.get("installed")),
        driver_loaded=_version(drivers.get("loaded")),
        driver_is_ours=_driver_is_ours(facts.get("receipts")),
        fabric_manager=_version(drivers.get("fabric_manager")),
        nvswitches=_number(facts.get("nvswitches")) or 0,
        cuda_uninstallers=_texts(cuda.get("uninstallers")),
        cuda_is_directory=cuda.get("directory") is True,
        secure_boot=secure_boot if isinstance(secure_boot, bool) else None,
        signing_key=_text(key.get("file")),
        key_enrolled=enrolled if isinstance(enrolled, bool) else None,
        may_reboot=facts.get("may_reboot") is True,
        tensorrt_archive=_text(facts.get("tensorrt_archive")),
        free_mb=_number(facts.get("free_mb")),
        become=facts.get("become") is not False,
        path=_path(facts.get("path")),
        home=_home(facts.get("user")),
        user=_text(_mapping(facts.get("user")).get("name")),
        is_root=_mapping(facts.get("user")).get("uid") == 0,
        sealed=_sealed(facts.get("environment")),
        nightly=_nightly(_sealed(facts.get("environment"))),
        managed=frozenset(role for row in _mappings(facts.get("receipts")) if (role := _text(row.get("role")))),
        docker=_docker(facts.get("docker")),
        cpus=_number(source.get("cpus")),
        cpu_model=_text(source.get("cpu_model")),
        memory_mb=_number(source.get("memory_mb")),
        programs=frozenset(_texts(programs)) if isinstance(programs, (list, tuple)) else None,
        builds=tuple(_mappings(source.get("builds"))),
    )
