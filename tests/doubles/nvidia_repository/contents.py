# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages the stand-in repositories have: names from the tables, versions and dependencies as NVIDIA uploaded them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from ansible_collections.tensorwright.fleet.plugins.plugin_utils.compatibility import loader as tables
from ansible_collections.tensorwright.fleet.plugins.plugin_utils.plan.nvidia import cuda_source

from tests.doubles.nvidia_repository.debs import UBUNTU, Deb

# Which CUDA each repository carries here; the real ones carry more.
CARRIED = {
    "ubuntu1604": ("9.0",),
    "ubuntu2204": ("12.2", "12.3"),
    "ubuntu2404": ("12.5",),
    "debian12": ("12.2", "12.3", "12.5"),
}
# The versions of CUDA's parts, which have numbers of their own; "" is for all others.
VERSIONS: Mapping[str, Mapping[str, str]] = {
    "9.0": {"": "9.0.176-1", "cuda-cublas": "9.0.176.4-1"},
    "12.2": {
        "": "12.2.140-1",
        "cuda-command-line-tools": "12.2.2-1",
        "libcublas": "12.2.5.6-1",
        "libcufft": "11.0.8.103-1",
        "libcurand": "10.3.3.141-1",
        "libcusolver": "11.5.2.141-1",
        "libcusparse": "12.1.2.141-1",
    },
    "12.3": {
        "": "12.3.101-1",
        "cuda-command-line-tools": "12.3.2-1",
        "cuda-nvcc": "12.3.107-1",
        "cuda-nvrtc": "12.3.107-1",
        "libcublas": "12.3.4.1-1",
        "libcufft": "11.0.12.1-1",
        "libcurand": "10.3.4.107-1",
        "libcusolver": "11.5.4.101-1",
        "libcusparse": "12.2.0.103-1",
    },
    "12.5": {
        "": "12.5.82-1",
        "cuda-command-line-tools": "12.5.1-1",
        "libcublas": "12.5.3.2-1",
        "libcufft": "11.2.3.61-1",
        "libcurand": "10.3.6.82-1",
        "libcusolver": "11.6.3.83-1",
        "libcusparse": "12.5.1.3-1",
    },
}
# What was uploaded later, with which the tests look whether it is left alone.
LATER = {"12.3": {"libcublas": "12.3.5.9-1"}}
NEEDS = {
    "cuda-command-line-tools": ("cuda-cupti", "cuda-gdb", "cuda-nvdisasm", "cuda-nvtx", "cuda-sanitizer"),
    "libcusolver": ("libcublas", "libcusparse"),
    "libcusparse": ("libnvjitlink",),
}
ERA_9_NEEDS = {"cuda-cusolver": ("cuda-cublas",)}
DRIVERS = {"first": {"550": "550.163.01", "580": "580.95.05"}, "second": {"550": "550.163.01", "580": "580.105.08"}}
# The last branch that the repository of an old distribution got.
LAST_DRIVERS = {"ubuntu1604": {"465": "465.19.01"}}
SMI = """#!/bin/sh
# Prints the canned host that a test has laid out.
case "$*" in
    *--query-gpu=*) cat /var/lib/stand-in/nvidia-smi/gpus ;;
    *--query-compute-apps=*) cat /var/lib/stand-in/nvidia-smi/processes 2>/dev/null ;;
    *) echo "NVIDIA-SMI {version} (stand-in)" ;;
esac
"""
UNIT = """[Unit]
Description={description}
[Service]
ExecStart=/usr/bin/{program}
[Install]
WantedBy=multi-user.target
"""
DAEMON = "#!/bin/sh\nexec sleep infinity\n"


def part_of(package: str, version: str) -> str:
    """A package's name without its CUDA version: cuda-nvcc-12-3 → cuda-nvcc."""
    return package.removesuffix("-" + version.replace(".", "-"))


