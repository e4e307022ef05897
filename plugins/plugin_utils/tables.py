# SPDX-License-Identifier: GPL-3.0-or-later
"""The compatibility tables: read once, checked while read, and handed out as rows that nobody can change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from ansible_collections.tensorwright.fleet.plugins.plugin_utils import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.rows import Row, TablesError

FILES = ("tensorflow", "nvidia", "gpus", "platforms", "python")
ARCHITECTURES = ("x86_64", "aarch64")
_DIRECTORY = Path(__file__).resolve().parents[2] / "compatibility"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    per_wheel_mb: float
    base_mb: int
    cuda_wheels_mb: int
    image_mb: int
    image_gpu_mb: int
    build_mb: int


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
class Uv:
    version: str
    floor: str
    wheels: Mapping[str, Wheel]


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
    cuda: Mapping[str, Cuda]
    repositories: Mapping[str, Repository]
    packages: tuple[CudaPackages, ...]
    drivers: Mapping[str, Branch]
    driver_packages: Mapping[str, tuple[DriverPackages, ...]]
    keys: Mapping[str, SigningKey]
    retired: tuple[Retired, ...]
    chips: tuple[Chip, ...]
    gpu_names: Mapping[str, str]
    platforms: Mapping[str, Platform]
    providers: Mapping[str, Provider]
    uv: Uv
    pip: Mapping[str, str]

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


def _build(package: str, text: str, place: str) -> Build:
    device, _, size = text.partition(" ")
    if device not in ("cpu", "gpu") or not size.isdigit():
        raise TablesError(f"{place}.packages.{package} is {text!r}, not a device and a size such as 'gpu 572'")
    return Build(package, device, int(size))


def _wheels(row: Row) -> Wheels:
    builds = tuple(_build(package, text, row.place) for package, text in row.names("packages").items())
    return Wheels(row.versions("python"), row.version("glibc"), builds)


def _release(version: str, row: Row) -> Release:
    wheels = {name: row.row(name).into(_wheels) for name in ARCHITECTURES if row.has(name)}
    pins: str | None = None
    pythons: tuple[str, ...] = ()
    if row.has("and_cuda"):
        pins, pythons = row.row("and_cuda").into(lambda extra: (extra.text("pins"), extra.versions("python")))
    return Release(
        version=version,
        series=row.optional("series") or versions.series(version),
        channel=row.choice("channel", ("stable", "prerelease", "nightly"), "stable"),
        date=row.optional("date"),
        requires_python=row.span("requires_python"),
        wheels=MappingProxyType(wheels),
        cuda_pins=pins,
        cuda_pythons=pythons,
    )


def _series(name: str, row: Row) -> Series:
    tensorrt = None
    if row.has("tensorrt"):
        tensorrt = row.row("tensorrt").into(lambda part: TensorRT(part.version("version"), part.words("apt")))
    build = None
    if row.has("build"):
        build = row.row("build").into(lambda part: SourceBuild(part.version("bazel"), part.text("compiler")))
    return Series(
        name=name,
        cuda=row.version("cuda"),
        cudnn=row.version("cudnn"),
        cudnn_apt=row.words("cudnn_apt"),
        nccl=row.row("nccl").into(
            lambda part: Nccl(
                part.version("version"), part.choice("from", ("wheel", "apt", "and_cuda")), part.words("apt")
            )
        ),
        tensorrt=tensorrt,
        machine_code=row.versions("sm"),
        ptx=row.optional_version("ptx"),
        cpu_flags=row.words("cpu_flags"),
        build=build,
        images=row.text("images"),
        image_gpu=row.flag("image_gpu", default=True),
    )


def _constraint(row: Row) -> Constraint:
    return Constraint(
        releases=row.span("releases"),
        python=row.span("python"),
        cuda=row.choice("cuda", ("wheels", "apt")) if row.has("cuda") else None,
        below_capability=row.optional_version("below_capability"),
        pins=row.words("pins"),
        why=row.text("why"),
    )


def _space(row: Row) -> Space:
    return Space(
        per_wheel_mb=row.fraction("per_wheel_mb"),
        base_mb=row.number("base_mb"),
        cuda_wheels_mb=row.number("cuda_wheels_mb"),
        image_mb=row.number("image_mb"),
        image_gpu_mb=row.number("image_gpu_mb"),
        build_mb=row.number("build_mb"),
    )


def _cuda(version: str, row: Row) -> Cuda:
    return Cuda(
        version=version,
        minimum_driver=row.version("minimum_driver"),
        shipped_driver=row.optional_version("shipped_driver"),
        lowest=row.version("lowest"),
        highest=row.optional_version("highest"),
        library=row.text("library"),
    )


def _repository(name: str, row: Row) -> Repository:
    return Repository(name, row.span("cuda"), row.words("architectures"), row.text("key"), row.words("also"))


def _branch(name: str, row: Row) -> Branch:
    if not (name.isascii() and name.isdigit()):
        raise TablesError(f"{row.place}: the name of a driver branch is a number")
    return Branch(
        name=name,
        lowest=row.version("lowest"),
        highest=row.version("highest"),
        kind=row.choice("kind", ("feature", "production", "long", "legacy")),
        end=row.optional("end"),
        open_from=row.optional_version("open_from"),
        open_only=row.optional_version("open_only"),
        ubuntu=row.words("ubuntu"),
        flavour=row.text("flavour"),
        repository=row.flag("repository"),
    )


def _driver_packages(row: Row) -> DriverPackages:
    return DriverPackages(row.span("branches"), row.words("open"), row.words("closed"))


def _id_range(text: str, place: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    try:
        return int(low, 16), int(high or low, 16)
    except ValueError:
        raise TablesError(f"{place}.ids: {text!r} is not a device id or a range of them") from None


def _chip(name: str, row: Row) -> Chip:
    ids = tuple(_id_range(word, row.place) for word in row.words("ids"))
    return Chip(name, row.text("architecture"), row.version("capability"), ids)


def _platform(name: str, row: Row) -> Platform:
    return Platform(
        name=name,
        codename=row.text("codename"),
        glibc=row.version("glibc"),
        pythons=row.versions("pythons"),
        end=row.text("end"),
        extended=row.text("extended"),
        ansible=row.optional_version("ansible"),
        repository=row.text("repository"),
    )


def _provider(name: str, row: Row) -> Provider:
    return Provider(
        name=name,
        implemented=row.flag("implemented"),
        needs_root=row.flag("needs_root"),
        distributions=row.words("distributions"),
        pythons=row.versions("pythons"),
        glibc=row.optional_version("glibc"),
    )


def _uv(row: Row) -> Uv:
    wheels = row.named("wheels", lambda _, part: Wheel(part.text("file"), part.text("sha256")))
    return Uv(row.version("version"), row.version("floor"), wheels)


def parse(raw: Mapping[str, Any]) -> Tables:
    """Tables from plain data, as the files hold it; TablesError names what is wrong and where."""
    tensorflow, nvidia, gpus, platforms, python = (Row(raw.get(name), name) for name in FILES)
    names = nvidia.row("driver_packages")
    products = gpus.named("names", lambda _, row: (row.text("architecture"), row.words("names")))
    tables = Tables(
        series=tensorflow.named("series", _series),
        releases=tensorflow.named("releases", _release),
        nightly=tensorflow.row("nightly").into(lambda row: _release(row.version("version"), row)),
        cuda_wheels=tensorflow.named("cuda_wheels", lambda _, row: row.words("pins")),
        constraints=tuple(row.into(_constraint) for row in tensorflow.listed("constraints")),
        images=tensorflow.named("images", lambda _, row: Images(row.text("repository"), row.words("tags"))),
        wheel_urls=tuple(
            row.into(lambda part: WheelUrls(part.span("releases"), part.text("cpu"), part.text("gpu")))
            for row in tensorflow.listed("wheel_urls")
        ),
        space=tensorflow.row("space").into(_space),
        cuda=nvidia.named("cuda", _cuda),
        repositories=nvidia.named("repositories", _repository),
        packages=tuple(
            row.into(lambda part: CudaPackages(part.span("cuda"), part.words("names")))
            for row in nvidia.listed("packages")
        ),
        drivers=nvidia.named("drivers", _branch),
        driver_packages={
            source: tuple(row.into(_driver_packages) for row in names.listed(source))
            for source in ("ubuntu", "repository")
        },
        keys=nvidia.named(
            "keys",
            lambda _, row: SigningKey(row.text("fingerprint"), row.text("use"), row.flag("retired", default=False)),
        ),
        retired=tuple(
            row.into(lambda part: Retired(part.text("file"), part.text("why"))) for row in nvidia.listed("retired")
        ),
        chips=tuple(gpus.named("chips", _chip).values()),
        gpu_names=MappingProxyType({name: capability for capability, row in products.items() for name in row[1]}),
        platforms=platforms.named("platforms", _platform),
        providers=python.named("providers", _provider),
        uv=python.row("uv").into(_uv),
        pip=python.named("pip", lambda _, row: row.version("version")),
    )
    _check_references(tables)
    return tables


def _check_references(tables: Tables) -> None:
    """Every name that a row uses for another row has to be one."""
    for release in (*tables.releases.values(), tables.nightly):
        _refers(f"releases.{release.version}.series", release.series, tables.series)
        _refers(f"releases.{release.version}.and_cuda.pins", release.cuda_pins, tables.cuda_wheels)
    for series in tables.series.values():
        _refers(f"series.{series.name}.cuda", series.cuda, tables.cuda)
        _refers(f"series.{series.name}.images", series.images, tables.images)
    for name, repository in tables.repositories.items():
        _refers(f"repositories.{name}.key", repository.key, tables.keys)
        for other in repository.also:
            _refers(f"repositories.{name}.also", other, tables.repositories)
    for platform in tables.platforms.values():
        _refers(f"platforms.{platform.name}.repository", platform.repository, tables.repositories)


def _refers(place: str, name: str | None, rows: Mapping[str, object]) -> None:
    if name is not None and name not in rows:
        raise TablesError(f"{place} is {name!r}, which no row has for its name")


def read(directory: Path = _DIRECTORY) -> dict[str, Any]:
    """The tables as the files hold them."""
    return {name: yaml.load((directory / f"{name}.yml").read_text(encoding="utf-8"), Loader=_Loader) for name in FILES}


@lru_cache(maxsize=1)
def _raw() -> dict[str, Any]:
    return read()


@lru_cache(maxsize=1)
def load() -> Tables:
    """The tables that Tensorwright brings along; read once."""
    return parse(_raw())


def _merged(below: Any, above: Any) -> Any:
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


@lru_cache(maxsize=16)
def _overridden(overrides: str) -> Tables | str:
    try:
        return parse(_merged(_raw(), json.loads(overrides)))
    except TablesError as error:
        return str(error)


def override(rows: Mapping[str, Any]) -> Tables:
    """The tables with a site's rows over them, by file: {tensorflow: {releases: {"2.21.1": {...}}}}."""
    if not rows:
        return load()
    unknown = sorted(str(name) for name in rows if name not in FILES)
    if unknown:
        raise TablesError(f"{unknown[0]} is not a table")
    try:
        text = json.dumps(rows, sort_keys=True)
        is_plain = json.loads(text) == rows
    except (TypeError, ValueError, RecursionError):
        is_plain = False
    if not is_plain:
        raise TablesError("the rows are not plain data with texts for names (quote numbers)")
    found = _overridden(text)
    if isinstance(found, str):
        raise TablesError(found)
    return found
