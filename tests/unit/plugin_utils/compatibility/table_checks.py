# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables held against what their sources say, fact by fact.

`data/index.json` is what the package index said (script/refresh-tables --freeze writes it), `data/sources.json` what documents, wheels
and other repositories said, each in the source's own shape, `data/measured.json` what was measured. A check yields a sentence for every
value of a table that is not as its source says, so that no value can be changed unseen: script/mutate-tables tries each of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Build, Release, Tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.row_reader import TablesError
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request import wheel_url

from script import package_index, refresh_tables

DATA = Path(__file__).resolve().parents[2] / "data"
Raw = Mapping[str, Any]
Check = Callable[[Raw, Tables], Iterator[str]]


@cache
def frozen(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def wrong(raw: Raw) -> Iterator[str]:
    """Everything that is wrong with tables, as plain data."""
    try:
        parsed = tables.parse(raw)
    except TablesError as error:
        yield str(error)
        return
    for check in CHECKS:
        yield from check(raw, parsed)


def equal(place: str, ours: object, theirs: object) -> Iterator[str]:
    if ours != theirs:
        yield f"{place} is {ours!r}, its source says {theirs!r}"


# --- every table ------------------------------------------------------------------------------------------------------


def rows_name_their_sources(raw: Raw, _: Tables) -> Iterator[str]:
    """Every row has a source, every source is declared, and every declared source has a row."""
    for name, table in raw.items():
        used = set()
        for place, row in _rows(table, name):
            named = row.get("source")
            sources = [named] if isinstance(named, str) else list(named or [])
            used.update(sources)
            if not sources:
                yield f"{place} names no source"
            for source in sources:
                if source not in table["sources"]:
                    yield f"{place} names the source {source!r}, which is not declared"
        yield from (f"{name}.sources.{source} is of no row" for source in table["sources"] if source not in used)
        yield from equal(f"{name}.schema", table["schema"], 1)
        yield from equal(f"{name}.checked", table["checked"], frozen("index")["read"])


def _rows(table: Raw, place: str) -> Iterator[tuple[str, Raw]]:
    """The rows of a table: the outermost mappings in it that are not containers of rows."""
    for name, value in table.items():
        if name not in ("schema", "checked", "sources"):
            yield from _rows_of(value, f"{place}.{name}")


def _rows_of(value: Any, place: str) -> Iterator[tuple[str, Raw]]:
    if isinstance(value, list):
        for number, row in enumerate(value):
            yield from _rows_of(row, f"{place}[{number}]")
    elif "source" in value or not all(isinstance(inner, (dict, list)) for inner in value.values()):
        yield place, value
    else:
        for name, inner in value.items():
            yield from _rows_of(inner, f"{place}.{name}")


# --- releases against the index ---------------------------------------------------------------------------------------


def releases_are_those_of_the_index(_: Raw, ours: Tables) -> Iterator[str]:
    dates = [ours.nightly.date, *(release.date for release in ours.releases.values())]
    unreadable = [date for date in dates if not re.fullmatch(r"\d{4}-[01]\d-[0-3]\d", date or "")]
    yield from (f"{date!r} is not a date" for date in unreadable)
    if not unreadable:
        yield from refresh_tables.differences(frozen("index"), ours)


def channels(_: Raw, ours: Tables) -> Iterator[str]:
    for release in ours.releases.values():
        yield from equal(
            f"{release.version}.channel", release.channel, "prerelease" if "rc" in release.version else "stable"
        )
        yield from equal(f"{release.version}.series", release.series, versions.series(release.version))
    yield from equal("nightly.version", ours.nightly.version, frozen("index")["tf-nightly"]["version"])
    yield from equal("nightly.channel", ours.nightly.channel, "nightly")
    yield from equal("nightly.date", ours.nightly.date, frozen("index")["tf-nightly"]["uploaded"])
    yield from equal(
        "nightly.date", (ours.nightly.date or "").replace("-", ""), ours.nightly.version.partition("dev")[2]
    )
    yield from equal(
        "nightly.requires_python", ours.nightly.requires_python, frozen("index")["tf-nightly"]["requires_python"]
    )
    yield from equal("nightly.series", ours.nightly.series, max(ours.series, key=versions.order))


def glibc_floors(_: Raw, ours: Tables) -> Iterator[str]:
    """What the wheel's tag promises, or what its objects really need where that is more."""
    needs = frozen("sources")["glibc_needs"]
    for release in (*ours.releases.values(), ours.nightly):
        real = next(floor for span, floor in needs.items() if versions.within(release.version, span))
        for architecture, wheels in release.wheels.items():
            tag = refresh_tables.glibc(_listed(release, architecture)["platform"])
            floor = max(tag, real, key=versions.order) if architecture == "x86_64" else tag
            yield from equal(f"{release.version}.{architecture}.glibc", wheels.glibc, floor)


def _listed(release: Release, architecture: str, package: str = "tensorflow") -> Any:
    index = frozen("index")
    if release.channel == "nightly":
        return index["tf-nightly"]["wheels"][architecture]
    return index[package][release.version]["wheels"][architecture]


def packages(_: Raw, ours: Tables) -> Iterator[str]:
    """Sizes from the index; `tensorflow` alone is the CPU build up to 1.14, in 1.15.2 to 1.15.5, and in 2.0."""
    for release in ours.releases.values():
        for architecture, wheels in release.wheels.items():
            for build in wheels.builds:
                place = f"{release.version}.{architecture}.{build.package}"
                behind = architecture == "aarch64" and versions.within(release.version, ">=2.10,<2.16")
                package = refresh_tables.BEHIND if behind else build.package
                yield from equal(f"{place} MB", build.mb, _listed(release, architecture, package)["mb"])
                yield from equal(place, build.device, _device(release.version, architecture, build.package))
    for architecture, wheels in ours.nightly.wheels.items():
        device = "gpu" if architecture == "x86_64" else "cpu"
        mb = frozen("index")["tf-nightly"]["wheels"][architecture]["mb"]
        yield from equal(f"nightly.{architecture}", wheels.builds, (Build("tf-nightly", device, mb),))


def _device(version: str, architecture: str, package: str) -> str:
    if architecture == "aarch64" or package == "tensorflow-cpu":
        return "cpu"
    alone = any(versions.within(version, span) for span in ("<1.15", ">=1.15.2,<2.1"))
    return "cpu" if package == "tensorflow" and alone else "gpu"


def cuda_extras(_: Raw, ours: Tables) -> Iterator[str]:
    """The extra can be installed wherever there is a wheel, but for two releases that pin what is not there."""
    used = set()
    for release in (*ours.releases.values(), ours.nightly):
        used.add(release.cuda_pins)
        if release.cuda_pins is None:
            yield from equal(f"{release.version}.and_cuda.python", release.cuda_pythons, ())
            continue
        there = list(release.wheels["x86_64"].pythons)
        if release.series == "2.14":  # tensorrt 8.5.3.1 has no wheel for Python 3.11
            there.remove("3.11")
        if release.version == "2.15.0":  # tensorrt-libs 8.6.1 is not on the index
            there.clear()
        yield from equal(f"{release.version}.and_cuda.python", list(release.cuda_pythons), there)
    yield from (f"cuda_wheels.{name} is of no release" for name in ours.cuda_wheels if name not in used)


def newest_and_oldest(_: Raw, ours: Tables) -> Iterator[str]:
    sources = frozen("sources")
    for python in ours.pythons:
        with_it = [row.version for row in ours.newest_first if python in row.pythons and row.channel == "stable"]
        if python in sources["newest_per_python"]:
            yield from equal(f"newest for {python}", with_it[0], sources["newest_per_python"][python])
        if python in sources["oldest_per_python"]:
            yield from equal(f"oldest for {python}", with_it[-1], sources["oldest_per_python"][python])
    for minor, newest in sources["last_patch"].items():
        found = next(row.version for row in ours.stable if row.series == minor)
        yield from equal(f"newest of {minor}", found, newest)
    yield from (f"{name} never was on the index" for name in sources["never_released"] if name in ours.releases)


# --- minor versions against wheels, documents and recipes ------------------------------------------------------------


def compute_capabilities(_: Raw, ours: Tables) -> Iterator[str]:
    """The newest look into a wheel that is not newer than the series: releases between two equal looks are equal."""
    looks = {**frozen("sources")["fat_binaries"], **{k: v["archs"] for k, v in frozen("sources")["build_info"].items()}}
    for series in ours.series.values():
        if series.name == "2.22":  # its wheel does not say
            yield from equal("2.22.sm", series.machine_code, ())
            yield from equal("2.22.ptx", series.ptx, None)
            continue
        known = max((name for name in looks if versions.order(name) <= versions.order(series.name)), key=versions.order)
        codes = looks[known].split()
        machine = tuple(_dotted(code) for code in codes if code.startswith("sm_"))
        ptx = max((_dotted(code) for code in codes if code.startswith("compute_")), key=versions.order)
        yield from equal(f"{series.name}.sm", series.machine_code, machine)
        yield from equal(f"{series.name}.ptx", series.ptx, ptx)


def _dotted(code: str) -> str:
    digits = code.partition("_")[2]
    return f"{digits[:-1]}.{digits[-1]}"


def tested_builds(_: Raw, ours: Tables) -> Iterator[str]:
    """CUDA, cuDNN, Bazel and compiler of the tested build; where the binary names another compiler, the binary is right."""
    compilers = frozen("sources")["binary_compilers"]
    for name, tested in frozen("sources")["tested_builds"].items():
        series = ours.series[name]
        yield from equal(f"{name}.cuda", versions.order(series.cuda), versions.order(tested["cuda"]))
        build = series.build
        found = (build.bazel, build.compiler) if build else None
        yield from equal(f"{name}.build", found, (tested["bazel"], compilers.get(name, tested["compiler"])))
        built = re.match(r"\d+\.\d+", frozen("sources")["cudnn_builds"][name])
        accepted = {tested["cudnn"], built.group() if built else ""}
        if not any(series.cudnn == text or f"{text}.0" == series.cudnn for text in accepted):
            yield f"{name}.cudnn is {series.cudnn}, its sources say {accepted}"
        loads = frozen("sources")["build_info"].get(name, {}).get("cudnn", series.cudnn)
        yield from equal(f"{name}.cudnn", versions.major(series.cudnn), versions.major(loads))
    candidate = ours.series["2.22"]
    lowest = {pin.split("-cu12")[0]: pin.partition(">=")[2] for pin in ours.cuda_wheels["cu12-nccl230"]}
    yield from equal("2.22.cuda", candidate.cuda, versions.series(lowest["nvidia-cuda-runtime"]))
    yield from equal("2.22.cudnn", candidate.cudnn, versions.series(lowest["nvidia-cudnn"]))
    yield from equal("2.22.build", candidate.build, None)
    yield from equal("series", set(ours.series), {*frozen("sources")["tested_builds"], "2.22"})


def processors(_: Raw, ours: Tables) -> Iterator[str]:
    for series in ours.series.values():
        flags = ("avx",) if versions.at_least(series.name, frozen("sources")["avx_since"]) else ()
        yield from equal(f"{series.name}.cpu_flags", series.cpu_flags, flags)


def cudnn_packages(_: Raw, ours: Tables) -> Iterator[str]:
    """The package that the release's image installs; where the wheel was built with a later one, that one."""
    later = {
        "2.14": "libcudnn8=8.7.0.84-1+cuda11.8",
        "2.16": "libcudnn8=8.9.7.29-1+cuda12.2",
        "2.17": "libcudnn8=8.9.7.29-1+cuda12.2",
        **dict.fromkeys(("2.18", "2.19", "2.20", "2.21"), "libcudnn9-cuda-12=9.3.0.75-1"),
    }
    for name, installed in frozen("sources")["image_packages"].items():
        listed = tuple(word for word in installed.split() if re.match(r"libcudnn\d=", word))
        yield from equal(f"{name}.cudnn_apt", ours.series[name].cudnn_apt, (later[name],) if name in later else listed)
        for package in ours.series[name].cudnn_apt:
            version = package.partition("=")[2]
            if not version.startswith(f"{ours.series[name].cudnn}."):
                # The tested build's cuDNN is the least that does.
                newer = versions.at_least(version.partition("-")[0], ours.series[name].cudnn)
                yield from equal(f"{name}.cudnn_apt is new enough", newer, True)
    yield from equal("2.22.cudnn_apt", ours.series["2.22"].cudnn_apt, ())


# What public scripts and logs were seen to install from NVIDIA's repositories, for builds that load NCCL from beside themselves.
NCCL_BESIDE = {
    "2.21": ("libnccl2=2.27.7-1+cuda12.9",),
    "2.20": ("libnccl2=2.25.1-1+cuda12.8",),
    "2.19": ("libnccl2=2.23.4-1+cuda12.6",),
    "2.18": ("libnccl2=2.23.4-1+cuda12.6",),
    "2.17": ("libnccl2=2.19.3-1+cuda12.3",),
    "2.16": ("libnccl2=2.19.3-1+cuda12.3",),
    "2.15": ("libnccl2=2.19.3-1+cuda12.2",),
    "2.14": ("libnccl2=2.16.5-1+cuda11.8",),
}


def nccl(_: Raw, ours: Tables) -> Iterator[str]:
    """In the wheel but for 1.10 to 1.12, which want the system's, and from 2.14 on in the extra."""
    for name, said in frozen("sources")["nccl"].items():
        found = ours.series[name].nccl
        text = said.split(" ", 1)[0].strip(">=<").partition(",")[0]
        if name == "2.13":
            text = "2.16.5"  # the source names this one and 2.16.2
        yield from equal(f"{name}.nccl.version", found.version, text)
        place = "apt" if "not bundled" in said.lower() else "and_cuda" if "and-cuda" in said else "wheel"
        yield from equal(f"{name}.nccl.from", found.source, place)
        apt = tuple(word for word in frozen("sources")["image_packages"].get(name, "").split() if "libnccl2" in word)
        yield from equal(f"{name}.nccl.apt", found.apt, NCCL_BESIDE.get(name, ()) if place == "and_cuda" else apt)
        for package in found.apt:
            number, toolkit = package.partition("=")[2].split("-1+cuda")
            if not versions.at_least(number, found.version) or versions.major(toolkit) != versions.major(
                ours.series[name].cuda
            ):
                yield f"{name}.nccl.apt {package} is older than NCCL {found.version}, or made for another CUDA"
        for pins in {row.cuda_pins for row in ours.releases.values() if row.series == name and row.cuda_pins}:
            pinned = next(pin for pin in ours.cuda_wheels[pins] if pin.startswith("nvidia-nccl"))
            yield from equal(f"{name}.nccl of the extra", re.split("==|>=", pinned)[-1], found.version)


def tensorrt(_: Raw, ours: Tables) -> Iterator[str]:
    for name, said in frozen("sources")["tensorrt"].items():
        found = ours.series[name].tensorrt
        if said is None:
            yield from equal(f"{name}.tensorrt", found, None)
            continue
        version = said.split(" ")[0]
        full = {"3.0": "3.0.4", "8.x": "8.6.1", "8.5.3.1": "8.5.3"}.get(version, version)
        yield from equal(f"{name}.tensorrt", found and found.version, full)
        if found:
            listed = frozen("sources")["image_packages"].get(name, "").replace(" then ", " ").split()
            apt = tuple(word for word in listed if word.startswith("libnvinfer"))
            if name in ("1.10", "2.11", "2.13"):  # the sources leave these to their neighbours
                neighbour = {"1.10": "1.11", "2.11": "2.10", "2.13": "2.14"}[name]
                other = ours.series[neighbour].tensorrt
                apt = other.apt if other else ()
            yield from equal(f"{name}.tensorrt.apt", found.apt, apt)
        built = frozen("sources")["build_info"].get(name, {}).get("tensorrt", True)
        yield from equal(f"{name} is built with TensorRT", built, True)


def images(_: Raw, ours: Tables) -> Iterator[str]:
    for name, tags in frozen("sources")["image_tags"].items():
        found = ours.images[ours.series[name].images]
        yield from equal(f"{name}.images", sorted(found.tags), sorted(tags.split()))
        yield from equal(f"{name}.images", found.repository, "tensorflow/tensorflow")
    for name, works in frozen("sources")["image_gpu_works"].items():
        yield from equal(f"{name}.image_gpu", ours.series[name].image_gpu, works)
    yield from equal("2.22.image_gpu", ours.series["2.22"].image_gpu, False)
    for name, series in ours.series.items():
        without = frozen("sources")["without_tensorboard"]
        yield from equal(f"{name}.tensorboard", series.tensorboard, name not in without)
    broken = frozen("sources")["image_gpu_broken_releases"]
    for release in (*ours.releases.values(), ours.nightly):
        yield from equal(f"{release.version}.image_gpu", release.image_gpu, release.version not in broken)


GUIDES = (
    ("1.4.0", "3.5", "cpu", "linux/cpu/tensorflow-1.4.0-cp35-cp35m-linux_x86_64.whl"),
    ("1.7.0", "2.7", "cpu", "linux/cpu/tensorflow-1.7.0-cp27-none-linux_x86_64.whl"),
    ("1.14.0", "3.7", "gpu", "linux/gpu/tensorflow_gpu-1.14.0-cp37-cp37m-linux_x86_64.whl"),
    ("1.15.0", "3.7", "cpu", None),
    ("2.0.0", "3.6", "gpu", "linux/gpu/tensorflow_gpu-2.0.0-cp36-cp36m-manylinux2010_x86_64.whl"),
    ("2.0.0", "2.7", "cpu", "linux/cpu/tensorflow-2.0.0-cp27-none-manylinux2010_x86_64.whl"),
    ("2.0.1", "3.7", "cpu", None),
    ("2.1.0", "3.7", "cpu", "linux/cpu/tensorflow_cpu-2.1.0-cp37-cp37m-manylinux2010_x86_64.whl"),
    ("2.8.0", "3.10", "gpu", "linux/gpu/tensorflow_gpu-2.8.0-cp310-cp310-manylinux2010_x86_64.whl"),
    ("2.9.0", "3.8", "cpu", "linux/cpu/tensorflow_cpu-2.9.0-cp38-cp38-{m}.whl"),
    ("2.11.0", "3.8", "gpu", "linux/gpu/tensorflow_gpu-2.11.0-cp38-cp38-{m}.whl"),
    ("2.12.0", "3.8", "gpu", "linux/gpu/tensorflow-2.12.0-cp38-cp38-{m}.whl"),
    ("2.15.0", "3.11", "cpu", "linux/cpu/tensorflow_cpu-2.15.0-cp311-cp311-{m}.whl"),
    ("2.16.1", "3.12", "cpu", "versions/2.16.1/tensorflow_cpu-2.16.1-cp312-cp312-{m}.whl"),
    ("2.20.0", "3.13", "gpu", "versions/2.20.0/tensorflow-2.20.0-cp313-cp313-{m}.whl"),
    ("2.21.0", "3.13", "cpu", "versions/%222.21.0%22/tensorflow_cpu-2.21.0-cp313-cp313-manylinux_2_27_x86_64.whl"),
    ("2.21.0", "3.10", "gpu", "versions/%222.21.0%22/tensorflow-2.21.0-cp310-cp310-manylinux_2_27_x86_64.whl"),
    ("2.22.0rc0", "3.10", "gpu", None),
)


def wheel_urls(_: Raw, ours: Tables) -> Iterator[str]:
    for version, python, device, path in GUIDES:
        tags = "manylinux_2_17_x86_64.manylinux2014_x86_64"
        url = path and f"https://storage.googleapis.com/tensorflow/{path.format(m=tags)}"
        yield from equal(f"wheel of {version}", wheel_url.of_guides(version, python, device, ours), url)


# --- constraints and space, proved by installing ---------------------------------------------------------------------


def constraints(_: Raw, ours: Tables) -> Iterator[str]:
    """Every release on every Python has the pins that installing it showed to be needed, and no others."""
    for release in (*ours.newest_first, ours.nightly):
        for python in release.pythons:
            found: list[str] = []
            for row in ours.constraints:
                if versions.within(release.version, row.releases) and versions.within(python, row.python):
                    found.extend(
                        pin if row.cuda is None else f"{row.cuda}:{row.below_capability}:{pin}" for pin in row.pins
                    )
            yield from equal(
                f"constraints of {release.version} on {python}", sorted(found), sorted(pins(release.version, python))
            )


def sizes(_: Raw, ours: Tables) -> Iterator[str]:
    """The largest that was measured; a GPU build that was not is larger than the CPU build by what its wheel unpacks to."""
    largest: dict[str, dict[str, int]] = {name: {"cpu": 0, "gpu": 0, "cuda": 0} for name in ours.series}
    for release, environments in frozen("measured")["environments"].items():
        found = largest[versions.series(release)]
        for how, mb in environments.items():
            package = how.partition(" ")[0]
            device = _device(release, "x86_64", package) if "[" not in package else "cuda"
            found[device] = max(found[device], mb)
    for name, found in largest.items():
        if not found["gpu"]:
            unpacked = frozen("measured")["unpacked"][name]
            found["gpu"] = found["cpu"] + unpacked["gpu"] - unpacked["cpu"]
        if name == "2.22":  # CUDA's wheels as those of 2.21
            found["cuda"] = found["gpu"] + largest["2.21"]["cuda"] - largest["2.21"]["gpu"]
        row = ours.series[name].mb
        yield from equal(
            f"{name}.mb", (row.cpu, row.gpu, row.cuda), (found["cpu"], found["gpu"], found["cuda"] or found["gpu"])
        )
    space = ours.space
    estimates = (space.headroom, space.image_mb, space.image_gpu_mb)
    yield from equal("space", estimates, (1.12, 2500, 7500))


def builds(_: Raw, ours: Tables) -> Iterator[str]:
    """What a build from source takes and needs: estimates, the guide's packages, and bazelisk as public build files pin it."""
    row = ours.builds
    estimates = (row.disk_mb, row.memory_mb, row.job_mb, row.core_hours, row.gpu_core_hours)
    yield from equal("builds", estimates, (60000, 8000, 2000, 40, 120))
    names = {part.releases: " ".join(part.names) for part in row.python}
    wanted = {">=2.18": "numpy", "<2.18": "numpy<2", "<2.9": "keras_preprocessing"}
    wanted[""] = "packaging requests setuptools six wheel"
    yield from equal("builds.python", names, wanted)
    yield from equal("builds.tools", " ".join(row.tools), "git patchelf unzip zip")
    yield from equal("builds.git_url", row.git_url, "https://github.com/tensorflow/tensorflow.git")
    programs = {name: f"{row.bazelisk.url}/{one.file}#{one.sha256}" for name, one in row.bazelisk.programs.items()}
    yield from equal("builds.bazelisk.programs", programs, frozen("sources")["bazelisk"])
    if not row.bazelisk.url.endswith(f"/v{row.bazelisk.version}"):
        yield f"builds.bazelisk.version is {row.bazelisk.version}"
    for name, series in ours.series.items():
        own = versions.at_least(name, frozen("sources")["hermetic_cuda_since"])
        if series.build:
            yield from equal(f"{name}.build.own_cuda", series.build.own_cuda, own)


def pins(release: str, python: str) -> Iterator[str]:
    """The rules that installing found, written down once more."""
    if versions.within(release, ">=1.6"):
        yield from ["grpcio<1.38"] * (python == "2.7")
        yield from ["gast==0.2.2"] * versions.within(release, "<1.15")
    unbound = any(versions.within(release, span) for span in (">=1.11,<1.15.5", ">=2.0,<2.0.4", ">=2.1,<2.1.3"))
    if unbound and versions.at_least(python, "3.6"):
        yield "h5py<3"
    if release in ("2.6.0", "2.6.1"):
        yield from ("keras<2.7", "tensorboard<2.7", "tensorflow-estimator<2.7")
    modern = versions.order(python) >= versions.order("3.7")
    mended = {"2.6": "2.6.5", "2.7": "2.7.3", "2.8": "2.8.2", "2.9": "2.9.1"}
    minor = versions.series(release)
    if modern and (
        versions.within(release, "<2.6") or (minor in mended and not versions.at_least(release, mended[minor]))
    ):
        yield "protobuf<3.21"
    if (versions.within(release, ">=2.7,<2.12") and versions.at_least(python, "3.9")) or release == "2.14.0":
        yield "numpy<2"
    if versions.within(release, ">=2.20"):
        yield "wheels:7.5:nvidia-cudnn-cu12<9.11"


# --- NVIDIA ----------------------------------------------------------------------------------------------------------


def cuda_versions(_: Raw, ours: Tables) -> Iterator[str]:
    sources = frozen("sources")
    yield from equal("cuda", set(ours.cuda), set(sources["cuda_capabilities"]))
    for version, row in ours.cuda.items():
        shipped = sources["toolkit_driver"].get(version)
        yield from equal(f"cuda.{version}.shipped_driver", row.shipped_driver, shipped)
        least = sources["minor_version_compatibility"].get(version, shipped)
        yield from equal(f"cuda.{version}.minimum_driver", row.minimum_driver, least)
        lowest, highest = sources["cuda_capabilities"][version].split()
        yield from equal(f"cuda.{version}.lowest", row.lowest, lowest)
        yield from equal(f"cuda.{version}.highest", row.highest, None if highest == "unknown" else highest)
        # From 11 on the library is named for the major version alone, 11's own for its first.
        major = versions.major(version)
        name = version if major < 11 else "11.0" if major == 11 else str(major)
        yield from equal(f"cuda.{version}.library", row.library, f"libcudart.so.{name}")


def repositories(_: Raw, ours: Tables) -> Iterator[str]:
    """Bounds as the sources put them; every CUDA that an image recipe installs is inside, what its repository never had is not."""
    sources = frozen("sources")
    bounds = {
        "8.0 - 11.3": ("8.0", "11.4"),
        "9.2 - 12.1": ("9.2", "12.2"),
        "11.0 - 12.9": ("11.0", "13.0"),
        "11.7 - 13.x": ("11.7", None),
        "12.5 - 13.x": ("12.5", None),
        "13.3 seen": ("13.3", None),
        "11.2 seen; end not established": ("11.2", "12.5"),
        "11.6 - 12.x seen": ("11.6", "13.0"),
        "12.x - 13.x": ("12.1", None),
        "13.1 - 13.x": ("13.1", None),
    }
    yield from equal("repositories", set(ours.repositories), set(sources["repositories"]))
    for name, said in sources["repositories"].items():
        row = ours.repositories[name]
        low, high = bounds[said["cuda"]]
        yield from equal(f"repositories.{name}.cuda", row.cuda, f">={low}" + (f",<{high}" if high else ""))
        yield from equal(f"repositories.{name}.architectures", row.architectures, tuple(said["arch"].split()))
        yield from equal(f"repositories.{name}.key", row.key, said["key"].lower() or "3bf863cc")
        yield from equal(f"repositories.{name}.also", row.also, ())
        yield from equal(f"repositories.{name}.drivers", row.drivers, _shipped_drivers(row.cuda, ours))
    for recipe in sources["image_recipes"]:
        cuda, name = recipe.split()
        if not versions.within(cuda, ours.repositories[name].cuda):
            yield f"repositories.{name} lacks CUDA {cuda}, which an image recipe installs from it"


def _shipped_drivers(cuda: str, ours: Tables) -> str:
    """The driver branches that a repository must have: from its oldest CUDA's to its newest's, if it no longer grows."""
    inside = versions.ascending(version for version in ours.cuda if versions.within(version, cuda))
    known = [shipped.split(".")[0] for version in inside if (shipped := ours.cuda[version].shipped_driver)]
    low = known[0] if known else "595"  # of the newest CUDA whose driver is known, where the oldest one's is not
    return f">={low}" + (f",<{int(known[-1]) + 1}" if "<" in cuda else "")


def cuda_packages(_: Raw, ours: Tables) -> Iterator[str]:
    """cuBLAS by its name in the image recipes; the others by the naming of their era."""
    from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia.cuda_source import packages as of

    for version, cublas in frozen("sources")["image_cublas"].items():
        dashed = version.replace(".", "-")
        pinned = {"10.1": "libcublas10=10.2.1.243-1", "10.2": "libcublas10=10.2.2.89-1"}.get(version, cublas)
        old = versions.order(version) < versions.order("11")
        prefix = "cuda-" if old else "lib"
        rest = {f"{prefix}{library}-{dashed}" for library in ("cufft", "curand", "cusolver", "cusparse")}
        rest.add(f"cuda-cudart-{dashed}")  # the base of the images has it
        if versions.at_least(version, "10.1"):
            rest.add(f"cuda-nvrtc-{dashed}")
        if not old:
            rest.add(f"cuda-nvcc-{dashed}")
        found = of(version, ours)
        yield from equal(
            f"packages of CUDA {version}", set(found), {f"cuda-command-line-tools-{dashed}", pinned, *rest}
        )
        yield from equal(f"packages of CUDA {version} without repeats", len(found), len(set(found)))


def driver_branches(_: Raw, ours: Tables) -> Iterator[str]:
    sources = frozen("sources")
    archive = sources["ubuntu_archive"]
    kinds = {"LTSB": "long", "PB": "production", "NFB": "feature"}
    named = {"550": "production", "590": "feature", "470": "legacy", "465": "legacy"}
    last = {"465": "3.0", "470": "3.0", **dict.fromkeys(("535", "550", "570", "580"), "5.0")}
    # The newest capability of the CUDA that came with a branch.
    newest = {"465": "11.3", "470": "11.4", "535": "12.2", "550": "12.4", "570": "12.8"}
    yield from equal("drivers", set(ours.drivers), {"465", "470", "535", "550", "570", "580", "590", "595", "610"})
    for name, row in ours.drivers.items():
        said = sources["branch_lifecycle"].get(name, "").split()
        yield from equal(f"drivers.{name}.kind", row.kind, kinds[said[0]] if said else named[name])
        yield from equal(f"drivers.{name}.end", row.end, said[1] if len(said) > 1 else None)
        yield from equal(f"drivers.{name}.lowest", row.lowest, last.get(name, "7.5"))
        highest = ours.cuda[newest[name]].highest if name in newest else ours.cuda["12.9"].highest
        highest = "8.6" if name == "470" else highest
        yield from equal(f"drivers.{name}.highest", row.highest, highest)
        flavour = "-server" if name in ("535", "550", "570", "580", "595") else ""
        yield from equal(f"drivers.{name}.flavour", row.flavour, flavour)
        kind = "server" if row.flavour else "desktop"
        carrying = tuple(
            f"{place[6:8]}.{place[8:]}" for place, branches in archive.items() if name in branches[kind].split()
        )
        yield from equal(f"drivers.{name}.ubuntu", row.ubuntu, carrying)
        yield from equal(f"drivers.{name}.repository", row.repository, name != "470")
        yield from equal(f"drivers.{name}.open_from", row.open_from, "7.5" if int(name) >= 515 else None)
        yield from equal(f"drivers.{name}.open_only", row.open_only, "10.0" if int(name) >= 570 else None)
    for kind, first_cc in sources["architectures"].items():
        branch = first_cc["last_branch"].lstrip("R")
        later = [row for row in ours.drivers.values() if branch.isdigit() and int(row.name) > int(branch)]
        for row in later:
            if versions.order(row.lowest) <= versions.order(first_cc["cc"].split()[-1]):
                yield f"drivers.{row.name} serves {kind}, whose last branch is {branch}"
    yield from equal("driver_packages", _driver_packages(ours), DRIVER_PACKAGES)


def _driver_packages(ours: Tables) -> list[tuple[str, ...]]:
    return [
        (source, row.branches, " ".join(row.open), " ".join(row.closed), row.fabric_manager)
        for source, rows in ours.driver_packages.items()
        for row in rows
    ]


DRIVER_PACKAGES = [
    (
        "ubuntu",
        "",
        "nvidia-driver-BF-open nvidia-utils-BF",
        "nvidia-driver-BF nvidia-utils-BF",
        "nvidia-fabricmanager-B",
    ),
    ("repository", "<590", "nvidia-open-B", "cuda-drivers-B", "nvidia-fabricmanager-B"),
    (
        "repository",
        ">=590",
        "nvidia-driver-pinning-B nvidia-open",
        "nvidia-driver-pinning-B cuda-drivers",
        "nvidia-fabricmanager",
    ),
]


def keys_and_leftovers(_: Raw, ours: Tables) -> Iterator[str]:
    found = {name: row.fingerprint for name, row in ours.keys.items()}
    yield from equal("keys", found, frozen("sources")["keys"])
    for name, fingerprint in found.items():
        if name != "container-toolkit":
            yield from equal(f"keys.{name}", name, fingerprint[-8:].lower())
    yield from equal("retired keys", [name for name, row in ours.keys.items() if row.retired], ["7fa2af80"])
    yield from equal(
        "retired",
        [row.file for row in ours.retired],
        [f"/etc/apt/sources.list.d/{name}.list" for name in ("cuda", "nvidia-ml", "nvidia-docker")],
    )


def toolkit(_: Raw, ours: Tables) -> Iterator[str]:
    row, said = ours.toolkit, frozen("sources")["toolkit"]
    found = {"version": row.version, "packages": sorted(row.packages), "key": ours.keys[row.key].fingerprint}
    yield from equal("toolkit", found, said)


def chips(_: Raw, ours: Tables) -> Iterator[str]:
    """Every device id of the PCI database is in its chip's ranges and no other's, and each range ends in real ids."""
    real = {chip: [int(word, 16) for word in ids.split()] for chip, ids in frozen("sources")["pci_ids"].items()}
    yield from equal("chips", {chip.name for chip in ours.chips}, set(real))
    kinds = frozen("sources")["architectures"].items()
    products = {capability: kind.split(" ")[0] for kind, row in kinds for capability in row["cc"].split()}
    for chip in ours.chips:
        covered = {number for low, high in chip.ids for number in range(low, high + 1)}
        yield from (f"chips.{chip.name} lacks {one:04x}" for one in real[chip.name] if one not in covered)
        ends = {end for pair in chip.ids for end in pair}
        yield from (f"chips.{chip.name} ends in {end:04x}" for end in ends if end not in real[chip.name])
        for other, ids in real.items():
            if other != chip.name:
                yield from (f"chips.{chip.name} has {one:04x} of {other}" for one in ids if one in covered)
        family = CHIPS[chip.name[:2]]
        yield from equal(f"chips.{chip.name}.capability", chip.capability, family.get(chip.name, family[""]))
        architecture = products.get(chip.capability, "Blackwell")
        yield from equal(f"chips.{chip.name}.architecture", chip.architecture, architecture)


# Chip families with the capability of most of their chips, and those that differ.
CHIPS: dict[str, dict[str, str]] = {
    "GK": {"": "3.0", "GK110": "3.5", "GK180": "3.5", "GK208": "3.5", "GK210": "3.7"},
    "GM": {"": "5.2", "GM107": "5.0", "GM108": "5.0"},
    "GP": {"": "6.1", "GP100": "6.0"},
    "GV": {"": "7.0"},
    "TU": {"": "7.5"},
    "GA": {"": "8.6", "GA100": "8.0"},
    "AD": {"": "8.9"},
    "GH": {"": "9.0"},
    "GB": {"": "12.0", "GB100": "10.0", "GB102": "10.0", "GB110": "10.3"},
}


def products(raw: Raw, ours: Tables) -> Iterator[str]:
    said = {
        name.replace(" (DGX Spark)", ""): capability
        for capability, names in frozen("sources")["gpus"].items()
        for name in names
        if "Jetson" not in name and name != "TITAN X (Pascal)"
    }
    yield from equal("gpus.names", dict(ours.gpu_names), said)
    for capability, row in raw["gpus"]["names"].items():
        families = {chip.architecture for chip in ours.chips if chip.capability == capability} or {"Blackwell"}
        yield from equal(f"gpus.names.{capability}.architecture", {row["architecture"]}, families)


# --- platforms and installers ----------------------------------------------------------------------------------------

# What the archives carry beside the default; ansible-core's own last release for the Python that is there.
MORE_PYTHONS = {
    "Ubuntu 20.04": "3.9 2.7",
    "Ubuntu 18.04": "3.7 3.8 2.7",
    "Ubuntu 16.04": "2.7",
    "Debian 11": "2.7",
    "Debian 10": "2.7",
}
LAST_ANSIBLE = {"Ubuntu 20.04": "2.19", "Ubuntu 18.04": "2.16", "Ubuntu 16.04": "2.16", "Debian 10": "2.17"}


def platforms(_: Raw, ours: Tables) -> Iterator[str]:
    said = frozen("sources")["distributions"]
    yield from equal("platforms", set(ours.platforms), set(said) - {"Debian 9"})
    for name, row in ours.platforms.items():
        facts = said[name]
        for key in ("codename", "glibc", "end", "extended"):
            yield from equal(f"{name}.{key}", getattr(row, key), facts[key])
        pythons = (facts["python"], *MORE_PYTHONS.get(name, "").split())
        yield from equal(f"{name}.pythons", row.pythons, pythons)
        yield from equal(f"{name}.ansible", row.ansible, LAST_ANSIBLE.get(name))
        yield from equal(f"{name}.deadsnakes", " ".join(row.deadsnakes), frozen("sources")["deadsnakes"].get(name, ""))
        yield from equal(f"{name}.compilers", " ".join(row.compilers), frozen("sources")["compilers"][name])
        yield from equal(f"{name}.repository", row.repository, name.lower().replace(" ", "").replace(".", ""))
    for family in ("Debian", "Ubuntu"):
        rows = [row for name, row in ours.platforms.items() if name.startswith(family)]
        for newer, older in pairwise(rows):
            if not versions.order(newer.glibc) > versions.order(older.glibc) or newer.end <= older.end:
                yield f"{newer.name} is not newer than {older.name}"


PROVIDERS = {
    "system": (True, True, "", "", None),
    "deadsnakes": (True, True, "Ubuntu", "3.7 3.8 3.9 3.10 3.11 3.12 3.13", None),
    "standalone": (True, False, "", "3.8 3.9 3.10 3.11 3.12 3.13 3.14", "2.17"),
    "conda": (True, False, "", "2.7 3.6 3.7 3.8 3.9 3.10 3.11 3.12 3.13 3.14", "2.17"),
}


def installers(_: Raw, ours: Tables) -> Iterator[str]:
    found = {
        name: (row.implemented, row.needs_root, " ".join(row.distributions), " ".join(row.pythons), row.glibc)
        for name, row in ours.providers.items()
    }
    yield from equal("providers", found, PROVIDERS)
    ppa = (ours.deadsnakes.url, ours.deadsnakes.key)
    yield from equal(
        "deadsnakes", ppa, (frozen("sources")["deadsnakes"]["url"], frozen("sources")["deadsnakes"]["key"])
    )
    if ours.deadsnakes.key_url != f"https://keyserver.ubuntu.com/pks/lookup?op=get&search=0x{ours.deadsnakes.key}":
        yield f"deadsnakes.key_url is {ours.deadsnakes.key_url}"
    yield from equal("uv.floor", ours.uv.floor, "3.7")
    yield from equal("uv.wheels", set(ours.uv.wheels), set(package_index.ARCHITECTURES))
    for architecture, wheel in ours.uv.wheels.items():
        if not wheel.file.startswith(f"uv-{ours.uv.version}-py3-none-manylinux_2_17_{architecture}"):
            yield f"uv.wheels.{architecture} is {wheel.file}"
    for version, wheel in ours.pip_wheels.items():
        if not wheel.file.startswith(f"pip-{version}-"):
            yield f"pip_wheels.{version} is {wheel.file}"
    yield from equal("pip", set(ours.pip), {*ours.every_python})
    pips = frozen("index")["tools"]["pip"]
    for python, version in ours.pip.items():
        serving = [one for one, required in pips.items() if refresh_tables.serves(python, required)]
        yield from equal(f"pip.{python}", version, max(serving, key=versions.order))


def runtimes(_: Raw, ours: Tables) -> Iterator[str]:
    """Addresses and hashes as those who install them every day have them."""
    sources = frozen("sources")
    found = {
        architecture: f"{ours.miniforge.url}/{one.file}#{one.sha256}"
        for architecture, one in ours.miniforge.installers.items()
    }
    yield from equal("miniforge.installers", found, sources["miniforge"])
    if any(f"/Miniforge3-{ours.miniforge.version}-Linux-" not in url for url in found.values()):
        yield f"miniforge.version is {ours.miniforge.version}"
    pythons = {
        python: {
            architecture: f"{ours.standalone_url}/{one.file}#{one.sha256}" for architecture, one in row.builds.items()
        }
        for python, row in ours.standalone.items()
    }
    yield from equal("standalone", pythons, sources["standalone"])
    for python, row in ours.standalone.items():
        if any(f"/cpython-{row.version}%2B" not in one.file for one in row.builds.values()):
            yield f"standalone.{python}.version is {row.version}"


CHECKS: tuple[Check, ...] = (
    rows_name_their_sources,
    releases_are_those_of_the_index,
    channels,
    glibc_floors,
    packages,
    cuda_extras,
    newest_and_oldest,
    compute_capabilities,
    tested_builds,
    processors,
    cudnn_packages,
    nccl,
    tensorrt,
    images,
    wheel_urls,
    constraints,
    sizes,
    builds,
    cuda_versions,
    repositories,
    cuda_packages,
    driver_branches,
    keys_and_leftovers,
    toolkit,
    chips,
    products,
    platforms,
    installers,
    runtimes,
)