def toolkit(version: str, moment: str) -> Iterator[Deb]:
    """CUDA of one version, runtime and development packages."""
    dashed, major = version.replace(".", "-"), version.split(".")[0]
    numbers = {**VERSIONS[version], **(LATER.get(version, {}) if moment == "second" else {})}
    modern = int(major) >= 11
    needs = NEEDS if modern else ERA_9_NEEDS
    parts = {part_of(name, version) for name in cuda_source.packages(version, tables.load())}
    while more := {need for part in parts for need in needs.get(part, ())} - parts:
        parts |= more
    common = f"cuda-toolkit-{dashed}-config-common" if modern else f"cuda-license-{dashed}"
    home = f"/usr/local/cuda-{version}"
    for part in sorted(parts):
        number = numbers.get(part, numbers[""])
        depends = [f"{need}-{dashed} (>= {numbers.get(need, numbers[''])})" for need in needs.get(part, ())]
        stem = part.removeprefix("cuda-").removeprefix("lib")
        stem = "cupti" if stem == "command-line-tools" and not modern else stem  # CUDA 9's tools bring it themselves
        place = "extras/CUPTI/lib64" if stem == "cupti" else "targets/x86_64-linux/lib"
        files = {f"{home}/{place}/lib{stem}.so.{major}": f"stand-in of {part} {number}\n"}
        if part == "cuda-nvcc":
            files = {f"{home}/bin/nvcc": f"#!/bin/sh\necho release {version}\n", f"{home}/bin/ptxas": "#!/bin/sh\n"}
        yield Deb(f"{part}-{dashed}", number, [*depends, common], files=files)
        if part not in ("cuda-command-line-tools", "cuda-nvcc", "cuda-cupti"):
            header = {f"{home}/targets/x86_64-linux/include/{stem}.h": ""}
            yield Deb(f"{part}-dev-{dashed}", number, [f"{part}-{dashed} (>= {number})"], files=header)
    yield from _config(version, numbers[""], modern)


def _config(version: str, number: str, modern: bool) -> Iterator[Deb]:
    """What decides where /usr/local/cuda leads."""
    dashed, major, home = version.replace(".", "-"), version.split(".")[0], f"/usr/local/cuda-{version}"
    lib64 = {f"{home}/lib64 ->": "targets/x86_64-linux/lib"}
    if not modern:
        yield Deb(f"cuda-license-{dashed}", number, files={f"{home}/LICENSE": "", **lib64})
        return
    priority = version.replace(".", "")
    install = f"update-alternatives --install /usr/local/cuda cuda {home} {priority}"
    scripts = {
        "postinst": f"{install}\nupdate-alternatives --install /usr/local/cuda-{major} cuda-{major} {home} {priority}",
        "prerm": f"update-alternatives --remove cuda {home}\nupdate-alternatives --remove cuda-{major} {home}",
    }
    common = [f"cuda-toolkit-{major}-config-common", "cuda-toolkit-config-common"]
    yield Deb(f"cuda-toolkit-{dashed}-config-common", number, common, files=lib64, scripts=scripts)
    for name, file, place in (
        (common[0], f"988_cuda-{major}.conf", f"cuda-{major}"),
        (common[1], "000_cuda.conf", "cuda"),
    ):
        line = f"/usr/local/{place}/targets/x86_64-linux/lib\n"
        yield Deb(name, number, files={f"/etc/ld.so.conf.d/{file}": line})


def libraries(version: str, moment: str) -> Iterator[Deb]:
    """CuDNN, NCCL and TensorRT of every TensorFlow series that was built with this CUDA."""
    requests = set()
    for series in tables.load().series.values():
        if series.cuda == version:
            requests |= {*series.cudnn_apt, *series.nccl.apt, *(series.tensorrt.apt if series.tensorrt else ())}
    for request in sorted(requests):
        name, _, number = request.partition("=")
        soname = f"/usr/lib/x86_64-linux-gnu/{name.split('-')[0].rstrip('0123456789')}.so.{number.split('.')[0]}"
        yield Deb(name, number, files={soname: f"stand-in of {name} {number}\n"})
        if development := DEVELOPMENT.get(name.rstrip("0123456789")):
            yield Deb(development.format(name), number, [f"{name} (= {number})"])
    if moment == "second" and version == "12.3":
        newer = "8.9.7.99-1+cuda12.2"
        yield Deb("libcudnn8", newer, files={"/usr/lib/x86_64-linux-gnu/libcudnn.so.8": "newer\n"})


DEVELOPMENT = {"libcudnn": "{}-dev", "libnccl": "libnccl-dev", "libnvinfer": "libnvinfer-dev"}


