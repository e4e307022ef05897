#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the table of releases against the package index, and propose the rows that it lacks.

    refresh_tables.py            tell what differs, and print rows to paste into compatibility/tensorflow.yml
    refresh_tables.py --freeze   also write what the index says today to tests/unit/data/index.json, for the unit tests

What the index cannot tell (CUDA, compute capabilities, compilers) a person adds: the proposal says so.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "collections")]

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions  # noqa: E402 (the path is set above)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables  # noqa: E402 (the path is set above)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import Release, Tables  # noqa: E402 (as above)

from script import package_index  # noqa: E402 (as above)

FROZEN = ROOT / "tests" / "unit" / "data" / "index.json"
PACKAGES = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu")
# The wheels of `tensorflow` for aarch64 were empty from 2.10 to 2.15, and required this one.
BEHIND = "tensorflow-cpu-aws"
INSTALLED = (*PACKAGES, BEHIND)
# There is a new one every day; a row that is not much older does.
NIGHTLY_AGE = timedelta(days=45)
_FINAL_OR_NEXT = re.compile(r"\d+\.\d+\.\d+(rc\d+)?(\.post\d+)?")

Facts = dict[str, Any]


def wanted(names: Iterable[str]) -> list[str]:
    """The releases that a table row is about: final ones from 1.4 on, and candidates of one that is not out yet."""
    known = [name for name in names if _FINAL_OR_NEXT.fullmatch(name) and versions.at_least(name, "1.4.0")]
    newest = max((name for name in known if "rc" not in name), key=versions.order)
    return [name for name in known if "rc" not in name or versions.order(name) > versions.order(newest)]


def releases(package: str) -> list[str]:
    """The releases of a package that are to have rows."""
    return versions.ascending(wanted({file.version for file in package_index.linux_wheels(package)}))


def facts(with_sizes: bool = False) -> Facts:
    """What the index says: package → release → architecture → Pythons and platform tag."""
    found: Facts = {"read": datetime.now(tz=timezone.utc).date().isoformat()}
    for package in INSTALLED:
        for file in package_index.linux_wheels(package):
            release = found.setdefault(package, {}).setdefault(file.version, {"uploaded": file.uploaded, "wheels": {}})
            release["uploaded"] = min(release["uploaded"], file.uploaded)  # wheels for more machines came later
            release["requires_python"] = file.requires_python
            release["yanked"] = file.yanked
            wheels = release["wheels"].setdefault(file.architecture, {"platform": file.platform, "pythons": ""})
            wheels["pythons"] = " ".join(versions.ascending([*wheels["pythons"].split(), *file.pythons]))
        found[package] = {name: found[package][name] for name in reversed(releases(package))}
    for name, release in found["tensorflow"].items():
        extra = and_cuda(name)
        if extra:
            release["and_cuda"] = extra
    if with_sizes:
        _add_sizes(found)
    found["tf-nightly"] = nightly()
    found["tools"] = tools(tables.load())
    return found


def nightly() -> Facts:
    """The newest development build, and the machines and Pythons that it is for."""
    files = package_index.linux_wheels("tf-nightly")
    newest = max((file.version for file in files), key=versions.order)
    found: Facts = {"version": newest, "uploaded": "", "requires_python": "", "wheels": {}}
    found["has_row"] = any(file.version == tables.load().nightly.version for file in files)
    for file in files:
        if file.version == newest:
            found.update(uploaded=file.uploaded, requires_python=file.requires_python)
            wheels = found["wheels"].setdefault(file.architecture, {"platform": file.platform, "pythons": "", "mb": 0})
            wheels["pythons"] = " ".join(versions.ascending([*wheels["pythons"].split(), *file.pythons]))
            wheels["mb"] = max(wheels["mb"], round(package_index.size(file) / 1e6))
            if file.architecture == "x86_64":
                found["and_cuda"] = package_index.of_extra(package_index.requirements(file), "and-cuda")
    return found


def tools(known: Tables) -> Facts:
    """The installers that the tables name: which Pythons each pip is for, and the hashes of files."""
    named = {f"pip-{version}-" for version in known.pip.values()}
    pip = {
        file.version: file.requires_python
        for file in package_index.files("pip")
        if file.name.endswith(".whl") and file.name.startswith(tuple(named))
    }
    wanted_files = {wheel.file for wheel in known.uv.wheels.values()}
    old = {wheel.file for wheel in (*known.pip_wheels.values(), known.virtualenv)}
    return {
        "pip": pip,
        "uv": {file.name: file.sha256 for file in package_index.files("uv") if file.name in wanted_files},
        "old": {
            file.name: file.sha256
            for project in ("pip", "virtualenv")
            for file in package_index.files(project)
            if file.name in old
        },
    }


