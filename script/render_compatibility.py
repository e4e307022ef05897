#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the compatibility tables as docs/compatibility.md.

    render_compatibility.py [--check]

With --check it writes nothing, tells whether the page is not as the tables say, and fails if so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "collections")]

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.common import versions  # noqa: E402 (the path is set above)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables  # noqa: E402 (the path is set above)
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility.models import (  # noqa: E402 (as above)
    Release,
    Series,
    Tables,
)

PAGE = ROOT / "docs" / "compatibility.md"
HEAD = """\
# What runs with what

Tensorwright plans from these tables, for every host, before it changes anything. `ansible-playbook playbooks/plan.yml` says what they
mean for your machines. A site adds or changes rows with `tensorflow_overrides`.

<!-- Rendered by script/render-compatibility from compatibility/*.yml. Edit those. -->

Each row of the tables names its source; the sources are [below](#sources). Everything was checked on {checked}. Where a document and a
wheel disagree, the wheel is right.
"""


def main(arguments: list[str]) -> int:
    """Write the page, or with --check tell whether it is current; return the exit status."""
    if arguments not in ([], ["--check"]):
        print(f"usage: {Path(sys.argv[0]).name} [--check]", file=sys.stderr)
        return 2
    text = page(tables.read())
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    if arguments:
        print(f"{PAGE.relative_to(ROOT)} is not as the tables say; run script/render-compatibility.")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written.")
    return 0


def page(raw: Mapping[str, Any]) -> str:
    """The page of some tables."""
    ours = tables.parse(raw)
    parts = [
        HEAD.format(checked=raw["tensorflow"]["checked"]),
        section("TensorFlow", minor_versions(ours), MINOR_VERSIONS),
        section("Pins that releases need today", pins(ours), PINS),
        section("GPUs", gpus(ours), GPUS),
        section("CUDA and drivers", cuda(ours), CUDA),
        section("Driver branches", drivers(ours), DRIVERS),
        section("CUDA from apt", repositories(ours), REPOSITORIES),
        section("Distributions", platforms(ours), PLATFORMS),
        section("Installers", installers(ours), INSTALLERS),
        section("Every release", releases(ours), RELEASES),
        section("CUDA wheels", cuda_wheels(ours), CUDA_WHEELS),
        section("Building, images and wheels of the guides", building(ours), BUILDING),
        sources(raw),
    ]
    return "\n".join(parts)


