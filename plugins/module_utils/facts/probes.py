# SPDX-License-Identifier: GPL-3.0-or-later
"""What text cannot tell of a host: questions that end by themselves, in time, and change nothing."""

import glob
import json
import os
import re
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple

from ansible_collections.tensorwright.fleet.plugins.module_utils.common.files import text

Found = Tuple[str, str]  # what it is about, and what is wrong there, in words that the table of known troubles knows
Run = Callable[[List[str]], str]  # runs a program, and returns what it printed; empty where there is none or it failed

KERNEL_LINES = 40  # the last lines of the kernel's that are looked at
LITTLE = 200 << 20  # bytes; less is free on no file system in use
LITTLE_AT_BOOT = 20 << 20
FEW = 1000  # inodes
NEARLY_ALL = 0.9  # of a GPU's memory
PLACES = ("/", "/tmp", "/var/tmp", "/var", "/home", "/boot", "/dev/shm", "/var/lib/docker")
LIBRARIES = ("/usr/lib/*-linux-gnu/libcuda.so.*", "/usr/lib64/libcuda.so.*", "/usr/lib/libcuda.so.*")
# Which files of a distribution are missing or of another size than its RECORD says; run by the Python that has it.
RECORD = """
import os, sys
try:
    from importlib import metadata
except ImportError:
    sys.exit(0)
for name in ("tensorflow", "tensorflow_cpu", "tf_nightly", "keras", "numpy", "protobuf"):
    try:
        files = metadata.distribution(name).files or []
    except metadata.PackageNotFoundError:
        continue
    wrong = []
    for file in files:
        if file.suffix == ".pyc":
            continue
        try:
            size = os.stat(str(file.locate())).st_size
        except OSError:
            wrong.append(file)
            continue
        if file.size is not None and size != file.size:
            wrong.append(file)
    if wrong:
        print("RECORD of {} names {} files that are not there or of another size, such as {}".format(name, len(wrong), wrong[0]))
"""


# --- the driver ---------------------------------------------------------------------------------------------------------


def versions(kernel: str, library: str, disk: str) -> Iterator[Found]:
    """Yield where the driver in the kernel, its library and the module on disk are of different versions."""
    there = [version for version in (kernel, library, disk) if version]
    if kernel and len(set(there)) > 1:
        said = (kernel, library or "unknown", disk or "unknown")
        yield "NVIDIA driver", "the driver in the kernel is {0}, its library {1}, the module on disk {2}".format(*said)


def kernel_version(path: str = "/proc/driver/nvidia/version") -> str:
    """Return the version of the driver in the kernel; nothing where there is none."""
    found = re.search(r"\s(\d+\.\d+(?:\.\d+)?)\s", text(path))
    return found.group(1) if found else ""


def library_version(patterns: Iterable[str] = LIBRARIES) -> str:
    """Return the version of the driver's libcuda, by the name of its file; nothing where there is none."""
    found = [re.search(r"\.so\.(\d+\.\d+(?:\.\d+)?)$", path) for pattern in patterns for path in glob.glob(pattern)]
    return max((match.group(1) for match in found if match), default="")


def nouveau(addresses: Iterable[str], devices: str) -> Iterator[Found]:
    """Yield the GPUs that the kernel's own driver has."""
    for address in addresses:
        if os.path.basename(os.path.realpath(os.path.join(devices, address, "driver"))) == "nouveau":
            yield "GPU {0}".format(address), "Nouveau kernel driver is currently in use for GPU {0}".format(address)


def modules(status: str, release: str, root: str = "/var/lib/dkms") -> Iterator[Found]:
    """Yield the driver's modules that dkms has not built for the running kernel, with what their build said."""
    lines = [line for line in status.splitlines() if line.startswith("nvidia")]
    if not lines or any(release in line and "installed" in line for line in lines):
        return
    logs = sorted(glob.glob(os.path.join(root, "nvidia*", "*", "build", "make.log")), key=os.path.getmtime)
    log = text(logs[-1])[-4000:] if logs else ""
    yield "dkms", "\n".join(lines + ["DKMS make.log for nvidia for kernel {0}".format(release), log])


def kernel_messages(lines: str) -> Iterator[Found]:
    """Yield what the kernel says of the driver."""
    told = [line for line in lines.splitlines() if re.search(r"NVRM: |\bXid\b|nvidia.*(?:rejected|fail)", line)]
    if told:
        yield "kernel", "\n".join(told[-KERNEL_LINES:])