def and_cuda(release: str) -> list[str]:
    """What the extra [and-cuda] of a release pins; empty where there is none."""
    if not versions.at_least(release, "2.14.0"):
        return []
    wheels = [
        file
        for file in package_index.linux_wheels("tensorflow")
        if file.version == release and file.architecture == "x86_64"
    ]
    return package_index.of_extra(package_index.requirements(wheels[0]), "and-cuda") if wheels else []


def _add_sizes(found: Facts) -> None:
    """The largest wheel of each package, release and architecture, in whole megabytes."""
    files = [
        file for package in INSTALLED for file in package_index.linux_wheels(package) if file.version in found[package]
    ]
    with ThreadPoolExecutor(8) as pool:
        sizes = dict(zip(files, pool.map(package_index.size, files), strict=True))
    for package in INSTALLED:
        for file in package_index.linux_wheels(package):
            if file in sizes:
                wheels = found[package][file.version]["wheels"][file.architecture]
                wheels["mb"] = max(wheels.get("mb", 0), round(sizes[file] / 1e6))


def differences(found: Facts, known: Tables) -> list[str]:
    """What the index has and the table has not, and the other way round, one sentence each."""
    told = []
    for release in known.newest_first:
        told.extend(of_release(release, found, known))
    told.extend(of_nightly(known, found["tf-nightly"]))
    told.extend(of_tools(known, found["tools"]))
    told.extend(lacking(found, known))
    return told


def lacking(found: Facts, known: Tables) -> list[str]:
    """The releases that the index has and no row, one sentence each."""
    return [
        f"TensorFlow {name} is on the index, and no row has it; script/refresh-tables proposes one."
        for name in found["tensorflow"]
        if name not in known.releases
    ]


def of_release(row: Release, found: Facts, known: Tables) -> list[str]:
    """What the row of a release says otherwise than the index."""
    name = row.version
    listed = found["tensorflow"].get(name)
    if listed is None:
        return [f"TensorFlow {name} has a row, and the index has it no more."]
    told = []
    if listed["uploaded"] and listed["uploaded"] != row.date:
        told.append(f"TensorFlow {name} was uploaded on {listed['uploaded']}, its row says {row.date}.")
    if listed["yanked"]:
        told.append(f"TensorFlow {name} was yanked from the index.")
    if row.requires_python != listed["requires_python"]:
        told.append(
            f"TensorFlow {name} requires Python {listed['requires_python']!r}, its row says {row.requires_python!r}."
        )
    packages = {build.package for build in row.wheels["x86_64"].builds} if "x86_64" in row.wheels else set()
    there = {package for package in PACKAGES if "x86_64" in found[package].get(name, {}).get("wheels", {})}
    if packages != there:
        told.append(f"TensorFlow {name} is on the index as {sorted(there)}, its row says {sorted(packages)}.")
    for architecture in package_index.ARCHITECTURES:
        ours = list(row.wheels[architecture].pythons) if architecture in row.wheels else []
        theirs = pythons(found, name, architecture)
        if ours != theirs:
            told.append(f"TensorFlow {name} has wheels for Python {theirs} on {architecture}, its row says {ours}.")
    pins = sorted(map(package_index.normal, known_pins(row, known)))
    if pins != listed.get("and_cuda", []):
        told.append(f"TensorFlow {name}[and-cuda] requires {listed.get('and_cuda', [])}, its row says {pins}.")
    return told


def of_nightly(known: Tables, listed: Facts) -> list[str]:
    """What the row of the nightly build says otherwise than the index; it need not be the newest."""
    row = known.nightly
    told = []
    if not listed["has_row"]:
        told.append(f"tf-nightly {row.version} is on the index no more; the newest is {listed['version']}.")
    age = date.fromisoformat(listed["uploaded"] or row.date or "") - date.fromisoformat(row.date or "")
    if age > NIGHTLY_AGE:
        told.append(f"tf-nightly {row.version} is {age.days} days older than the newest, {listed['version']}.")
    for architecture, wheels in listed["wheels"].items():
        ours = row.wheels.get(architecture)
        if ours is None or list(ours.pythons) != wheels["pythons"].split():
            told.append(
                f"tf-nightly has wheels for Python {wheels['pythons']} on {architecture}, its row says otherwise."
            )
    if sorted(map(package_index.normal, known_pins(row, known))) != listed["and_cuda"]:
        told.append(f"tf-nightly[and-cuda] requires {listed['and_cuda']}, its row says otherwise.")
    return told


