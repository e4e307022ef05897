# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the compatibility tables, as the program holds them: nobody can change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions


@dataclass(frozen=True, slots=True)
class Build:
    """One package of a release: for which device it is built, and the size of its wheel."""

    package: str
    device: str
    mb: int


@dataclass(frozen=True, slots=True)
class Wheels:
    """The wheels of a release on one architecture."""

    pythons: tuple[str, ...]
    glibc: str
    builds: tuple[Build, ...]

    def build(self, device: str) -> Build | None:
        """The package for a device. A GPU build also runs on the CPU, so it serves where there is no smaller one."""
        fitting = [build for build in self.builds if build.device == device]
        if fitting:
            plain = [build for build in fitting if (build.package == "tensorflow") == (device == "gpu")]
            return (plain or fitting)[0]
        return self.builds[0] if device == "cpu" and self.builds else None


@dataclass(frozen=True, slots=True)
class Release:
    version: str
    series: str
    channel: str
    date: str | None
    requires_python: str
    wheels: Mapping[str, Wheels]
    cuda_pins: str | None
    cuda_pythons: tuple[str, ...]
    image_gpu: bool  # false where the official GPU image of this release alone finds no GPU

    @property
    def pythons(self) -> list[str]:
        """Every Python that this release has a wheel for, on some architecture."""
        return versions.ascending(python for wheels in self.wheels.values() for python in wheels.pythons)


@dataclass(frozen=True, slots=True)
class Nccl:
    version: str
    source: str
    apt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TensorRT:
    version: str
    apt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceBuild:
    bazel: str
    compiler: str
    own_cuda: bool  # fetches the CUDA that it is made with


@dataclass(frozen=True, slots=True)
class Sizes:
    """What an environment of a minor version takes: with the CPU build, with the GPU build, and with CUDA's wheels as well."""

    cpu: int
    gpu: int
    cuda: int


@dataclass(frozen=True, slots=True)
class Series:
    """What the official builds of one minor version were made with and carry."""

    name: str
    cuda: str
    cudnn: str
    cudnn_apt: tuple[str, ...]
    nccl: Nccl
    tensorrt: TensorRT | None
    machine_code: tuple[str, ...]
    ptx: str | None
    cpu_flags: tuple[str, ...]
    build: SourceBuild | None
    images: str
    image_gpu: bool
    tensorboard: bool  # whether its packages bring TensorBoard along
    mb: Sizes


@dataclass(frozen=True, slots=True)
class Constraint:
    releases: str
    python: str
    cuda: str | None
    below_capability: str | None
    pins: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Images:
    repository: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WheelUrls:
    """Where the guides fetched the wheels of some releases from; V, P and A stand for release, Python and ABI tag."""

    releases: str
    cpu: str
    gpu: str


@dataclass(frozen=True, slots=True)
class Space:
    """How much more than was measured has to be free, and what other methods take."""

    headroom: float
    image_mb: int
    image_gpu_mb: int


@dataclass(frozen=True, slots=True)
class BuildsPython:
    """What builds of some releases need in their Python."""

    releases: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bazelisk:
    version: str
    url: str
    programs: Mapping[str, Wheel]


@dataclass(frozen=True, slots=True)
class Builds:
    """What a build from source takes and needs."""

    disk_mb: int
    memory_mb: int
    job_mb: int
    core_hours: int
    gpu_core_hours: int
    python: tuple[BuildsPython, ...]
    tools: tuple[str, ...]
    git_url: str
    bazelisk: Bazelisk


@dataclass(frozen=True, slots=True)
class Cuda:
    version: str
    minimum_driver: str
    shipped_driver: str | None
    lowest: str
    highest: str | None
    library: str


@dataclass(frozen=True, slots=True)
class Repository:
    name: str
    cuda: str
    drivers: str
    architectures: tuple[str, ...]
    key: str
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CudaPackages:
    cuda: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """A driver branch: which GPUs it serves, and where it comes from."""

    name: str
    lowest: str
    highest: str
    kind: str
    end: str | None
    open_from: str | None
    open_only: str | None
    ubuntu: tuple[str, ...]
    flavour: str
    repository: bool


