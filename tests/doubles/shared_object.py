# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for CUDA's shared libraries: empty ones, with a soname and the libraries that they need, which the real loader loads."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

HEADER, PROGRAM, SYMBOL = 64, 56, 24
BASE = 0x10000  # an address in memory is not the place in the file
MACHINES = {"x86_64": 62, "aarch64": 183}


def shared_object(soname: str, needed: Sequence[str] = (), runpath: str = "", machine: str = "x86_64") -> bytes:
    """Return a shared library without any code: one segment, and in it what the loader reads."""
    names = [soname, *needed, *([runpath] if runpath else [])]
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    offsets = [strings.index(b"\0" + name.encode() + b"\0") + 1 for name in names]
    start = HEADER + 2 * PROGRAM
    table = start + SYMBOL  # behind the one symbol that every table begins with
    dynamic = (table + len(strings) + 7) // 8 * 8
    tags = [(14, offsets[0]), *((1, offset) for offset in offsets[1 : 1 + len(needed)])]
    tags += [(29, offsets[-1])] * bool(runpath)
    tags += [(5, BASE + table), (6, BASE + start), (10, len(strings)), (11, SYMBOL), (0, 0)]
    entries = b"".join(struct.pack("<qQ", *tag) for tag in tags)
    end = dynamic + len(entries)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack(
        "<HHIQQQIHHHHHH", 3, MACHINES[machine], 1, 0, HEADER, 0, 0, HEADER, PROGRAM, 2, 64, 0, 0
    )
    load = struct.pack("<IIQQQQQQ", 1, 6, 0, BASE, BASE, end, end, 4096)
    info = struct.pack("<IIQQQQQQ", 2, 6, dynamic, BASE + dynamic, BASE + dynamic, len(entries), len(entries), 8)
    return (header + load + info + bytes(SYMBOL) + strings).ljust(dynamic, b"\0") + entries


def lay_out(directory: Path, needed: Mapping[str, Sequence[str]], runpath: str = "") -> None:
    """Write libraries, soname → what it needs, into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for soname, others in needed.items():
        (directory / soname).write_bytes(shared_object(soname, others, runpath))


# CUDA 12 as its wheels lay it out: directory → soname → what it needs.
WHEELS: dict[str, dict[str, Sequence[str]]] = {
    "cuda_runtime": {"libcudart.so.12": ()},
    "nvjitlink": {"libnvJitLink.so.12": ()},
    "cublas": {
        "libcublas.so.12": ("libcublasLt.so.12",),
        "libcublasLt.so.12": (),
        "libnvblas.so.12": ("libcublas.so.12",),
    },
    "cufft": {"libcufft.so.11": (), "libcufftw.so.11": ("libcufft.so.11",)},
    "cusolver": {
        "libcusolver.so.11": ("libcublas.so.12", "libcublasLt.so.12", "libcusparse.so.12", "libnvJitLink.so.12")
    },
    "cusparse": {"libcusparse.so.12": ("libnvJitLink.so.12",)},
    "cudnn": {
        "libcudnn.so.9": (),
        "libcudnn_engines_runtime_compiled.so.9": ("libcudnn_graph.so.9", "libcuda.so.1"),
        "libcudnn_graph.so.9": (),
        "libcudnn_ops.so.9": ("libcudnn_graph.so.9",),
    },
    "cuda_cupti": {"libcupti.so.12": (), "libnvperf_host.so": ()},
    "nccl": {"libnccl.so.2": ()},
}
CUDA = {soname: needed for libraries in WHEELS.values() for soname, needed in libraries.items()}
USED = sorted(set(CUDA) - {"libnvblas.so.12", "libcufftw.so.11"})
LOADED = [soname for soname in USED if "libcuda.so.1" not in CUDA[soname]]  # where there is no driver


def files() -> dict[str, bytes]:
    """Return what the CUDA wheels bring, as the files of one: path → content."""
    found = {
        f"nvidia/{directory}/lib/{soname}": shared_object(soname, needed, "$ORIGIN:$ORIGIN/../../nvjitlink/lib")
        for directory, libraries in WHEELS.items()
        for soname, needed in libraries.items()
    }
    return {**found, "nvidia/cuda_nvcc/bin/ptxas": b"#!/bin/sh\necho stand-in\n"}
