# SPDX-License-Identifier: GPL-3.0-or-later
"""The compatibility tables: read once, and checked while read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import (
    Bazelisk,
    Branch,
    Build,
    Builds,
    BuildsPython,
    Chip,
    Constraint,
    Cuda,
    CudaPackages,
    Deadsnakes,
    DriverPackages,
    Images,
    Miniforge,
    Nccl,
    Platform,
    Provider,
    Release,
    Repository,
    Retired,
    Series,
    SigningKey,
    Sizes,
    SourceBuild,
    Space,
    Standalone,
    Tables,
    TensorRT,
    Toolkit,
    Uv,
    Wheel,
    Wheels,
    WheelUrls,
)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.row_reader import Row, TablesError

FILES = ("tensorflow", "nvidia", "gpus", "platforms", "python")
ARCHITECTURES = ("x86_64", "aarch64")
_DIRECTORY = Path(__file__).resolve().parents[3] / "compatibility"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
        image_gpu=row.flag("image_gpu", default=True),
    )


def _series(name: str, row: Row) -> Series:
    tensorrt = None
    if row.has("tensorrt"):
        tensorrt = row.row("tensorrt").into(lambda part: TensorRT(part.version("version"), part.words("apt")))
    build = None
    if row.has("build"):
        build = row.row("build").into(
            lambda part: SourceBuild(part.version("bazel"), part.text("compiler"), part.flag("own_cuda", default=False))
        )
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
        tensorboard=row.flag("tensorboard", default=True),
        mb=row.row("mb").into(_sizes),
    )


def _sizes(row: Row) -> Sizes:
    gpu = row.number("gpu")
    return Sizes(row.number("cpu"), gpu, row.number("cuda") if row.has("cuda") else gpu)


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
        headroom=row.fraction("headroom"),
        image_mb=row.number("image_mb"),
        image_gpu_mb=row.number("image_gpu_mb"),
    )


def _bazelisk(row: Row) -> Bazelisk:
    return Bazelisk(row.version("version"), row.text("url"), row.named("programs", lambda _, one: _wheel(one)))


def _builds(row: Row) -> Builds:
    return Builds(
        disk_mb=row.number("disk_mb"),
        memory_mb=row.number("memory_mb"),
        job_mb=row.number("job_mb"),
        core_hours=row.number("core_hours"),
        gpu_core_hours=row.number("gpu_core_hours"),
        python=tuple(
            one.into(lambda part: BuildsPython(part.span("releases"), part.words("names")))
            for one in row.listed("python")
        ),
        tools=row.words("tools"),
        git_url=row.text("git_url"),
        bazelisk=row.row("bazelisk").into(_bazelisk),
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
    return Repository(
        name=name,
        cuda=row.span("cuda"),
        drivers=row.span("drivers"),
        architectures=row.words("architectures"),
        key=row.text("key"),
        also=row.words("also"),
    )


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
    return DriverPackages(row.span("branches"), row.words("open"), row.words("closed"), row.text("fabric_manager"))


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
        compilers=row.words("compilers"),
        deadsnakes=row.versions("deadsnakes"),
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
    return Uv(row.version("version"), row.version("floor"), row.named("wheels", lambda _, part: _wheel(part)))


def _wheel(row: Row) -> Wheel:
    return Wheel(row.text("file"), row.text("sha256"))


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
        builds=tensorflow.row("builds").into(_builds),
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
        toolkit=nvidia.row("toolkit").into(
            lambda row: Toolkit(row.text("version"), row.words("packages"), row.text("key"))
        ),
        chips=tuple(gpus.named("chips", _chip).values()),
        gpu_names=MappingProxyType({name: capability for capability, row in products.items() for name in row[1]}),
        platforms=platforms.named("platforms", _platform),
        providers=python.named("providers", _provider),
        deadsnakes=python.row("deadsnakes").into(
            lambda row: Deadsnakes(row.text("url"), row.text("key"), row.text("key_url"))
        ),
        uv=python.row("uv").into(_uv),
        pip=python.named("pip", lambda _, row: row.version("version")),
        pip_wheels=python.named("pip_wheels", lambda _, row: _wheel(row)),
        virtualenv=python.row("virtualenv").into(_wheel),
        miniforge=python.row("miniforge").into(
            lambda row: Miniforge(
                row.text("version"), row.text("url"), row.named("installers", lambda _, one: _wheel(one))
            )
        ),
        standalone_url=python.row("standalone_url").into(lambda row: row.text("url")),
        standalone=python.named(
            "standalone",
            lambda _, row: Standalone(row.version("version"), row.named("builds", lambda _, one: _wheel(one))),
        ),
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
    for python, version in tables.pip.items():
        if not versions.at_least(python, tables.uv.floor):
            _refers(f"pip.{python}.version", version, tables.pip_wheels)
    for python in tables.providers["standalone"].pythons if "standalone" in tables.providers else ():
        _refers("providers.standalone.pythons", python, tables.standalone)
    _refers("toolkit.key", tables.toolkit.key, tables.keys)
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