def section(title: str, rows: Iterable[list[str]], text: str) -> str:
    """A heading, what the table under it means, and the table; its first row names the columns."""
    header, *body = rows
    lines = [f"## {title}", "", *([text, ""] if text else []), _row(header), _row("---" for _ in header)]
    return "\n".join([*lines, *map(_row, body), ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def span(names: Iterable[str]) -> str:
    """Pythons as a range where they are one: 3.9–3.12."""
    found = versions.ascending(names)
    if not found:
        return "–"
    minors = [int(name.split(".")[1]) for name in found]
    whole = len(found) > 2 and minors == list(range(minors[0], minors[-1] + 1))
    if whole:
        return f"{found[0]}–{found[-1]}"
    if len(found) > 3 and span(found[1:]).count("–") == 1:
        return f"{found[0]}, {span(found[1:])}"
    return ", ".join(found)


MINOR_VERSIONS = """\
The newest release of each minor version. *GPUs*: the compute capabilities that the official build carries machine code for; newer ones
up to what its CUDA knows start by compiling its PTX. *CUDA from*: `wheels` are the packages of the extra `[and-cuda]`."""


def minor_versions(ours: Tables) -> Iterator[list[str]]:
    yield [
        "TensorFlow",
        "newest",
        "Python",
        "CUDA",
        "cuDNN",
        "CUDA from",
        "GPUs",
        "NCCL",
        "TensorRT",
        "aarch64",
        "glibc",
        "CPU",
    ]
    for series in sorted(ours.series.values(), key=lambda row: versions.order(row.name), reverse=True):
        release = next(row for row in ours.newest_first if row.series == series.name)
        yield [
            series.name,
            release.version,
            span(release.wheels["x86_64"].pythons),
            series.cuda,
            series.cudnn,
            _cuda_from(release),
            capabilities(series),
            f"{series.nccl.version} ({NCCL[series.nccl.source]})",
            series.tensorrt.version if series.tensorrt else "–",
            span(release.wheels["aarch64"].pythons) if "aarch64" in release.wheels else "–",
            release.wheels["x86_64"].glibc,
            " ".join(series.cpu_flags).upper() or "any",
        ]


NCCL = {"wheel": "inside", "apt": "system", "and_cuda": "wheels"}


def _cuda_from(release: Release) -> str:
    if not release.cuda_pythons:
        return "apt"
    whole = set(release.cuda_pythons) == set(release.wheels["x86_64"].pythons)
    return "wheels" if whole else f"wheels ({span(release.cuda_pythons)}), apt"


def capabilities(series: Series) -> str:
    """The compute capabilities that a build has code for."""
    codes = ", ".join(series.machine_code)
    return f"{codes}; PTX {series.ptx}" if codes else "not known"


PINS = """\
What later uploads of dependencies broke. The plan adds these pins by itself. They were found by installing releases of
every minor version on several of their Pythons (on 2.7 too, not on 3.3 to 3.5), and by looking into the binaries of cuDNN's wheels."""


def pins(ours: Tables) -> Iterator[list[str]]:
    yield ["TensorFlow", "Python", "pins", "why"]
    for row in ours.constraints:
        where = row.why
        if row.below_capability:
            where = f"on GPUs below {row.below_capability}: {row.why}"
        yield [row.releases or "all", row.python or "all", code(row.pins), where]


def code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


GPUS = (
    "A host's GPUs are known from the PCI bus before there is a driver, by device id; these are some of the products."
)


def gpus(ours: Tables) -> Iterator[list[str]]:
    yield ["compute capability", "architecture", "chips", "products", "newest TensorFlow", "driver branches"]
    known = {chip.capability: chip.architecture for chip in ours.chips}
    for capability in sorted({*known, *ours.gpu_names.values()}, key=versions.order, reverse=True):
        chips = [chip.name for chip in ours.chips if chip.capability == capability]
        products = sorted(name for name, own in ours.gpu_names.items() if own == capability)
        serving = [
            branch.name
            for branch in ours.drivers.values()
            if versions.order(branch.lowest) <= versions.order(capability) <= versions.order(branch.highest)
        ]
        yield [
            capability,
            known.get(capability, "Blackwell"),
            ", ".join(sorted(chips)) or "–",
            ", ".join(products) or "–",
            _newest_for(capability, ours),
            ", ".join(versions.ascending(serving)) or "–",
        ]


def _newest_for(capability: str, ours: Tables) -> str:
    """The newest stable release that serves a compute capability."""
    from ansible_collections.tensorwright.fleet.plugins.plugin_utils.host.facts import Gpu
    from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia.gpu_support import service

    gpu = Gpu("", "", capability, 0)
    for release in ours.stable:
        series = ours.series[release.series]
        if service(gpu, series, ours.cuda[series.cuda], ours).served:
            return release.version
    return "none"


CUDA = """\
*Runs*: the oldest driver that runs programs built with this CUDA. *Compiles*: the oldest that also compiles their PTX, which a GPU
needs that is newer than the machine code in a build. A newer driver serves every older CUDA."""


def cuda(ours: Tables) -> Iterator[list[str]]:
    yield ["CUDA", "runs", "compiles", "compute capabilities"]
    for version in sorted(ours.cuda, key=versions.order, reverse=True):
        row = ours.cuda[version]
        yield [version, row.minimum_driver, row.shipped_driver or "–", f"{row.lowest}–{row.highest or '?'}"]


DRIVERS = "Where a driver has to be installed, the plan takes the branch that is cared for longest and serves all of a host's GPUs."


def drivers(ours: Tables) -> Iterator[list[str]]:
    yield ["branch", "compute capabilities", "open modules", "kind", "end", "Ubuntu's archive", "NVIDIA's repository"]
    for name in sorted(ours.drivers, key=int, reverse=True):
        row = ours.drivers[name]
        modules = f"from {row.open_from}" if row.open_from else "none"
        if row.open_only:
            modules += f", needed from {row.open_only}"
        yield [
            name,
            f"{row.lowest}–{row.highest}",
            modules,
            row.kind,
            row.end or "–",
            ", ".join(row.ubuntu) or "–",
            "yes" if row.repository else "no",
        ]


REPOSITORIES = "Which CUDA the apt repository of a distribution carries. `sbsa` is aarch64."


def repositories(ours: Tables) -> Iterator[list[str]]:
    yield ["repository", "CUDA", "architectures", "signing key"]
    for name, row in ours.repositories.items():
        yield [name, row.cuda, ", ".join(row.architectures), f"`{ours.keys[row.key].fingerprint}`"]


PLATFORMS = "*ansible-core*: the newest that manages the distribution with the Python that it ships."


def platforms(ours: Tables) -> Iterator[list[str]]:
    yield [
        "distribution",
        "Python",
        "glibc",
        "supported until",
        "extended until",
        "ansible-core",
        "newest TensorFlow of its own Python",
    ]
    for name, row in ours.platforms.items():
        default = row.pythons[0]
        newest = next((release.version for release in ours.stable if default in release.pythons), "none")
        yield [
            f"{name} ({row.codename})",
            ", ".join(row.pythons),
            row.glibc,
            row.end,
            row.extended,
            row.ansible or "any",
            newest,
        ]


INSTALLERS = "Environments are filled by uv where it can serve, else by pip; every environment holds a pip."


def installers(ours: Tables) -> Iterator[list[str]]:
    yield ["Python", "installer", "pip"]
    for python in sorted(ours.pip, key=versions.order, reverse=True):
        uv = versions.at_least(python, ours.uv.floor)
        yield [python, f"uv {ours.uv.version}" if uv else f"pip {ours.pip[python]}", ours.pip[python]]


RELEASES = """\
Pythons by the wheels of the package index; the packages with the size of their wheel in MB, and what an environment takes on the disk
(measured, bytecode compiled; GPU builds with CUDA's wheels where there are any)."""


def releases(ours: Tables) -> Iterator[list[str]]:
    yield ["release", "date", "Python (x86_64)", "Python (aarch64)", "glibc", "for the CPU", "for GPUs", "MB on disk"]
    for release in (ours.nightly, *ours.newest_first):
        wheels = release.wheels["x86_64"]
        cpu, gpu = wheels.build("cpu"), wheels.build("gpu")
        name = f"{release.version} ({release.channel})" if release.channel != "stable" else release.version
        arm = release.wheels.get("aarch64")
        yield [
            name,
            release.date or "–",
            span(wheels.pythons),
            span(arm.pythons) if arm else "–",
            wheels.glibc,
            f"`{cpu.package}` {cpu.mb}" if cpu else "–",
            f"`{gpu.package}` {gpu.mb}" if gpu else "–",
            _on_disk(release, ours.series[release.series]),
        ]


def _on_disk(release: Release, series: Series) -> str:
    build = release.wheels["x86_64"].build("cpu")
    return f"{series.mb.gpu if build and build.device == 'gpu' else series.mb.cpu}; GPU {series.mb.cuda}"


CUDA_WHEELS = "What the extra `[and-cuda]` of a release requires."


def cuda_wheels(ours: Tables) -> Iterator[list[str]]:
    yield ["releases", "requirements"]
    for name, requirements in ours.cuda_wheels.items():
        of = [row.version for row in (ours.nightly, *ours.newest_first) if row.cuda_pins == name]
        yield [", ".join(of), code(requirements)]


BUILDING = """\
The tested build, the tags of the official images (X is the release), and an example of where the guides of the day fetched wheels."""


def building(ours: Tables) -> Iterator[list[str]]:
    from ansible_collections.tensorwright.fleet.plugins.plugin_utils.request.wheel_url import of_guides

    yield ["TensorFlow", "Bazel", "compiler", "image tags", "GPU image works", "wheel of the guides"]
    for series in sorted(ours.series.values(), key=lambda row: versions.order(row.name), reverse=True):
        first = [row for row in ours.newest_first if row.series == series.name][-1]
        python = versions.ascending(first.wheels["x86_64"].pythons)[-1]
        url = of_guides(first.version, python, "cpu", ours)
        yield [
            series.name,
            series.build.bazel if series.build else "–",
            series.build.compiler if series.build else "–",
            code(ours.images[series.images].tags),
            "yes" if series.image_gpu else "no",
            f"`{url.rsplit('/', 1)[-1]}`" if url else "–",
        ]


def sources(raw: Mapping[str, Any]) -> str:
    """What the tables were made from."""
    lines = ["## Sources", ""]
    for name in tables.FILES:
        lines.append(f"**compatibility/{name}.yml**")
        lines.append("")
        lines.extend(f"- `{key}`: {text}" for key, text in raw[name]["sources"].items())
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