@dataclass(frozen=True, slots=True)
class DriverPackages:
    """Package names of the driver branches in a range, with open and with closed kernel modules."""

    branches: str
    open: tuple[str, ...]
    closed: tuple[str, ...]
    fabric_manager: str


@dataclass(frozen=True, slots=True)
class SigningKey:
    fingerprint: str
    use: str
    retired: bool


@dataclass(frozen=True, slots=True)
class Retired:
    file: str
    why: str


@dataclass(frozen=True, slots=True)
class Toolkit:
    """NVIDIA's container toolkit, which gives Docker the GPUs."""

    version: str
    packages: tuple[str, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Chip:
    name: str
    architecture: str
    capability: str
    ids: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Platform:
    name: str
    codename: str
    glibc: str
    pythons: tuple[str, ...]
    end: str
    extended: str
    ansible: str | None
    compilers: tuple[str, ...]
    deadsnakes: tuple[str, ...]
    repository: str


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    implemented: bool
    needs_root: bool
    distributions: tuple[str, ...]
    pythons: tuple[str, ...]
    glibc: str | None


@dataclass(frozen=True, slots=True)
class Wheel:
    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Deadsnakes:
    url: str
    key: str
    key_url: str


@dataclass(frozen=True, slots=True)
class Uv:
    version: str
    floor: str
    wheels: Mapping[str, Wheel]


@dataclass(frozen=True, slots=True)
class Standalone:
    """A standalone build of Python, by architecture; files are paths below the address that serves them."""

    version: str
    builds: Mapping[str, Wheel]


@dataclass(frozen=True, slots=True)
class Miniforge:
    version: str
    url: str
    installers: Mapping[str, Wheel]


@dataclass(frozen=True)
class Tables:
    series: Mapping[str, Series]
    releases: Mapping[str, Release]
    nightly: Release
    cuda_wheels: Mapping[str, tuple[str, ...]]
    constraints: tuple[Constraint, ...]
    images: Mapping[str, Images]
    wheel_urls: tuple[WheelUrls, ...]
    space: Space
    builds: Builds
    cuda: Mapping[str, Cuda]
    repositories: Mapping[str, Repository]
    packages: tuple[CudaPackages, ...]
    drivers: Mapping[str, Branch]
    driver_packages: Mapping[str, tuple[DriverPackages, ...]]
    keys: Mapping[str, SigningKey]
    retired: tuple[Retired, ...]
    toolkit: Toolkit
    chips: tuple[Chip, ...]
    gpu_names: Mapping[str, str]
    platforms: Mapping[str, Platform]
    providers: Mapping[str, Provider]
    deadsnakes: Deadsnakes
    uv: Uv
    pip: Mapping[str, str]
    pip_wheels: Mapping[str, Wheel]  # by pip's version
    virtualenv: Wheel
    miniforge: Miniforge
    standalone_url: str
    standalone: Mapping[str, Standalone]  # by Python

    @cached_property
    def newest_first(self) -> tuple[Release, ...]:
        """Every release, prereleases among them, newest first."""
        return tuple(sorted(self.releases.values(), key=lambda row: versions.order(row.version), reverse=True))

    @cached_property
    def stable(self) -> tuple[Release, ...]:
        return tuple(release for release in self.newest_first if release.channel == "stable")

    @cached_property
    def pythons(self) -> list[str]:
        """Every Python that some stable release has a wheel for."""
        return versions.ascending(python for release in self.stable for python in release.pythons)

    @cached_property
    def version_names(self) -> frozenset[str]:
        """Every release, and every minor version that has a stable one."""
        return frozenset(self.releases) | {release.series for release in self.stable}

    @cached_property
    def every_python(self) -> frozenset[str]:
        """Every Python that anything has a wheel for, prereleases and the nightly build among them."""
        return frozenset(python for row in (*self.newest_first, self.nightly) for python in row.pythons)

    @cached_property
    def pins_with_tensorrt(self) -> frozenset[str]:
        """The sets of CUDA wheels that bring TensorRT along."""
        return frozenset(
            name for name, pins in self.cuda_wheels.items() if any(pin.startswith("tensorrt=") for pin in pins)
        )

    @cached_property
    def chip_of_id(self) -> Mapping[int, Chip]:
        return {number: chip for chip in self.chips for low, high in chip.ids for number in range(low, high + 1)}