def of_tools(known: Tables, listed: Facts) -> list[str]:
    """What the rows of pip and uv say otherwise than the index; they need not be the newest."""
    told = []
    for python, version in known.pip.items():
        required = listed["pip"].get(version)
        if required is None or not serves(python, required):
            told.append(f"pip {version} is not on the index for Python {python}.")
    hashes = {**listed["uv"], **listed["old"]}
    for wheel in (*known.uv.wheels.values(), *known.pip_wheels.values(), known.virtualenv):
        if hashes.get(wheel.file) != wheel.sha256:
            told.append(f"{wheel.file} is not on the index with the hash that its row has.")
    return told


def serves(python: str, required: str) -> bool:
    """Whether a Requires-Python lets a minor version of Python in."""
    bounds = [part for part in required.split(",") if part]
    excluded = [part.removeprefix("!=").removesuffix(".*") for part in bounds if part.startswith("!=")]
    return python not in excluded and versions.within(
        python, ",".join(part for part in bounds if not part.startswith("!="))
    )


def known_pins(row: Release, known: Tables) -> tuple[str, ...]:
    return known.cuda_wheels[row.cuda_pins] if row.cuda_pins else ()


def pythons(found: Facts, release: str, architecture: str) -> list[str]:
    """The Pythons that really have TensorFlow on an architecture: where the wheel is empty, those of the one behind it."""
    own = _pythons(found["tensorflow"], release, architecture)
    if architecture == "aarch64" and versions.within(release, ">=2.10,<2.16"):
        behind = _pythons(found[BEHIND], release, architecture)
        return [version for version in own if version in behind]
    return own


def _pythons(package: Mapping[str, Any], release: str, architecture: str) -> list[str]:
    return str(package.get(release, {}).get("wheels", {}).get(architecture, {}).get("pythons", "")).split()


def proposal(name: str, found: Facts) -> str:
    """A row for a release, as far as the index knows it."""
    listed = found["tensorflow"][name]
    lines = [f'  "{name}":', f'    date: "{listed["uploaded"]}"']
    lines += ["    channel: prerelease"] if "rc" in name else []
    lines += [f'    requires_python: "{listed["requires_python"]}"'] if listed["requires_python"] else []
    for architecture in package_index.ARCHITECTURES:
        versions_there = pythons(found, name, architecture)
        if versions_there:
            platform = listed["wheels"][architecture]["platform"]
            lines.append(
                f'    {architecture}: {{python: "{" ".join(versions_there)}", glibc: "{glibc(platform)}",'
                f" packages: {{{_packages(found, name, architecture)}}}}}"
            )
    if listed.get("and_cuda"):
        lines.append(f'    and_cuda: {{pins: NAME, python: "{" ".join(pythons(found, name, "x86_64"))}"}}')
    return "\n".join([*lines, "    source: index"])


def _packages(found: Facts, name: str, architecture: str) -> str:
    kinds = []
    for package in PACKAGES:
        wheels = found[package].get(name, {}).get("wheels", {}).get(architecture)
        if wheels:
            device = "gpu" if architecture == "x86_64" and package != "tensorflow-cpu" else "cpu"
            kinds.append(f"{package}: {device} {wheels.get('mb', 'MB')}")
    return ", ".join(kinds)


def glibc(platform: str) -> str:
    """The C library that a platform tag promises to run on."""
    legacy = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}
    match = re.search(r"manylinux_(\d+)_(\d+)", platform)
    if match:
        return f"{match.group(1)}.{match.group(2)}"
    return next((version for tag, version in legacy.items() if platform.startswith(tag)), "?")


def main(arguments: list[str]) -> int:
    """Tell the differences; return 1 if there are any."""
    if arguments not in ([], ["--freeze"]):
        print(__doc__, file=sys.stderr)
        return 2
    found = facts(with_sizes=True)
    known = tables.load()
    if arguments:
        FROZEN.parent.mkdir(parents=True, exist_ok=True)
        FROZEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    told = differences(found, known)
    for sentence in told:
        print(sentence)
    missing = [name for name in found["tensorflow"] if name not in known.releases]
    if missing:
        print(
            "\nRows to add under `releases`; a new minor version also needs a row under `series`, from the wheel itself:\n"
        )
        print("\n".join(proposal(name, found) for name in missing))
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