def fabric(switches: int, state: str) -> Iterator[Found]:
    """Yield that the fabric manager, which joins GPUs over NVSwitch, does not run where it has to."""
    if switches and state.strip() != "active":
        yield (
            "fabric manager",
            "nvidia-fabricmanager.service is {0}: fabric manager not running".format(state.strip() or "not there"),
        )


def memory(answer: str, holders: str) -> Iterator[Found]:
    """Yield the GPUs whose memory is nearly used up, and who holds it."""
    who = "; ".join(" ".join(line.replace(",", " ").split()) for line in holders.splitlines() if line.strip())
    for line in answer.splitlines():
        numbers = re.findall(r"\d+", line)
        if len(numbers) == 3 and int(numbers[1]) < (1 - NEARLY_ALL) * int(numbers[2]):
            yield (
                "GPU {0}".format(numbers[0]),
                "GPU {0} has {1} of {2} MiB free; held by {3}".format(*numbers + [who or "nobody seen"]),
            )


def idle(there: int, sessions: Iterable[Dict[str, Any]]) -> Iterator[Tuple[str, str, str]]:
    """Yield interpreter, and what is wrong, of sessions that use fewer GPUs than the bus has."""
    for session in sessions:
        used = session.get("gpus")
        if there and isinstance(used, int) and used < there:
            said = "{0} GPU{1} on the bus, and the session uses {2}".format(there, "s" if there > 1 else "", used)
            yield str(session.get("interpreter")), str(session.get("user")), said


def capabilities(answer: str, log: str) -> List[str]:
    """Return what is to be said of GPUs whose compute capability a build has no code for."""
    built = re.findall(r"\b(sm|compute)_(\d+)(\d)[a-z]?\b", log.partition("built for:")[2])
    said = []
    for capability in sorted(set(re.findall(r"\d+\.\d+", answer))) if built else ():
        major, minor = (int(part) for part in capability.split("."))
        code = [(int(one), int(other)) for kind, one, other in built if kind == "sm"]
        later = [(int(one), int(other)) for kind, one, other in built if kind == "compute"]
        same = any(one == major and other <= minor for one, other in code)
        if not same and not any(one <= (major, minor) for one in later):
            said.append("compute capability {0} is not served by this build".format(capability))
    return said


# --- the rest of the host -----------------------------------------------------------------------------------------------


def disks(places: Iterable[str]) -> Iterator[Found]:
    """Yield the file systems that have hardly any room, or hardly any inodes, left."""
    seen = set()
    for place in places:
        try:
            status, device = os.statvfs(place), os.stat(place).st_dev
        except OSError:
            continue
        if device in seen:
            continue
        seen.add(device)
        room = status.f_bavail * status.f_frsize
        little = LITTLE_AT_BOOT if place.startswith("/boot") else min(LITTLE, status.f_blocks * status.f_frsize // 50)
        if status.f_blocks and room < little:
            yield "disk", "{0}: {1} MiB are free: No space left on device".format(place, room >> 20)
        elif status.f_files and status.f_favail < min(FEW, status.f_files // 100):
            yield "disk", "{0}: {1} inodes are free: No space left on device".format(place, status.f_favail)


def containers(there: int, answer: str) -> Iterator[Found]:
    """Yield that Docker gives no GPU to its containers, where the host has some."""
    try:
        known = json.loads(answer or "{}")
    except ValueError:
        return
    if (
        there
        and known
        and "nvidia" not in (known.get("Runtimes") or {})
        and not _specified(known.get("CDISpecDirs") or [])
    ):
        yield "Docker", 'could not select device driver "" with capabilities: [[gpu]]'


def _specified(places: Iterable[str]) -> bool:
    return any(glob.glob(os.path.join(place, "nvidia*")) for place in places)


def surroundings(root: str = "/") -> Dict[str, str]:
    """Return what the host is: which control groups, and whether it is a container or WSL."""
    groups = "2" if os.path.exists(os.path.join(root, "sys/fs/cgroup/cgroup.controllers")) else "1"
    release = text(os.path.join(root, "proc/sys/kernel/osrelease")).strip()
    inside = ""
    if "microsoft" in release.lower():
        inside = "WSL"
    elif any(os.path.exists(os.path.join(root, name)) for name in (".dockerenv", "run/.containerenv")):
        inside = "container"
    return {"cgroup": groups, "inside": inside, "kernel": release}


def variables(printed: str) -> Dict[str, str]:
    """Return what a login shell sets that changes which libraries and packages are found."""
    wanted = ("LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "PYTHONHOME", "CUDA_VISIBLE_DEVICES", "XLA_FLAGS")
    lines = (line.partition("=") for line in printed.splitlines())
    return {name: value for name, _, value in lines if name in wanted and value}