def driver(branch: str, version: str, flavour: str, revision: str, maintainer: str) -> Iterator[Deb]:
    """A driver branch, with Ubuntu's names, which NVIDIA's repositories for Ubuntu use as well."""
    end = f"{branch}{flavour}"
    full = f"{version}-{revision}"

    def one(stem: str, depends: tuple[str, ...] = (), *, files: Mapping[str, str]) -> Deb:
        needs = [f"{need}-{end} (= {full})" for need in depends]
        # Of two branches only one can be installed: each package conflicts with its kin of all others.
        return Deb(f"{stem}-{end}", full, needs, [stem], [stem], maintainer=maintainer, files=files)

    library = f"/usr/lib/x86_64-linux-gnu/libcuda.so.{version}"
    yield one("libnvidia-compute", files={library: ""})
    yield one("nvidia-kernel-common", files={"/usr/lib/firmware/nvidia/" + version + "/gsp.bin": ""})
    smi = {"/usr/bin/nvidia-smi": SMI.replace("{version}", version)}
    yield one("nvidia-utils", ("libnvidia-compute",), files=smi)
    units = "/usr/lib/systemd/system/"
    persistence = UNIT.format(description="NVIDIA Persistence Daemon", program="nvidia-persistenced")
    yield one(
        "nvidia-compute-utils",
        ("libnvidia-compute",),
        files={units + "nvidia-persistenced.service": persistence, "/usr/bin/nvidia-persistenced": DAEMON},
    )
    for suffix in ("", "-open"):
        modules = Deb(
            f"nvidia-dkms-{end}{suffix}",
            full,
            [f"nvidia-kernel-common-{end} (= {full})"],
            ["nvidia-dkms-kernel"],
            ["nvidia-dkms-kernel"],
            files={f"/usr/src/nvidia-{version}{suffix}/dkms.conf": ""},
            maintainer=maintainer,
        )
        yield modules
        needs = ("nvidia-utils", "nvidia-compute-utils", "libnvidia-compute")
        yield Deb(
            f"nvidia-driver-{end}{suffix}",
            full,
            [f"{modules.name} (= {full})", *(f"{need}-{end} (= {full})" for need in needs)],
            ["nvidia-driver"],
            ["nvidia-driver"],
            maintainer=maintainer,
        )
    fabric = UNIT.format(description="NVIDIA Fabric Manager", program="nv-fabricmanager")
    yield Deb(
        f"nvidia-fabricmanager-{branch}",
        full,
        files={units + "nvidia-fabricmanager.service": fabric, "/usr/bin/nv-fabricmanager": DAEMON},
        provides=["nvidia-fabricmanager"],
        conflicts=["nvidia-fabricmanager"],
        maintainer=maintainer,
    )


def nvidia(distribution: str, moment: str) -> Iterator[Deb]:
    """NVIDIA's repository for a distribution."""
    found: dict[tuple[str, str], Deb] = {}
    for version in CARRIED[distribution]:
        for deb in (*toolkit(version, moment), *libraries(version, moment)):
            found[deb.name, deb.version] = deb
    yield from found.values()
    for branch, version in LAST_DRIVERS.get(distribution, DRIVERS[moment]).items():
        maintainer = "NVIDIA CORPORATION <nvidia@nvidia.com>"
        yield from driver(branch, version, "", "1", maintainer)
        for name, needed in ((f"cuda-drivers-{branch}", ""), (f"nvidia-open-{branch}", "-open")):
            depends = [f"nvidia-driver-{branch}{needed} (>= {version}-1)"]
            yield Deb(name, f"{version}-1", depends, maintainer=maintainer)


def ubuntu(moment: str) -> Iterator[Deb]:
    """What of Ubuntu's archive the roles install: its drivers and the headers of the kernel that runs."""
    for branch, version in DRIVERS[moment].items():
        yield from driver(branch, version, "-server", "0ubuntu0.1", UBUNTU)
    kernel = os.uname().release
    yield Deb(f"linux-headers-{kernel}", "1.0", maintainer=UBUNTU)


def security(moment: str) -> Iterator[Deb]:
    """A package of somebody else's with a security update that waits."""
    version = "1.0-1" if moment == "first" else "1.0-1+deb12u1"
    maintainer = "Debian Security Team <team@security.debian.org>"
    yield Deb("leaky-stand-in", version, files={"/usr/share/leaky/version": version}, maintainer=maintainer)
